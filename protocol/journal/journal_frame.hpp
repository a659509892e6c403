// The frame of a recovery journal: its header, and the headers of its system and channel journals.
// Decides: where each part begins and ends. Parts are left by their LENGTH, never by what was read
// of them: real senders write journals that are longer than their chapters.
// Leaves: the chapters (channel_chapters, parameter_chapter, system_chapters, ...).
// Spec: RFC 6295 section 5. Thread: pure functions.
//
//     S Y A H TOTCHAN(4) | checkpoint(16)                       journal, 3 octets
//     S D V Q F X LENGTH(10)                                    system journal, 2 octets
//     S CHAN(4) H LENGTH(10) | P C M W N E T A                  channel journal, 3 octets
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <cstdint>

namespace tutti::protocol {

/// S everywhere: true if nothing in the element concerns the packet before this one, so that after
/// the loss of exactly that packet the element may be skipped.
struct journal_header {
  bool s = true;
  bool has_system = false;   ///< Y
  bool enhanced = false;     ///< H: Chapter C in its enhanced coding somewhere; never in AppleMIDI
  std::uint8_t channels = 0; ///< channel journals that follow, 0 to 16 (A and TOTCHAN)
  std::uint16_t checkpoint = 0;

  friend bool operator==(const journal_header&, const journal_header&) = default;
};

inline constexpr std::size_t journal_header_size = 3;
inline constexpr std::size_t system_header_size = 2;
inline constexpr std::size_t channel_header_size = 3;
/// LENGTH of a system or channel journal has 10 bits.
inline constexpr std::size_t max_part_length = 1023;

/// Bits of the tables of contents. Chapters follow in this order.
namespace toc {
inline constexpr std::uint8_t p = 0x80, c = 0x40, m = 0x20, w = 0x10, n = 0x08, e = 0x04, t = 0x02,
                              a = 0x01;
inline constexpr std::uint8_t d = 0x10, v = 0x08, q = 0x04, f = 0x02, x = 0x01;
} // namespace toc

struct system_journal {
  bool s = true;
  std::uint8_t contents = 0; ///< toc::d to toc::x
  byte_view body;            ///< chapters, and perhaps octets after them
};

struct channel_journal {
  bool s = true;
  std::uint8_t channel = 0;
  bool enhanced = false;
  std::uint8_t contents = 0; ///< toc::p to toc::a
  byte_view body;
};

/// Reads the header at the front; bad_journal if it is cut off.
decoded<journal_header> decode_journal_header(byte_reader& reader);
/// Reads a part with its body, LENGTH octets in all; bad_journal_length if LENGTH is less than the
/// part's header or passes the end.
decoded<system_journal> decode_system_journal(byte_reader& reader);
decoded<channel_journal> decode_channel_journal(byte_reader& reader);

void encode_journal_header(const journal_header& header, byte_writer& writer);
/// Writes a part, header and body. The body has at most max_part_length octets less the header.
void encode_system_journal(const system_journal& part, byte_writer& writer);
void encode_channel_journal(const channel_journal& part, byte_writer& writer);

/// Overwrites `room`, which is the two or three octets that were left for the header of a part
/// whose body is `body_size` octets long.
void write_system_header(std::span<std::uint8_t> room, bool s, std::uint8_t contents,
                         std::size_t body_size) noexcept;
void write_channel_header(std::span<std::uint8_t> room, bool s, std::uint8_t channel,
                          std::uint8_t contents, std::size_t body_size) noexcept;

} // namespace tutti::protocol
