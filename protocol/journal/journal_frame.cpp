#include "protocol/journal/journal_frame.hpp"

#include <array>
#include <cassert>

namespace tutti::protocol {

namespace {

std::uint8_t bit(bool set, unsigned position) noexcept {
  return static_cast<std::uint8_t>(set ? 1u << position : 0);
}

} // namespace

decoded<journal_header> decode_journal_header(byte_reader& reader) {
  auto flags = reader.u8();
  auto checkpoint = reader.u16();
  if (!reader.ok())
    return decode_error::bad_journal;
  journal_header header;
  header.s = (flags & 0x80) != 0;
  header.has_system = (flags & 0x40) != 0;
  header.enhanced = (flags & 0x10) != 0;
  // Without A the field TOTCHAN means nothing; with it, it is the number less one.
  header.channels = (flags & 0x20) != 0 ? static_cast<std::uint8_t>((flags & 0x0F) + 1) : 0;
  header.checkpoint = checkpoint;
  return header;
}

decoded<system_journal> decode_system_journal(byte_reader& reader) {
  auto head = reader.u16();
  auto length = static_cast<std::size_t>(head & 0x3FF);
  if (!reader.ok() || length < system_header_size)
    return decode_error::bad_journal_length;
  auto body = reader.take(length - system_header_size);
  if (!reader.ok())
    return decode_error::bad_journal_length;
  return system_journal{(head & 0x8000) != 0, static_cast<std::uint8_t>(head >> 10 & 0x1F), body};
}

decoded<channel_journal> decode_channel_journal(byte_reader& reader) {
  auto head = reader.u16();
  auto contents = reader.u8();
  auto length = static_cast<std::size_t>(head & 0x3FF);
  if (!reader.ok() || length < channel_header_size)
    return decode_error::bad_journal_length;
  auto body = reader.take(length - channel_header_size);
  if (!reader.ok())
    return decode_error::bad_journal_length;
  return channel_journal{(head & 0x8000) != 0, static_cast<std::uint8_t>(head >> 11 & 0x0F),
                         (head & 0x0400) != 0, contents, body};
}

[[gnu::hot]] void encode_journal_header(const journal_header& header, byte_writer& writer) {
  auto totchan = header.channels > 0 ? header.channels - 1 : 0;
  writer.u8(static_cast<std::uint8_t>(bit(header.s, 7) | bit(header.has_system, 6) |
                                      bit(header.channels > 0, 5) | bit(header.enhanced, 4) |
                                      (totchan & 0x0F)));
  writer.u16(header.checkpoint);
}

void encode_system_journal(const system_journal& part, byte_writer& writer) {
  std::array<std::uint8_t, system_header_size> head{};
  write_system_header(head, part.s, part.contents, part.body.size());
  writer.bytes(head);
  writer.bytes(part.body);
}

void encode_channel_journal(const channel_journal& part, byte_writer& writer) {
  std::array<std::uint8_t, channel_header_size> head{};
  write_channel_header(head, part.s, part.channel, part.contents, part.body.size());
  head[0] = static_cast<std::uint8_t>(head[0] | bit(part.enhanced, 2));
  writer.bytes(head);
  writer.bytes(part.body);
}

void write_system_header(std::span<std::uint8_t> room, bool s, std::uint8_t contents,
                         std::size_t body_size) noexcept {
  auto length = body_size + system_header_size;
  assert(length <= max_part_length && room.size() >= system_header_size);
  room[0] = static_cast<std::uint8_t>(bit(s, 7) | (contents & 0x1F) << 2 | length >> 8);
  room[1] = static_cast<std::uint8_t>(length);
}

[[gnu::hot]] void write_channel_header(std::span<std::uint8_t> room, bool s, std::uint8_t channel,
                                       std::uint8_t contents, std::size_t body_size) noexcept {
  auto length = body_size + channel_header_size;
  assert(length <= max_part_length && room.size() >= channel_header_size);
  room[0] = static_cast<std::uint8_t>(bit(s, 7) | (channel & 0x0F) << 3 | length >> 8);
  room[1] = static_cast<std::uint8_t>(length);
  room[2] = contents;
}

} // namespace tutti::protocol
