#include "protocol/journal/parameter_chapter.hpp"

#include <cassert>

namespace tutti::protocol {

namespace {

constexpr std::size_t head_size = 2;

std::uint16_t bit(bool set, unsigned position) noexcept {
  return static_cast<std::uint16_t>(set ? 1u << position : 0);
}

parameter_entry read_entry(byte_reader& reader) noexcept {
  auto octet = reader.u8();
  return {(octet & 0x80) != 0, static_cast<std::uint8_t>(octet & 0x7F)};
}

parameter_buttons read_buttons(byte_reader& reader) noexcept {
  auto word = reader.u16();
  auto clicks = static_cast<std::int16_t>(word & 0x3FFF);
  return {(word & 0x4000) != 0, (word & 0x8000) != 0 ? static_cast<std::int16_t>(-clicks) : clicks};
}

void write_entry(const parameter_entry& entry, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>(bit(entry.is_old, 7) | entry.value));
}

void write_buttons(const parameter_buttons& buttons, byte_writer& writer) {
  auto clicks = buttons.clicks < 0 ? -buttons.clicks : buttons.clicks;
  writer.u16(
      static_cast<std::uint16_t>(bit(buttons.clicks < 0, 15) | bit(buttons.is_old, 14) | clicks));
}

} // namespace

parameter_log_reader::parameter_log_reader(const chapter_m& chapter) noexcept
    : reader_(chapter.logs)
    , short_logs_(chapter.has_short_logs())
    , non_registered_(chapter.only_non_registered) {
}

bool parameter_log_reader::next(parameter_log& log) noexcept {
  if (reader_.empty())
    return false;
  log = {};
  auto lsb = reader_.u8();
  auto msb = short_logs_ ? std::uint8_t{0} : reader_.u8();
  auto flags = reader_.u8();
  log.s = (lsb & 0x80) != 0;
  log.lsb = lsb & 0x7F;
  log.non_registered = short_logs_ ? non_registered_ : (msb & 0x80) != 0;
  log.msb = msb & 0x7F;
  log.count_tool = (flags & 0x04) != 0;
  log.value_tool = (flags & 0x02) != 0;
  if ((flags & 0x80) != 0)
    log.entry_msb = read_entry(reader_);
  if ((flags & 0x40) != 0)
    log.entry_lsb = read_entry(reader_);
  if ((flags & 0x20) != 0)
    log.buttons = read_buttons(reader_);
  if ((flags & 0x10) != 0) {
    log.fresh_buttons = read_buttons(reader_);
    log.fresh_buttons->is_old = false; // the bit is reserved here
  }
  if ((flags & 0x08) != 0)
    log.count = read_entry(reader_);
  return reader_.ok();
}

decoded<chapter_m> decode_chapter_m(byte_reader& reader) {
  auto head = reader.u16();
  auto length = static_cast<std::size_t>(head & 0x3FF);
  chapter_m chapter;
  chapter.s = (head & 0x8000) != 0;
  chapter.pending = (head & 0x4000) != 0;
  chapter.in_progress = (head & 0x2000) != 0;
  chapter.only_registered = (head & 0x1000) != 0;
  chapter.only_non_registered = (head & 0x0800) != 0;
  chapter.only_msb_0 = (head & 0x0400) != 0;
  auto before_logs = head_size + (chapter.pending ? 1 : 0);
  if (!reader.ok() || length < before_logs)
    return decode_error::bad_chapter;
  if (chapter.pending) {
    auto octet = reader.u8();
    chapter.pending_non_registered = (octet & 0x80) != 0;
    chapter.pending_msb = octet & 0x7F;
  }
  chapter.logs = reader.take(length - before_logs);
  if (!reader.ok())
    return decode_error::bad_chapter;
  parameter_log_reader logs(chapter);
  for (parameter_log log; logs.next(log);) {
  }
  if (logs.failed())
    return decode_error::bad_chapter;
  return chapter;
}

void encode_parameter_log(const parameter_log& log, bool short_log, byte_writer& writer) {
  assert(!short_log || log.msb == 0);
  writer.u8(static_cast<std::uint8_t>(bit(log.s, 7) | log.lsb));
  if (!short_log)
    writer.u8(static_cast<std::uint8_t>(bit(log.non_registered, 7) | log.msb));
  writer.u8(static_cast<std::uint8_t>(
      bit(log.entry_msb.has_value(), 7) | bit(log.entry_lsb.has_value(), 6) |
      bit(log.buttons.has_value(), 5) | bit(log.fresh_buttons.has_value(), 4) |
      bit(log.count.has_value(), 3) | bit(log.count_tool, 2) | bit(log.value_tool, 1)));
  if (log.entry_msb)
    write_entry(*log.entry_msb, writer);
  if (log.entry_lsb)
    write_entry(*log.entry_lsb, writer);
  if (log.buttons)
    write_buttons(*log.buttons, writer);
  if (log.fresh_buttons)
    write_buttons(*log.fresh_buttons, writer);
  if (log.count)
    write_entry(*log.count, writer);
}

void encode_chapter_m_head(const chapter_m& chapter, byte_writer& writer) {
  auto length = head_size + (chapter.pending ? 1 : 0) + chapter.logs.size();
  assert(length <= 0x3FF);
  writer.u16(static_cast<std::uint16_t>(
      bit(chapter.s, 15) | bit(chapter.pending, 14) | bit(chapter.in_progress, 13) |
      bit(chapter.only_registered, 12) | bit(chapter.only_non_registered, 11) |
      bit(chapter.only_msb_0, 10) | length));
  if (chapter.pending)
    writer.u8(
        static_cast<std::uint8_t>(bit(chapter.pending_non_registered, 7) | chapter.pending_msb));
}

void encode_chapter_m(const chapter_m& chapter, byte_writer& writer) {
  encode_chapter_m_head(chapter, writer);
  writer.bytes(chapter.logs);
}

} // namespace tutti::protocol
