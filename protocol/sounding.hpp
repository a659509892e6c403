// What one source has left sounding at its destinations, and the messages that silence it.
// Decides: what counts as sounding: held notes, pedals, a bent pitch, channel pressure.
// Leaves: when the source is gone (router, routes). Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

namespace tutti::protocol {

class sounding {
public:
  sounding() = default;
  sounding(const sounding& other) { *this = other; }
  sounding(sounding&&) noexcept = default;
  sounding& operator=(const sounding& other);
  sounding& operator=(sounding&&) noexcept = default;

  /// Takes note of a message that went out. Constant time.
  void track(const ump& message);

  bool silent() const noexcept;
  /// A note is down now.
  bool holds_notes() const noexcept { return held_notes_ > 0; }
  bool holds_note(std::uint8_t group, std::uint8_t channel, std::uint8_t note) const noexcept;

  /// Notes or pedals are down now.
  bool holds_keys() const noexcept;
  /// The message lets go of a note or pedal that is down.
  bool is_let_go_by(const ump& message) const noexcept;
  /// Appends what a channel mode message ends (notes, or for 121 pedals, bend and pressure), one by
  /// one, for destinations that the mode message itself may not reach. Forgets nothing.
  void list_ended_by(const ump& mode_message, hub_time at, std::vector<event>& out) const;

  /// Appends what silences everything: per channel Note Off (velocity 64) for each held note, the
  /// pedals that are down (64 sustain, 66 sostenuto, 69 hold 2) up, pitch bend to the centre,
  /// channel pressure 0. Afterwards nothing is sounding.
  void release(hub_time at, std::vector<event>& out);
  /// The same for bend and pressure alone; notes and pedals stay.
  void release_bends(hub_time at, std::vector<event>& out);

private:
  struct channel_state {
    std::bitset<128> notes;
    std::uint8_t pedals = 0; ///< bit per entry of the pedal list
    bool bent = false;
    bool pressed = false;
  };
  using group_state = std::array<channel_state, 16>;

  void track_controller(channel_state& channel, std::uint8_t number, std::uint8_t value);
  void forget_notes(channel_state& channel) noexcept;
  const channel_state* find(const ump& message) const noexcept;

  std::array<std::unique_ptr<group_state>, 16> groups_; ///< made when a group is first used
  std::uint32_t held_notes_ = 0;
};

} // namespace tutti::protocol
