// The generator's own AppleMIDI and RTP-MIDI: as little as a peer needs to join, play and listen.
// Decides: its bytes, written from the specifications a second time on purpose: the hub is not to
// be measured, nor believed, by its own code. Leaves: when to send what (peer), what the messages
// mean (numbered_stream). Spec: Apple "MIDI Network Driver Protocol"; RFC 6295 sections 2.1 and 3.
// Thread: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tutti::bench {

using octets = std::span<const std::uint8_t>;

/// The two letters after FF FF.
enum class letters : std::uint16_t {
  invite = 0x494E,   // IN
  accept = 0x4F4B,   // OK
  refuse = 0x4E4F,   // NO
  goodbye = 0x4259,  // BY
  clock = 0x434B,    // CK
  feedback = 0x5253, // RS
};

struct session_command {
  letters what{};
  std::uint32_t token = 0; ///< IN, OK, NO, BY
  std::uint32_t ssrc = 0;
  std::uint8_t step = 0;                ///< CK
  std::array<std::uint64_t, 3> times{}; ///< CK, ticks of 100 µs
  std::uint16_t sequence = 0;           ///< RS
};

/// A small datagram by value.
struct small_datagram {
  std::array<std::uint8_t, 96> storage{};
  std::size_t size = 0;

  operator octets() const noexcept { return octets(storage).first(size); }
};

/// `name` goes with IN only and is cut to what fits.
small_datagram write_command(const session_command& command, std::string_view name = {});

/// Nothing if it is not one of the commands above, whole.
std::optional<session_command> read_command(octets datagram);

inline bool is_command(octets datagram) noexcept {
  return datagram.size() >= 4 && datagram[0] == 0xFF && datagram[1] == 0xFF;
}

struct midi_packet {
  std::uint16_t sequence = 0;
  bool first_delta = false; ///< Z
  octets list;
};

/// Octets that a written packet has before its list of `length` octets.
constexpr std::size_t packet_head_size(std::size_t length) noexcept {
  return length > 15 ? 14 : 13;
}

/// Writes RTP and section header, no journal (as macOS does when nothing is pending). Returns
/// where the list of `length` octets is to be put. `out` must have room.
std::uint8_t* write_packet_head(std::uint8_t* out, std::uint16_t sequence, std::uint32_t timestamp,
                                std::uint32_t ssrc, std::size_t length) noexcept;

/// Nothing if it is not RTP-MIDI. A journal is skipped: it is what follows the list.
std::optional<midi_packet> read_packet(octets datagram) noexcept;

} // namespace tutti::bench
