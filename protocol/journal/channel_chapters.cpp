#include "protocol/journal/channel_chapters.hpp"

#include <cassert>

namespace tutti::protocol {

namespace {

bool high_bit(std::uint8_t octet) noexcept {
  return (octet & 0x80) != 0;
}
std::uint8_t low_bits(std::uint8_t octet) noexcept {
  return octet & 0x7F;
}

/// Chapters C, E and A: S, the number of logs less one, the logs.
template <class Chapter>
decoded<Chapter> decode_list_chapter(byte_reader& reader) {
  auto head = reader.u8();
  auto octets = reader.take(2 * (low_bits(head) + std::size_t{1}));
  if (!reader.ok())
    return decode_error::bad_chapter;
  Chapter chapter;
  chapter.s = high_bit(head);
  chapter.logs = decltype(chapter.logs)(octets);
  return chapter;
}

void encode_list_head(bool s, std::size_t logs, byte_writer& writer) {
  assert(logs >= 1 && logs <= 128);
  writer.u8(static_cast<std::uint8_t>((s ? 0x80 : 0) | (logs - 1)));
}

} // namespace

controller_log controller_log::from_octets(std::uint8_t first, std::uint8_t second) noexcept {
  if (!high_bit(second))
    return {high_bit(first), low_bits(first), controller_tool::value, second};
  auto tool = (second & 0x40) != 0 ? controller_tool::count : controller_tool::toggle;
  return {high_bit(first), low_bits(first), tool, static_cast<std::uint8_t>(second & 0x3F)};
}

note_log note_log::from_octets(std::uint8_t first, std::uint8_t second) noexcept {
  return {high_bit(first), low_bits(first), high_bit(second), low_bits(second)};
}

note_extra_log note_extra_log::from_octets(std::uint8_t first, std::uint8_t second) noexcept {
  return {high_bit(first), low_bits(first), high_bit(second), low_bits(second)};
}

note_pressure_log note_pressure_log::from_octets(std::uint8_t first, std::uint8_t second) noexcept {
  return {high_bit(first), low_bits(first), high_bit(second), low_bits(second)};
}

bool chapter_n::is_off(std::uint8_t note) const noexcept {
  auto octet = static_cast<std::size_t>(note >> 3);
  if (octet < low || octet - low >= off_bits.size())
    return false;
  return (off_bits[octet - low] >> (7 - (note & 7)) & 1) != 0;
}

decoded<chapter_p> decode_chapter_p(byte_reader& reader) {
  auto program = reader.u8();
  auto msb = reader.u8();
  auto lsb = reader.u8();
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter_p{high_bit(program), low_bits(program), high_bit(msb),
                   low_bits(msb),     high_bit(lsb),     low_bits(lsb)};
}

decoded<chapter_c> decode_chapter_c(byte_reader& reader) {
  return decode_list_chapter<chapter_c>(reader);
}

decoded<chapter_w> decode_chapter_w(byte_reader& reader) {
  auto first = reader.u8();
  auto second = reader.u8();
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter_w{high_bit(first),
                   static_cast<std::uint16_t>(low_bits(second) << 7 | low_bits(first))};
}

decoded<chapter_n> decode_chapter_n(byte_reader& reader) {
  auto head = reader.u8();
  auto range = reader.u8();
  chapter_n chapter;
  chapter.no_recent_off = high_bit(head);
  chapter.low = range >> 4;
  chapter.high = range & 15;
  auto none = chapter.low == 15 && chapter.high <= 1;
  if (!reader.ok() || (chapter.low > chapter.high && !none))
    return decode_error::bad_chapter;
  std::size_t logs = low_bits(head);
  if (logs == 127 && none && chapter.high == 0)
    logs = 128;
  chapter.logs = log_list<note_log>(reader.take(2 * logs));
  chapter.off_bits = reader.take(none ? 0 : chapter.high - chapter.low + std::size_t{1});
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter;
}

decoded<chapter_e> decode_chapter_e(byte_reader& reader) {
  return decode_list_chapter<chapter_e>(reader);
}

decoded<chapter_t> decode_chapter_t(byte_reader& reader) {
  auto octet = reader.u8();
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter_t{high_bit(octet), low_bits(octet)};
}

decoded<chapter_a> decode_chapter_a(byte_reader& reader) {
  return decode_list_chapter<chapter_a>(reader);
}

std::uint16_t log_octets(const controller_log& log) noexcept {
  if (log.tool == controller_tool::value)
    return log_octets(log.s, log.number, false, log.value);
  auto alt = static_cast<std::uint8_t>((log.value & 0x3F) |
                                       (log.tool == controller_tool::count ? 0x40 : 0));
  return log_octets(log.s, log.number, true, alt);
}

[[gnu::hot]] std::uint16_t chapter_n_head(bool no_recent_off, std::size_t logs, std::uint8_t low,
                                          std::uint8_t high) noexcept {
  // 128 logs leave no note for OFFBITS; LOW=15 and HIGH=0 tell them from 127.
  auto length = logs < 128 ? logs : 127;
  auto range = low <= high ? low << 4 | high : logs < 128 ? 0xF1 : 0xF0;
  return static_cast<std::uint16_t>((no_recent_off ? 0x8000 : 0) | length << 8 | range);
}

void encode_chapter_p(const chapter_p& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>((chapter.s ? 0x80 : 0) | chapter.program));
  writer.u8(static_cast<std::uint8_t>(chapter.has_bank ? 0x80 | chapter.bank_msb : 0));
  auto lsb = (chapter.bank_is_old ? 0x80 : 0) | chapter.bank_lsb;
  writer.u8(static_cast<std::uint8_t>(chapter.has_bank ? lsb : 0));
}

void encode_chapter_c(bool s, std::span<const controller_log> logs, byte_writer& writer) {
  encode_list_head(s, logs.size(), writer);
  for (const auto& log : logs)
    writer.u16(log_octets(log));
}

void encode_chapter_w(const chapter_w& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>((chapter.s ? 0x80 : 0) | (chapter.value & 0x7F)));
  writer.u8(static_cast<std::uint8_t>(chapter.value >> 7 & 0x7F));
}

void encode_chapter_n(bool no_recent_off, std::span<const note_log> logs,
                      std::span<const std::uint8_t, 16> off_bits, byte_writer& writer) {
  assert(logs.size() <= 128);
  std::uint8_t low = 15;
  std::uint8_t high = 0;
  for (std::uint8_t octet = 16; octet-- > 0;)
    if (off_bits[octet] != 0) {
      high = low <= high ? high : octet;
      low = octet;
    }
  auto any = off_bits[low] != 0;
  writer.u16(chapter_n_head(no_recent_off, logs.size(), any ? low : 15, any ? high : 1));
  for (const auto& log : logs)
    writer.u16(log_octets(log.s, log.note, log.play, log.velocity));
  if (any)
    writer.bytes(off_bits.subspan(low, high - low + std::size_t{1}));
}

void encode_chapter_e(bool s, std::span<const note_extra_log> logs, byte_writer& writer) {
  encode_list_head(s, logs.size(), writer);
  for (const auto& log : logs)
    writer.u16(log_octets(log.s, log.note, log.is_velocity, log.value));
}

void encode_chapter_t(const chapter_t& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>((chapter.s ? 0x80 : 0) | chapter.pressure));
}

void encode_chapter_a(bool s, std::span<const note_pressure_log> logs, byte_writer& writer) {
  encode_list_head(s, logs.size(), writer);
  for (const auto& log : logs)
    writer.u16(log_octets(log.s, log.note, log.is_old, log.pressure));
}

} // namespace tutti::protocol
