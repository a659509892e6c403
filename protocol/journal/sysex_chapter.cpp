#include "protocol/journal/sysex_chapter.hpp"

#include <array>
#include <cassert>

namespace tutti::protocol {

namespace {

/// Octets of FIRST that hold 28 bits, far beyond any SysEx; longer ones are refused.
constexpr unsigned max_first_octets = 4;

std::uint8_t bit(bool set, unsigned position) noexcept {
  return static_cast<std::uint8_t>(set ? 1u << position : 0);
}

std::uint32_t read_first(byte_reader& reader) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < max_first_octets; ++i) {
    auto octet = reader.u8();
    value = value << 7 | (octet & 0x7Fu);
    if ((octet & 0x80) == 0)
      return value;
  }
  reader.fail();
  return 0;
}

void write_first(std::uint32_t value, byte_writer& writer) {
  assert(value < 1u << 28);
  for (unsigned group = max_first_octets; group-- > 0;)
    if (group == 0 || value >> (7 * group) != 0)
      writer.u8(static_cast<std::uint8_t>(bit(group > 0, 7) | (value >> (7 * group) & 0x7F)));
}

byte_view read_data(byte_reader& reader) noexcept {
  auto rest = reader.rest();
  std::size_t octets = 0;
  while (octets < rest.size() && (rest[octets] & 0x80) == 0)
    ++octets;
  return reader.take(octets + 1); // fails if the end mark is absent
}

} // namespace

bool sysex_log_reader::next(sysex_log& log) noexcept {
  if (reader_.empty())
    return false;
  log = {};
  auto head = reader_.u8();
  log.s = (head & 0x80) != 0;
  log.list_tool = (head & 0x04) != 0;
  log.status = static_cast<sysex_log_status>(head & 3);
  if ((head & 0x40) != 0)
    log.type_count = reader_.u8();
  if ((head & 0x20) != 0)
    log.count = reader_.u8();
  if ((head & 0x10) != 0)
    log.first = read_first(reader_);
  if ((head & 0x08) != 0)
    log.data = read_data(reader_);
  if (first_ && reader_.ok() && !reader_.empty())
    log.s = log.s || (reader_.peek() & 0x80) != 0;
  first_ = false;
  return reader_.ok();
}

decoded<chapter_x> decode_chapter_x(byte_reader& reader) {
  auto octets = reader.take(reader.remaining());
  if (!reader.ok() || octets.empty())
    return decode_error::bad_chapter;
  chapter_x chapter{(octets[0] & 0x80) != 0, octets};
  sysex_log_reader logs(chapter);
  for (sysex_log log; logs.next(log);) {
  }
  if (logs.failed())
    return decode_error::bad_chapter;
  return chapter;
}

void encode_sysex_log(const sysex_log& log, byte_writer& writer) {
  writer.u8(static_cast<std::uint8_t>(bit(log.s, 7) | bit(log.type_count.has_value(), 6) |
                                      bit(log.count.has_value(), 5) |
                                      bit(log.first.has_value(), 4) | bit(!log.data.empty(), 3) |
                                      bit(log.list_tool, 2) | static_cast<unsigned>(log.status)));
  if (log.type_count)
    writer.u8(*log.type_count);
  if (log.count)
    writer.u8(*log.count);
  if (log.first)
    write_first(*log.first, writer);
  assert(log.data.empty() || (log.data.back() & 0x80) != 0);
  writer.bytes(log.data);
}

} // namespace tutti::protocol
