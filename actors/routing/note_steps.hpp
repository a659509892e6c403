// Transforms of channels and notes.
// Decides: each one's arithmetic. A Note Off goes where its Note On went: all but zones with
// velocities work on channel and note alone, so the two meet the same fate; those zones remember.
// Leaves: order and time (transform_chain), old notes after a change of rules (route_table).
// Thread: owned by one route.
//
// A step has one function: apply(event, out, now) appends what becomes of the event.
#pragma once

#include "actors/routing/channel_rows.hpp"
#include "actors/routing/message.hpp"
#include "actors/routing/value_table.hpp"

#include <vector>

namespace tutti::routing {

inline void append(const event& like, const ump& message, events& out) {
  out.push_back({message, like.at, like.starts_list});
}

class channel_step {
public:
  explicit channel_step(const config::channel_map& map) {
    for (std::size_t i = 0; i < 16; ++i)
      targets_[i] = static_cast<std::uint16_t>(map.targets[i].to_ulong());
  }

  void apply(const event& e, events& out, hub_time) const {
    if (!e.message.is_channel_voice()) {
      out.push_back(e);
      return;
    }
    auto targets = targets_[e.message.channel()];
    for (unsigned channel = 0; targets != 0; ++channel, targets >>= 1)
      if (targets & 1)
        append(e, with_channel(e.message, channel), out);
  }

private:
  std::array<std::uint16_t, 16> targets_{};
};

class transpose_step {
public:
  explicit transpose_step(const config::transposition& by)
      : semitones_(by.semitones) {}

  void apply(const event& e, events& out, hub_time) const {
    if (!has_note(e.message)) {
      out.push_back(e);
      return;
    }
    int note = e.message.data1() + semitones_;
    if (note >= 0 && note < 128)
      append(e, with_data1(e.message, unsigned(note)), out);
  }

private:
  int semitones_;
};

/// The number in the first data octet of some kinds of message, by a table; 255 drops.
class number_table {
public:
  explicit number_table(const config::number_map& map) {
    for (std::size_t i = 0; i < 128; ++i)
      to_[i] = map[i] ? *map[i] : dropped;
  }

  void apply(const event& e, events& out) const {
    if (auto to = to_[e.message.data1()]; to != dropped)
      append(e, with_data1(e.message, to), out);
  }

private:
  static constexpr std::uint8_t dropped = 255;
  std::array<std::uint8_t, 128> to_{};
};

class note_map_step {
public:
  explicit note_map_step(const config::note_map& map)
      : table_(map.to) {}

  void apply(const event& e, events& out, hub_time) const {
    if (has_note(e.message))
      table_.apply(e, out);
    else
      out.push_back(e);
  }

private:
  number_table table_;
};

class velocity_step {
public:
  explicit velocity_step(const config::velocity_map& map)
      : table_(make_value_table(map.value)) {
    for (auto& value : table_)
      value = value == 0 ? 1 : value; // 0 would be a Note Off
  }

  void apply(const event& e, events& out, hub_time) const {
    if (is_note_on(e.message))
      append(e, with_data2(e.message, table_[e.message.data2()]), out);
    else
      out.push_back(e);
  }

private:
  value_table table_;
};

class zones_step {
public:
  explicit zones_step(const config::zones& zones);

  void apply(const event& e, events& out, hub_time);

private:
  struct zone {
    std::int8_t channel; ///< -1: the one it came on
    int transpose;
  };

  unsigned zones_of(const ump& m);
  void play(const event& e, unsigned which, events& out) const;

  std::vector<zone> zones_;
  std::array<std::uint16_t, 128> by_note_{};     ///< zones that hold the note
  std::array<std::uint16_t, 128> by_velocity_{}; ///< zones that hold the velocity
  bool asks_velocity_ = false;
  std::uint16_t channels_ = 0; ///< channels of all zones
  bool same_channel_ = false;  ///< some zone keeps the channel
  /// Zones in which the note sounds; only if velocities are asked.
  channel_rows<std::uint16_t> sounding_;
};

} // namespace tutti::routing
