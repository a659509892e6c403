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
  /// Takes note of a message that went out. Constant time.
  void track(const ump& message);

  bool silent() const noexcept;
  /// A note is down now.
  bool holds_notes() const noexcept { return held_notes_ > 0; }
  bool holds_note(std::uint8_t group, std::uint8_t channel, std::uint8_t note) const noexcept;

  /// Appends what silences everything: per channel Note Off (velocity 64) for each held note, the
  /// pedals that are down (64 sustain, 66 sostenuto, 69 hold 2) up, pitch bend to the centre,
  /// channel pressure 0. Afterwards nothing is sounding.
  void release(hub_time at, std::vector<event>& out);

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

  std::array<std::unique_ptr<group_state>, 16> groups_; ///< made when a group is first used
  std::uint32_t held_notes_ = 0;
};

} // namespace tutti::protocol
