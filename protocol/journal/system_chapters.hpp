// The chapters of the system journal but Chapter X: D, V, Q and F.
// Decides: what their bits mean and how they are written.
// Leaves: what to code (system_history), what to repair (system_repair).
// Spec: RFC 6295 appendices B.1 to B.4. Thread: pure functions.
//
//     D    S B G H J K Y Z | logs in the order of these bits
//          B Reset, G Tune Request: S COUNT(7)          H Song Select: S VALUE(7)
//          J F4, K F5: S C V L DSZ(2) LENGTH(10) | COUNT if C | VALUE if V | LEGAL if L
//          Y F9, Z FD: S C L LENGTH(5) | COUNT if C | LEGAL if L
//     V    S COUNT(7)
//     Q    S N D C T TOP(3) | CLOCK(16) if C | TIMETOOLS(24) if T
//     F    S C P Q D POINT(3) | COMPLETE(32) if C | PARTIAL(32) if P
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace tutti::protocol {

/// A count (modulo 128) or a value of 7 bits, with its S.
struct system_log {
  bool s = true;
  std::uint8_t value = 0;

  friend bool operator==(const system_log&, const system_log&) = default;
};

/// F4 or F5 (undefined by MIDI). `value`: data octets, the last one with bit 7 set.
struct undefined_common_log {
  bool s = true;
  std::uint8_t data_size = 0; ///< DSZ: number of data octets, 3 for three or more
  std::optional<std::uint8_t> count;
  byte_view value; ///< empty without V
  byte_view legal; ///< reserved; empty without L
};
/// F9 or FD (undefined by MIDI).
struct undefined_real_time_log {
  bool s = true;
  std::optional<std::uint8_t> count;
  byte_view legal;
};

struct chapter_d {
  bool s = true;
  std::optional<system_log> resets; ///< number of FF
  std::optional<system_log> tunes;  ///< number of F6
  std::optional<system_log> song;   ///< of the latest F3
  std::optional<undefined_common_log> f4;
  std::optional<undefined_common_log> f5;
  std::optional<undefined_real_time_log> f9;
  std::optional<undefined_real_time_log> fd;
};

struct chapter_v {
  bool s = true;
  std::uint8_t count = 0; ///< of FE, modulo 128

  friend bool operator==(const chapter_v&, const chapter_v&) = default;
};

struct chapter_q {
  bool s = true;
  bool running = false;       ///< N
  bool played = false;        ///< D: a clock has played the position, the next one moves on
  bool has_position = false;  ///< C: else the position is the start of the song
  std::uint32_t position = 0; ///< MIDI clocks, 19 bits (TOP and CLOCK); without C only 3 (TOP)
  std::optional<std::uint32_t> time_tools; ///< T: milliseconds, 24 bits

  friend bool operator==(const chapter_q&, const chapter_q&) = default;
};

struct chapter_f {
  bool s = true;
  bool quarter_frames = false; ///< Q: `complete` holds eight nibbles, else HR MN SC FR
  bool reverse = false;        ///< D
  std::uint8_t point = 7;
  std::optional<std::array<std::uint8_t, 4>> complete;
  std::optional<std::array<std::uint8_t, 4>> partial; ///< eight nibbles, unused ones 0

  friend bool operator==(const chapter_f&, const chapter_f&) = default;
};

/// Each reads one chapter at the front of the reader; bad_chapter if it passes the end or
/// contradicts itself.
decoded<chapter_d> decode_chapter_d(byte_reader& reader);
decoded<chapter_v> decode_chapter_v(byte_reader& reader);
decoded<chapter_q> decode_chapter_q(byte_reader& reader);
decoded<chapter_f> decode_chapter_f(byte_reader& reader);

void encode_chapter_d(const chapter_d& chapter, byte_writer& writer);
void encode_chapter_v(const chapter_v& chapter, byte_writer& writer);
void encode_chapter_q(const chapter_q& chapter, byte_writer& writer);
void encode_chapter_f(const chapter_f& chapter, byte_writer& writer);

} // namespace tutti::protocol
