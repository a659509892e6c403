// Questions that filters and transforms ask of a message.
// Decides: its kind in a rule's words, and what counts as Note On and Note Off.
// Leaves: how messages are held (protocol/event).
// Spec: MIDI 1.0 Detailed Specification; M2-104-UM section 7.4 for MIDI 2.0 voice messages.
// Thread: pure functions.
#pragma once

#include "config/rule.hpp"
#include "protocol/event.hpp"

#include <array>
#include <vector>

namespace tutti::routing {

using config::message_kind;
using protocol::event;
using protocol::hub_time;
using protocol::message_type;
using protocol::ump;
using events = std::vector<event>;

/// No deadline.
inline constexpr hub_time never = hub_time::max();

// Channel mode messages (MIDI 1.0, "Channel Mode Messages").
inline constexpr std::uint8_t all_sound_off = 120;
inline constexpr std::uint8_t reset_controllers = 121;
inline constexpr std::uint8_t all_notes_off = 123; ///< 124 to 127 mean it as well

inline constexpr std::uint16_t bend_centre = 8192;

/// Note On with velocity 0 is Note Off.
constexpr bool is_note_on(const ump& m) noexcept {
  return m.is_channel_voice() && m.status() >> 4 == 9 && m.data2() != 0;
}
constexpr bool is_note_off(const ump& m) noexcept {
  return m.is_channel_voice() && (m.status() >> 4 == 8 || (m.status() >> 4 == 9 && m.data2() == 0));
}
constexpr bool is_controller(const ump& m) noexcept {
  return m.is_channel_voice() && m.status() >> 4 == 0xB;
}
constexpr bool is_poly_pressure(const ump& m) noexcept {
  return m.is_channel_voice() && m.status() >> 4 == 0xA;
}
/// Note On, Note Off or poly pressure: what has a note in its first data octet.
constexpr bool has_note(const ump& m) noexcept {
  return m.is_channel_voice() && m.status() < 0xB0;
}

constexpr std::uint16_t bend_of(const ump& m) noexcept {
  return static_cast<std::uint16_t>(m.data1() | m.data2() << 7);
}

/// The same message with another first or second data octet, or on another channel.
constexpr ump with_data1(ump m, unsigned value) noexcept {
  m.words[0] = (m.words[0] & ~0x7F00u) | (value & 0x7F) << 8;
  return m;
}
constexpr ump with_data2(ump m, unsigned value) noexcept {
  m.words[0] = (m.words[0] & ~0x7Fu) | (value & 0x7F);
  return m;
}
constexpr ump with_channel(ump m, unsigned channel) noexcept {
  m.words[0] = (m.words[0] & ~0xF0000u) | (channel & 0xF) << 16;
  return m;
}

constexpr ump make_bend(std::uint8_t channel, std::uint16_t value, std::uint8_t group) noexcept {
  return protocol::make_short(static_cast<std::uint8_t>(0xE0 | channel), value & 0x7F,
                              value >> 7 & 0x7F, group);
}

/// Row of a table that has one for each group and channel.
constexpr unsigned row_of(const ump& m) noexcept {
  return m.group() * 16u + m.channel();
}

message_kind kind_of(const ump& m) noexcept;

} // namespace tutti::routing
