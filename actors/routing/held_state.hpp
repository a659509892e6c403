// What a stream of MIDI has left sounding, and the messages that end it.
// Decides: what counts as held: notes, pedals (64, 66, 67, 69), pitch bend off its centre, channel
// pressure above 0; and the release of each.
// Leaves: where the releases go (route_table).
// Spec: MIDI 1.0 Detailed Specification, "Channel Mode Messages"; MIDI CA RP-015 for controller
// 121. Thread: values; no shared state.
#pragma once

#include "actors/routing/message.hpp"

#include <array>
#include <bitset>
#include <memory>
#include <vector>

namespace tutti::routing {

class held_state {
public:
  held_state() = default;
  held_state(const held_state& other) { *this = other; }
  held_state(held_state&&) noexcept = default;
  held_state& operator=(held_state&&) noexcept = default;
  held_state& operator=(const held_state& other);

  /// Takes note of a message that passed.
  void observe(const ump& m) noexcept {
    if (m.is_channel_voice())
      observe_voice(m);
  }

  bool holds_note(std::uint8_t group, std::uint8_t channel, std::uint8_t note) const noexcept;
  bool holds_pedal(std::uint8_t group, std::uint8_t channel,
                   std::uint8_t controller) const noexcept;
  /// Notes or pedals are held.
  bool holds_keys() const noexcept;
  /// Anything at all is held.
  bool holds() const noexcept;

  /// True if `m` lets go of a note or pedal that is held here.
  bool is_let_go_by(const ump& m) const noexcept;

  /// Appends what ends all that is held, stamped `at`, and forgets it.
  void release(hub_time at, events& out);
  /// The same for bend and pressure only.
  void release_bends(hub_time at, events& out);
  /// The same for what a channel mode message `m` ends, before it comes: notes for 120 and 123 to
  /// 127, pedals, bend and pressure for 121. Forgets nothing.
  void list_ended_by(const ump& m, hub_time at, events& out) const;

  void clear() noexcept;

private:
  struct channel_state {
    std::bitset<128> notes;
    std::uint8_t pedals = 0; ///< bit i for pedals[i]
    bool bent = false;
    bool pressed = false;

    bool holds_keys() const noexcept { return notes.any() || pedals != 0; }
    bool holds() const noexcept { return holds_keys() || bent || pressed; }
  };
  using group_state = std::array<channel_state, 16>;

  void observe_voice(const ump& m) noexcept;
  void observe_controller(channel_state& channel, unsigned controller, unsigned value) noexcept;
  const channel_state* find(unsigned group, unsigned channel) const noexcept {
    return group < groups_.size() && groups_[group] ? &(*groups_[group])[channel] : nullptr;
  }
  channel_state& at(unsigned group, unsigned channel);

  template <class Use>
  void each_channel(Use use);

  /// By group; made when something is first held there.
  std::vector<std::unique_ptr<group_state>> groups_;
};

} // namespace tutti::routing
