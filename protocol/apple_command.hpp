// The datagrams that open, keep and close an AppleMIDI session.
// Decides: what the bytes mean and how they are written.
// Leaves: what to answer (session_engine).
// Spec: Apple "MIDI Network Driver Protocol"; receiver feedback also RFC 6295 appendix C.2.2.2.
// Thread: pure functions.
//
//   0        2        4         8          12      16
//   | FF FF  | I N    | version | token    | ssrc  | name ... 00 |   IN OK NO BY
//   | FF FF  | C K    | ssrc    | step 000 | time 1, 2, 3, 8 octets each |   CK
//   | FF FF  | R S    | ssrc    | sequence field |   RS
//   | FF FF  | R L    | ssrc    | bits per second |   RL
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace tutti::protocol {

enum class invitation_kind : std::uint8_t { invite, accept, refuse, goodbye };

/// IN, OK, NO or BY. `ssrc` and `name` are always the sender's own.
struct invitation {
  invitation_kind kind = invitation_kind::invite;
  std::uint32_t token = 0;
  std::uint32_t ssrc = 0;
  /// UTF-8 of at most max_kept_name octets, broken sequences replaced; empty if none was sent.
  std::string name;

  friend bool operator==(const invitation&, const invitation&) = default;
};

/// CK. Times are in ticks of 100 µs; those that the step does not use hold anything.
struct clock_exchange {
  std::uint32_t ssrc = 0;
  std::uint8_t step = 0; ///< 0, 1 or 2
  std::array<std::uint64_t, 3> times{};

  friend bool operator==(const clock_exchange&, const clock_exchange&) = default;
};

/// RS. Peers put the sequence number in either half, see acknowledged_sequence().
struct receiver_feedback {
  std::uint32_t ssrc = 0;
  std::uint32_t field = 0;

  friend bool operator==(const receiver_feedback&, const receiver_feedback&) = default;
};

/// RL: the sender asks to be sent no more than this.
struct bitrate_limit {
  std::uint32_t ssrc = 0;
  std::uint32_t bits_per_second = 0;

  friend bool operator==(const bitrate_limit&, const bitrate_limit&) = default;
};

using apple_command = std::variant<invitation, clock_exchange, receiver_feedback, bitrate_limit>;

/// Octets of a peer's name that are kept; the rest is cut at a character boundary.
inline constexpr std::size_t max_kept_name = 256;
/// Octets of our own name that are sent.
inline constexpr std::size_t max_sent_name = 63;
/// Longest command that encode_apple_command writes.
inline constexpr std::size_t max_apple_command = 16 + max_sent_name + 1;

/// True if the datagram starts with FF FF; no RTP packet does.
constexpr bool looks_like_apple_command(byte_view datagram) noexcept {
  return datagram.size() >= 2 && datagram[0] == 0xFF && datagram[1] == 0xFF;
}

/// Reads one command. Octets after it are ignored, as peers pad. Names need not end with NUL.
decoded<apple_command> decode_apple_command(byte_view datagram);

/// Writes one command; the writer fails if there is no room. NO and BY are written without a name,
/// an RS with `field` as it stands. A name is cut at max_sent_name octets and ends with NUL.
void encode_apple_command(const apple_command& command, byte_writer& writer);

/// The sequence number that a feedback's field acknowledges, given the window of numbers that are
/// open (`lowest`: the last one acknowledged, `highest`: the last one sent, both in 16 bits with
/// wrap). macOS, rtpMIDI and the Arduino library use the upper half, rtpmidid the lower; the upper
/// one wins. Nothing if neither half lies in the window.
struct acknowledged {
  bool found = false;
  std::uint16_t sequence = 0;
};
acknowledged acknowledged_sequence(std::uint32_t field, std::uint16_t lowest,
                                   std::uint16_t highest) noexcept;

/// `text` as valid UTF-8 of at most `limit` octets: bad sequences become U+FFFD, control
/// characters blanks, and the cut never splits a character.
std::string clean_name(std::string_view text, std::size_t limit);

} // namespace tutti::protocol
