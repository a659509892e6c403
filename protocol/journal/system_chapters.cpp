#include "protocol/journal/system_chapters.hpp"

#include <cassert>

namespace tutti::protocol {

namespace {

std::uint8_t bit(bool set, unsigned position) noexcept {
  return static_cast<std::uint8_t>(set ? 1u << position : 0);
}

system_log read_log(byte_reader& reader) noexcept {
  auto octet = reader.u8();
  return {(octet & 0x80) != 0, static_cast<std::uint8_t>(octet & 0x7F)};
}

void write_log(const std::optional<system_log>& log, byte_writer& writer) {
  if (log)
    writer.u8(static_cast<std::uint8_t>(bit(log->s, 7) | log->value));
}

/// Fails the reader if the log's parts pass its LENGTH.
undefined_common_log read_common(byte_reader& reader) noexcept {
  auto head = reader.u16();
  auto length = static_cast<std::size_t>(head & 0x3FF);
  undefined_common_log log;
  log.s = (head & 0x8000) != 0;
  log.data_size = head >> 10 & 3;
  byte_reader body(reader.take(length < 2 ? reader.remaining() + 1 : length - 2));
  if ((head & 0x4000) != 0)
    log.count = body.u8();
  if ((head & 0x2000) != 0) {
    auto rest = body.rest();
    std::size_t octets = 0;
    while (octets < rest.size() && (rest[octets] & 0x80) == 0)
      ++octets;
    log.value = body.take(octets + 1);
  }
  if (!body.ok())
    reader.fail();
  if ((head & 0x1000) != 0)
    log.legal = body.rest();
  return log;
}

undefined_real_time_log read_real_time(byte_reader& reader) noexcept {
  auto head = reader.u8();
  auto length = static_cast<std::size_t>(head & 0x1F);
  undefined_real_time_log log;
  log.s = (head & 0x80) != 0;
  byte_reader body(reader.take(length < 1 ? reader.remaining() + 1 : length - 1));
  if ((head & 0x40) != 0)
    log.count = body.u8();
  if (!body.ok())
    reader.fail();
  if ((head & 0x20) != 0)
    log.legal = body.rest();
  return log;
}

void write_common(const std::optional<undefined_common_log>& log, byte_writer& writer) {
  if (!log)
    return;
  auto length = 2 + (log->count ? 1 : 0) + log->value.size() + log->legal.size();
  assert(length <= 0x3FF);
  writer.u16(static_cast<std::uint16_t>(
      (log->s ? 0x8000 : 0) | (log->count ? 0x4000 : 0) | (log->value.empty() ? 0 : 0x2000) |
      (log->legal.empty() ? 0 : 0x1000) | (log->data_size & 3) << 10 | length));
  if (log->count)
    writer.u8(*log->count);
  writer.bytes(log->value);
  writer.bytes(log->legal);
}

void write_real_time(const std::optional<undefined_real_time_log>& log, byte_writer& writer) {
  if (!log)
    return;
  auto length = 1 + (log->count ? 1 : 0) + log->legal.size();
  assert(length <= 0x1F);
  writer.u8(static_cast<std::uint8_t>(bit(log->s, 7) | bit(log->count.has_value(), 6) |
                                      bit(!log->legal.empty(), 5) | length));
  if (log->count)
    writer.u8(*log->count);
  writer.bytes(log->legal);
}

std::array<std::uint8_t, 4> read_four(byte_reader& reader) noexcept {
  return {reader.u8(), reader.u8(), reader.u8(), reader.u8()};
}

} // namespace

decoded<chapter_d> decode_chapter_d(byte_reader& reader) {
  auto head = reader.u8();
  chapter_d chapter;
  chapter.s = (head & 0x80) != 0;
  if ((head & 0x40) != 0)
    chapter.resets = read_log(reader);
  if ((head & 0x20) != 0)
    chapter.tunes = read_log(reader);
  if ((head & 0x10) != 0)
    chapter.song = read_log(reader);
  if ((head & 0x08) != 0)
    chapter.f4 = read_common(reader);
  if ((head & 0x04) != 0)
    chapter.f5 = read_common(reader);
  if ((head & 0x02) != 0)
    chapter.f9 = read_real_time(reader);
  if ((head & 0x01) != 0)
    chapter.fd = read_real_time(reader);
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter;
}

decoded<chapter_v> decode_chapter_v(byte_reader& reader) {
  auto log = read_log(reader);
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter_v{log.s, log.value};
}

decoded<chapter_q> decode_chapter_q(byte_reader& reader) {
  auto head = reader.u8();
  chapter_q chapter;
  chapter.s = (head & 0x80) != 0;
  chapter.running = (head & 0x40) != 0;
  chapter.played = (head & 0x20) != 0;
  chapter.has_position = (head & 0x10) != 0;
  chapter.position = head & 0x07u;
  if (chapter.has_position)
    chapter.position = chapter.position << 16 | reader.u16();
  if ((head & 0x08) != 0)
    chapter.time_tools = reader.u24();
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter;
}

decoded<chapter_f> decode_chapter_f(byte_reader& reader) {
  auto head = reader.u8();
  chapter_f chapter;
  chapter.s = (head & 0x80) != 0;
  chapter.quarter_frames = (head & 0x10) != 0;
  chapter.reverse = (head & 0x08) != 0;
  chapter.point = head & 0x07;
  if ((head & 0x40) != 0)
    chapter.complete = read_four(reader);
  if ((head & 0x20) != 0)
    chapter.partial = read_four(reader);
  if (!reader.ok())
    return decode_error::bad_chapter;
  return chapter;
}

void encode_chapter_d(const chapter_d& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>(
      bit(chapter.s, 7) | bit(chapter.resets.has_value(), 6) | bit(chapter.tunes.has_value(), 5) |
      bit(chapter.song.has_value(), 4) | bit(chapter.f4.has_value(), 3) |
      bit(chapter.f5.has_value(), 2) | bit(chapter.f9.has_value(), 1) |
      bit(chapter.fd.has_value(), 0)));
  write_log(chapter.resets, writer);
  write_log(chapter.tunes, writer);
  write_log(chapter.song, writer);
  write_common(chapter.f4, writer);
  write_common(chapter.f5, writer);
  write_real_time(chapter.f9, writer);
  write_real_time(chapter.fd, writer);
}

void encode_chapter_v(const chapter_v& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>(bit(chapter.s, 7) | chapter.count));
}

void encode_chapter_q(const chapter_q& chapter, byte_writer& writer) {
  auto top = chapter.has_position ? chapter.position >> 16 : chapter.position;
  writer.u8(static_cast<std::uint8_t>(bit(chapter.s, 7) | bit(chapter.running, 6) |
                                      bit(chapter.played, 5) | bit(chapter.has_position, 4) |
                                      bit(chapter.time_tools.has_value(), 3) | (top & 7)));
  if (chapter.has_position)
    writer.u16(static_cast<std::uint16_t>(chapter.position));
  if (chapter.time_tools)
    writer.u24(*chapter.time_tools);
}

void encode_chapter_f(const chapter_f& chapter, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>(bit(chapter.s, 7) | bit(chapter.complete.has_value(), 6) |
                                      bit(chapter.partial.has_value(), 5) |
                                      bit(chapter.quarter_frames, 4) | bit(chapter.reverse, 3) |
                                      (chapter.point & 7)));
  if (chapter.complete)
    writer.bytes(*chapter.complete);
  if (chapter.partial)
    writer.bytes(*chapter.partial);
}

} // namespace tutti::protocol
