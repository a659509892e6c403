// RTP-MIDI packets and MIDI lists, read and written; see the drawing in the header.
// Decides: what is refused as a whole, and where a list that breaks a rule ends.
// Leaves: sequence numbers, the journal's contents, and what becomes of the commands.
// Spec: RFC 3550 section 5.1; RFC 6295 sections 2.1, 3 and 3.2. Thread: pure functions.
//
// Everything here runs once or more per packet; nothing allocates.
#include "protocol/rtp_packet.hpp"

#include "protocol/event.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

namespace tutti::protocol {

namespace {

constexpr std::uint8_t rtp_version = 2;

// First octet of the command section header.
constexpr std::uint8_t long_length = 0x80;     // B
constexpr std::uint8_t journal_follows = 0x40; // J
constexpr std::uint8_t delta_first = 0x20;     // Z
constexpr std::uint8_t phantom_status = 0x10;  // P

constexpr std::size_t max_delta_octets = 5;
constexpr std::uint32_t max_delta = (1u << 28) - 1;

constexpr bool is_status(std::uint8_t octet) noexcept {
  return octet >= 0x80;
}

/// Number of data octets before the first status octet, or before the end.
std::size_t count_data(byte_view bytes) noexcept {
  return static_cast<std::size_t>(std::find_if(bytes.begin(), bytes.end(), is_status) -
                                  bytes.begin());
}

/// A delta as the sender means it: five octets reach into the negative numbers.
constexpr std::int64_t signed_ticks(std::uint32_t delta) noexcept {
  return static_cast<std::int32_t>(delta);
}

} // namespace

[[gnu::hot]] decoded<rtp_packet> decode_rtp_packet(byte_view datagram) {
  byte_reader reader(datagram);
  auto first = reader.u8();
  auto second = reader.u8();
  rtp_packet packet;
  packet.header.marker = second & 0x80;
  packet.header.sequence = reader.u16();
  packet.header.timestamp = reader.u32();
  packet.header.ssrc = reader.u32();
  if (!reader.ok())
    return decode_error::truncated;
  if (first >> 6 != rtp_version)
    return decode_error::bad_rtp_version;
  if ((second & 0x7F) != rtp_midi_payload_type)
    return decode_error::bad_payload_type;

  reader.skip(4u * (first & 0x0F)); // CSRCs
  if (first & 0x10) {
    reader.skip(2); // the extension's profile
    reader.skip(4u * reader.u16());
  }
  if (reader.empty())
    return decode_error::truncated;
  if (first & 0x20) {
    auto padding = reader.rest().back();
    if (padding == 0 || padding > reader.remaining())
      return decode_error::bad_padding;
    reader = byte_reader(reader.rest().first(reader.remaining() - padding));
  }

  auto flags = reader.u8();
  std::size_t length = flags & 0x0F;
  if (flags & long_length)
    length = length << 8 | reader.u8();
  if (!reader.ok())
    return decode_error::truncated;
  packet.has_journal = flags & journal_follows;
  packet.first_delta = flags & delta_first;
  packet.phantom = flags & phantom_status;
  packet.list = reader.take(length);
  if (!reader.ok())
    return decode_error::bad_section_length;
  // An absent journal is the journal codec's to refuse: the list stands on its own.
  if (packet.has_journal)
    packet.journal = reader.rest();
  return packet;
}

[[gnu::hot]] void encode_rtp_header(const rtp_header& header, byte_writer& writer) {
  writer.u8(rtp_version << 6);
  writer.u8(rtp_midi_payload_type);
  writer.u16(header.sequence);
  writer.u32(header.timestamp);
  writer.u32(header.ssrc);
}

[[gnu::hot]] void encode_section_header(std::size_t length, bool has_journal, byte_writer& writer) {
  assert(length <= max_midi_list);
  std::uint8_t flags = has_journal ? journal_follows : 0;
  if (length <= 15)
    writer.u8(static_cast<std::uint8_t>(flags | length));
  else
    writer.u16(static_cast<std::uint16_t>((long_length | flags) << 8 | length));
}

decoded<delta_time> decode_delta_time(byte_view bytes) noexcept {
  delta_time delta;
  auto limit = std::min(bytes.size(), max_delta_octets);
  while (delta.octets < limit) {
    auto octet = bytes[delta.octets++];
    delta.value = delta.value << 7 | (octet & 0x7F);
    if (!is_status(octet))
      return delta;
  }
  return limit < max_delta_octets ? decode_error::truncated : decode_error::bad_delta_time;
}

void encode_delta_time(std::uint32_t ticks, byte_writer& writer) noexcept {
  ticks = std::min(ticks, max_delta);
  std::array<std::uint8_t, 4> octets;
  auto first = octets.size();
  std::uint8_t more = 0;
  do {
    octets[--first] = static_cast<std::uint8_t>(more | (ticks & 0x7F));
    more = 0x80;
    ticks >>= 7;
  } while (ticks != 0);
  writer.bytes(byte_view(octets).subspan(first));
}

[[gnu::hot]] bool command_list_reader::next(midi_command& command) noexcept {
  if (rest_.empty())
    return false;
  command = midi_command{};
  if (delta_expected_ && !read_delta(command))
    return false;
  delta_expected_ = true;
  if (rest_.empty())
    return false; // a delta with nothing after it: silence until then
  command.offset = offset_;

  auto octet = rest_.front();
  command.running = !is_status(octet);
  if (!command.running)
    rest_ = rest_.subspan(1);
  else if (running_status_ == 0)
    return stop(decode_error::missing_status);
  else
    octet = running_status_;
  command.status = octet;

  if (octet < 0xF0)
    running_status_ = octet;
  else if (octet < 0xF8)
    running_status_ = 0;
  switch (octet) {
  case 0xF0:
  case 0xF7: return read_sysex(command);
  case 0xF4:
  case 0xF5:
  case 0xF9:
  case 0xFD: return read_undefined(command);
  default: return read_data(command, short_message_size(octet) - 1);
  }
}

bool command_list_reader::read_delta(midi_command& command) noexcept {
  auto delta = decode_delta_time(rest_);
  if (!delta)
    return stop(delta.error());
  rest_ = rest_.subspan(delta->octets);
  command.delta = delta->value;
  command.delta_octets = delta->octets;
  // The sum may go down, the time told may not: what is older than the command before is due with
  // it, and what follows counts from where the sender's sum stands.
  sum_ += signed_ticks(delta->value);
  constexpr std::int64_t latest = std::numeric_limits<std::uint32_t>::max();
  offset_ = static_cast<std::uint32_t>(std::clamp<std::int64_t>(sum_, offset_, latest));
  return true;
}

[[gnu::hot]] bool command_list_reader::read_data(midi_command& command,
                                                 std::size_t count) noexcept {
  auto available = std::min(count, rest_.size());
  for (std::size_t i = 0; i < available; ++i)
    if (is_status(rest_[i]))
      return stop(decode_error::stray_status);
  if (available < count)
    return stop(decode_error::truncated);
  command.data = rest_.first(count);
  rest_ = rest_.subspan(count);
  return true;
}

/// The head, F0 or F7, is taken already. A real-time octet inside a segment ends the list like any
/// other octet that is no tail: senders must code it as a command of its own (RFC 6295
/// section 3.2).
bool command_list_reader::read_sysex(midi_command& command) noexcept {
  auto count = count_data(rest_);
  if (count == rest_.size())
    return stop(decode_error::bad_system_exclusive);
  bool starts = command.status == 0xF0;
  command.data = rest_.first(count);
  switch (rest_[count]) {
  case 0xF0: command.kind = starts ? command_kind::sysex_first : command_kind::sysex_middle; break;
  case 0xF4:
    if (starts)
      return stop(decode_error::bad_system_exclusive);
    command.kind = command_kind::sysex_cancel;
    command.data = {}; // data in a cancel is against the rules, but the meaning is plain
    break;
  case 0xF5: command.dropped_f7 = true; [[fallthrough]];
  case 0xF7: command.kind = starts ? command_kind::sysex : command_kind::sysex_last; break;
  default: return stop(decode_error::bad_system_exclusive);
  }
  rest_ = rest_.subspan(count + 1);
  return true;
}

/// F4 and F5 hold any number of data octets and end with F7; F9 and FD are single octets (RFC 6295
/// section 3.2).
bool command_list_reader::read_undefined(midi_command& command) noexcept {
  command.kind = command_kind::undefined;
  if (command.status >= 0xF8)
    return true;
  auto count = count_data(rest_);
  if (count == rest_.size())
    return stop(decode_error::truncated);
  if (rest_[count] != 0xF7)
    return stop(decode_error::stray_status);
  command.data = rest_.first(count);
  rest_ = rest_.subspan(count + 1);
  return true;
}

bool command_list_reader::stop(decode_error error) noexcept {
  rest_ = {};
  failed_ = true;
  error_ = error;
  return false;
}

} // namespace tutti::protocol
