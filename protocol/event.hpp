// The event: what flows through the hub. One Universal MIDI Packet and the hub time it belongs to.
// Decides: how MIDI 1.0 messages are held as UMP (M2-104-UM: message types 1, 2 and 3).
// Leaves: reading and writing wires (the codecs), sharing (the actors' batch).
// Thread: values; no shared state.
//
//   type 1, system            1 | group | status  | data 1  | data 2            one word
//   type 2, channel voice     2 | group | status  | data 1  | data 2            one word
//   type 3, SysEx, 6 octets   3 | group | form, n | octet 0 | octet 1 | ... 5   two words
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace tutti::protocol {

/// Hub time: nanoseconds of the machine's steady clock. A clock without now(): time is an argument.
struct hub_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<hub_clock>;
  static constexpr bool is_steady = true;
};
using hub_time = hub_clock::time_point;

/// UMP message types (M2-104-UM section 2.1.4). Types 4 and 5 pass through the hub unchanged.
enum class message_type : std::uint8_t {
  utility = 0,
  system = 1,
  midi1_voice = 2,
  sysex7 = 3,
  midi2_voice = 4,
  sysex8 = 5,
};

/// Where in its System Exclusive message a chunk stands (M2-104-UM section 7.7).
/// `cancelled` is ours and never leaves the hub: the message ends here as if it had not come.
enum class sysex_form : std::uint8_t {
  complete = 0,
  start = 1,
  proceed = 2,
  end = 3,
  cancelled = 15
};

/// One Universal MIDI Packet, one to four words; unused words are 0.
struct ump {
  std::array<std::uint32_t, 4> words{};

  constexpr message_type type() const noexcept { return static_cast<message_type>(words[0] >> 28); }
  constexpr std::uint8_t group() const noexcept { return words[0] >> 24 & 0xF; }
  /// Status octet of a type 1 or 2 message, e.g. 0x93 for a Note On of channel 4.
  constexpr std::uint8_t status() const noexcept { return words[0] >> 16 & 0xFF; }
  constexpr std::uint8_t channel() const noexcept { return words[0] >> 16 & 0xF; }
  constexpr std::uint8_t data1() const noexcept { return words[0] >> 8 & 0x7F; }
  constexpr std::uint8_t data2() const noexcept { return words[0] & 0x7F; }

  constexpr bool is_channel_voice() const noexcept { return type() == message_type::midi1_voice; }
  constexpr bool is_system() const noexcept { return type() == message_type::system; }
  constexpr bool is_sysex() const noexcept { return type() == message_type::sysex7; }
  /// System Real-Time: F8 to FF. Passes everything, also an open SysEx.
  constexpr bool is_real_time() const noexcept { return is_system() && status() >= 0xF8; }

  /// Note Off, a controller or pedal at 0, a channel mode message: what a full queue still takes,
  /// as its loss would leave something sounding.
  constexpr bool ends_sound() const noexcept {
    if (!is_channel_voice())
      return false;
    switch (status() & 0xF0) {
    case 0x80: return true;
    case 0x90: return data2() == 0;
    case 0xB0: return data1() >= 120 || data2() == 0;
    default: return false;
    }
  }

  constexpr sysex_form form() const noexcept {
    return static_cast<sysex_form>(words[0] >> 20 & 0xF);
  }
  /// A SysEx chunk that is the first of its message.
  constexpr bool begins_sysex() const noexcept {
    return form() == sysex_form::start || form() == sysex_form::complete;
  }
  /// A SysEx chunk that is the last of its message.
  constexpr bool ends_sysex() const noexcept {
    return form() != sysex_form::start && form() != sysex_form::proceed;
  }
  /// Number of octets in a SysEx chunk, 0 to 6.
  constexpr std::uint8_t sysex_size() const noexcept {
    auto count = static_cast<std::uint8_t>(words[0] >> 16 & 0xF);
    return count > 6 ? 6 : count;
  }
  /// Octet `index` (0 to 5) of a SysEx chunk.
  constexpr std::uint8_t sysex_octet(unsigned index) const noexcept {
    return index < 2 ? words[0] >> (8 * (1 - index)) & 0x7F : words[1] >> (8 * (5 - index)) & 0x7F;
  }

  friend constexpr bool operator==(const ump&, const ump&) = default;
};

/// A MIDI 1.0 channel or system message (not SysEx). Data octets that the status does not have are
/// to be 0, so that equal messages are equal packets.
constexpr ump make_short(std::uint8_t status, std::uint8_t data1 = 0, std::uint8_t data2 = 0,
                         std::uint8_t group = 0) noexcept {
  auto type =
      static_cast<std::uint32_t>(status >= 0xF0 ? message_type::system : message_type::midi1_voice);
  return {{type << 28 | std::uint32_t(group & 0xF) << 24 | std::uint32_t(status) << 16 |
           std::uint32_t(data1 & 0x7F) << 8 | std::uint32_t(data2 & 0x7F)}};
}

/// A SysEx chunk of up to 6 octets, without F0 and F7; more octets are cut off.
constexpr ump make_sysex(sysex_form form, std::span<const std::uint8_t> octets,
                         std::uint8_t group = 0) noexcept {
  auto count = octets.size() < 6 ? octets.size() : 6;
  ump packet{{3u << 28 | std::uint32_t(group & 0xF) << 24 | std::uint32_t(form) << 20 |
              std::uint32_t(count) << 16}};
  for (unsigned i = 0; i < count; ++i) {
    auto octet = std::uint32_t(octets[i] & 0x7F);
    packet.words[i < 2 ? 0 : 1] |= octet << (8 * (i < 2 ? 1 - i : 5 - i));
  }
  return packet;
}

/// Octets of a MIDI 1.0 message with this status, status included; 0 for F0, F7 and data octets.
/// Undefined F4, F5, F9 and FD count as one octet.
constexpr unsigned short_message_size(std::uint8_t status) noexcept {
  if (status < 0x80 || status == 0xF0 || status == 0xF7)
    return 0;
  if (status < 0xF0)
    return (status & 0xE0) == 0xC0 ? 2 : 3;
  return status == 0xF2 ? 3 : status == 0xF1 || status == 0xF3 ? 2 : 1;
}

/// One packet of MIDI and when it belongs. Events of one batch are in order of arrival.
struct event {
  ump message;
  hub_time at{};
  /// The source sent this event in a new packet, not in the same one as the event before it.
  /// RTP-MIDI destinations keep such groups together.
  bool starts_list = true;

  friend constexpr bool operator==(const event&, const event&) = default;
};

} // namespace tutti::protocol
