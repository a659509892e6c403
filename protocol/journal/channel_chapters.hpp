// The chapters of a channel journal that are lists of two octets, or less: P, C, W, N, E, T, A.
// Decides: what their bits mean and how they are written.
// Leaves: Chapter M (parameter_chapter), what to code (channel_history), what to repair
// (channel_repair). Spec: RFC 6295 appendices A.2, A.3 and A.5 to A.9. Thread: pure functions.
//
//     P    S PROGRAM(7) | B BANK-MSB(7) | X BANK-LSB(7)
//     C    S LEN(7) | { S NUMBER(7) | A VALUE(7), or A=1 T ALT(6) } LEN+1 times
//     W    S FIRST(7) | R SECOND(7)
//     N    B LEN(7) | LOW(4) HIGH(4) | { S NOTE(7) | Y VELOCITY(7) } LEN times | OFFBITS
//     E    S LEN(7) | { S NOTE(7) | V COUNT or VELOCITY(7) } LEN+1 times
//     T    S PRESSURE(7)
//     A    S LEN(7) | { S NOTE(7) | X PRESSURE(7) } LEN+1 times
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <cstdint>
#include <span>

namespace tutti::protocol {

/// The logs of a list chapter, two octets each, as they lie in the journal.
template <class Log>
class log_list {
public:
  log_list() = default;
  explicit log_list(byte_view octets) noexcept
      : octets_(octets) {}

  std::size_t size() const noexcept { return octets_.size() / 2; }
  Log operator[](std::size_t index) const noexcept {
    return Log::from_octets(octets_[2 * index], octets_[2 * index + 1]);
  }

private:
  byte_view octets_;
};

struct chapter_p {
  bool s = true;
  std::uint8_t program = 0;
  bool has_bank = false; ///< B: a CC 0 came before; else the rest is 0
  std::uint8_t bank_msb = 0;
  bool bank_is_old = false;  ///< X: a CC 121 came between that CC 0 and the Program Change
  std::uint8_t bank_lsb = 0; ///< of a CC 32 after that CC 0; else 0

  friend bool operator==(const chapter_p&, const chapter_p&) = default;
};

enum class controller_tool : std::uint8_t {
  value,  ///< the data octet of the latest command, 0 to 127
  toggle, ///< changes between off (0..63) and on (64..127) in the session, modulo 64
  count,  ///< commands in the session, modulo 64
};

struct controller_log {
  bool s = true;
  std::uint8_t number = 0;
  controller_tool tool = controller_tool::value;
  std::uint8_t value = 0;

  static controller_log from_octets(std::uint8_t first, std::uint8_t second) noexcept;
  friend bool operator==(const controller_log&, const controller_log&) = default;
};

/// Oldest command first; several tools of one command stand together: count, value, toggle.
struct chapter_c {
  bool s = true;
  log_list<controller_log> logs;
};

struct chapter_w {
  bool s = true;
  std::uint16_t value = 0; ///< 0 to 16383

  friend bool operator==(const chapter_w&, const chapter_w&) = default;
};

struct note_log {
  bool s = true;
  std::uint8_t note = 0;
  bool play = false; ///< Y: the Note On is recent enough to be played when it was lost
  std::uint8_t velocity = 0;

  static note_log from_octets(std::uint8_t first, std::uint8_t second) noexcept;
  friend bool operator==(const note_log&, const note_log&) = default;
};

struct chapter_n {
  bool no_recent_off =
      true; ///< B: the packet before holds no Note Off; takes the part of S for OFFBITS
  std::uint8_t low = 15;   ///< OFFBITS begin with note 8 * low ...
  std::uint8_t high = 1;   ///< ... and end with note 8 * high + 7; none if low > high
  log_list<note_log> logs; ///< notes whose latest event is a Note On
  byte_view off_bits;      ///< notes whose latest event is a Note Off, bit 7 first

  bool is_off(std::uint8_t note) const noexcept;
};

struct note_extra_log {
  bool s = true;
  std::uint8_t note = 0;
  bool is_velocity =
      false; ///< V: release velocity of the latest Note Off; else Note Ons still down
  std::uint8_t value = 0;

  static note_extra_log from_octets(std::uint8_t first, std::uint8_t second) noexcept;
  friend bool operator==(const note_extra_log&, const note_extra_log&) = default;
};

struct chapter_e {
  bool s = true;
  log_list<note_extra_log> logs;
};

struct chapter_t {
  bool s = true;
  std::uint8_t pressure = 0;

  friend bool operator==(const chapter_t&, const chapter_t&) = default;
};

struct note_pressure_log {
  bool s = true;
  std::uint8_t note = 0;
  bool is_old = false; ///< X: a CC 120 or 123 to 127 came after it
  std::uint8_t pressure = 0;

  static note_pressure_log from_octets(std::uint8_t first, std::uint8_t second) noexcept;
  friend bool operator==(const note_pressure_log&, const note_pressure_log&) = default;
};

struct chapter_a {
  bool s = true;
  log_list<note_pressure_log> logs;
};

/// Each reads one chapter at the front of the reader; bad_chapter if it passes the end or, for N,
/// if LOW and HIGH contradict each other. After an error the reader is of no more use.
decoded<chapter_p> decode_chapter_p(byte_reader& reader);
decoded<chapter_c> decode_chapter_c(byte_reader& reader);
decoded<chapter_w> decode_chapter_w(byte_reader& reader);
decoded<chapter_n> decode_chapter_n(byte_reader& reader);
decoded<chapter_e> decode_chapter_e(byte_reader& reader);
decoded<chapter_t> decode_chapter_t(byte_reader& reader);
decoded<chapter_a> decode_chapter_a(byte_reader& reader);

void encode_chapter_p(const chapter_p& chapter, byte_writer& writer);
/// 1 to 128 logs.
void encode_chapter_c(bool s, std::span<const controller_log> logs, byte_writer& writer);
void encode_chapter_w(const chapter_w& chapter, byte_writer& writer);
/// Up to 128 logs; `off_bits` are the octets for notes 0 to 127, of which those from the first to
/// the last that is not 0 are written.
void encode_chapter_n(bool no_recent_off, std::span<const note_log> logs,
                      std::span<const std::uint8_t, 16> off_bits, byte_writer& writer);
void encode_chapter_e(bool s, std::span<const note_extra_log> logs, byte_writer& writer);
void encode_chapter_t(const chapter_t& chapter, byte_writer& writer);
void encode_chapter_a(bool s, std::span<const note_pressure_log> logs, byte_writer& writer);

/// The octets of single logs, high octet first, and of Chapter N's first two octets.
constexpr std::uint16_t log_octets(bool s, std::uint8_t first, bool flag,
                                   std::uint8_t second) noexcept {
  return static_cast<std::uint16_t>((s ? 0x8000 : 0) | first << 8 | (flag ? 0x80 : 0) | second);
}
std::uint16_t log_octets(const controller_log& log) noexcept;
std::uint16_t chapter_n_head(bool no_recent_off, std::size_t logs, std::uint8_t low,
                             std::uint8_t high) noexcept;

} // namespace tutti::protocol
