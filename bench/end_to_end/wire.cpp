// See wire.hpp.
#include "bench/end_to_end/wire.hpp"

#include <algorithm>

namespace tutti::bench {
namespace {

constexpr std::size_t invitation_size = 16;
constexpr std::size_t clock_size = 36;
constexpr std::size_t feedback_size = 12;

void put(std::uint8_t*& out, std::uint64_t value, unsigned count) noexcept {
  for (unsigned i = count; i > 0; --i)
    *out++ = static_cast<std::uint8_t>(value >> (8 * (i - 1)));
}

std::uint64_t get(octets bytes, std::size_t at, unsigned count) noexcept {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i)
    value = value << 8 | bytes[at + i];
  return value;
}

std::size_t size_of(letters what) noexcept {
  switch (what) {
  case letters::invite:
  case letters::accept:
  case letters::refuse:
  case letters::goodbye: return invitation_size;
  case letters::clock: return clock_size;
  case letters::feedback: return feedback_size;
  }
  return 0;
}

} // namespace

small_datagram write_command(const session_command& command, std::string_view name) {
  small_datagram datagram;
  auto* out = datagram.storage.data();
  put(out, 0xFFFF, 2);
  put(out, static_cast<std::uint16_t>(command.what), 2);
  switch (size_of(command.what)) {
  case clock_size:
    put(out, command.ssrc, 4);
    put(out, std::uint64_t(command.step) << 24, 4);
    for (auto time : command.times)
      put(out, time, 8);
    break;
  case feedback_size:
    put(out, command.ssrc, 4);
    put(out, std::uint64_t(command.sequence) << 16, 4);
    break;
  default:
    put(out, 2, 4);
    put(out, command.token, 4);
    put(out, command.ssrc, 4);
    if (command.what == letters::invite) {
      name = name.substr(0, datagram.storage.size() - invitation_size - 1);
      out = std::copy(name.begin(), name.end(), out);
      put(out, 0, 1);
    }
  }
  datagram.size = static_cast<std::size_t>(out - datagram.storage.data());
  return datagram;
}

std::optional<session_command> read_command(octets datagram) {
  if (!is_command(datagram))
    return {};
  session_command command;
  command.what = static_cast<letters>(get(datagram, 2, 2));
  auto size = size_of(command.what);
  if (size == 0 || datagram.size() < size)
    return {};
  if (size == clock_size) {
    command.ssrc = static_cast<std::uint32_t>(get(datagram, 4, 4));
    command.step = datagram[8];
    for (std::size_t i = 0; i < 3; ++i)
      command.times[i] = get(datagram, 12 + 8 * i, 8);
  } else if (size == feedback_size) {
    command.ssrc = static_cast<std::uint32_t>(get(datagram, 4, 4));
    command.sequence = static_cast<std::uint16_t>(get(datagram, 8, 2));
  } else {
    command.token = static_cast<std::uint32_t>(get(datagram, 8, 4));
    command.ssrc = static_cast<std::uint32_t>(get(datagram, 12, 4));
  }
  return command;
}

std::uint8_t* write_packet_head(std::uint8_t* out, std::uint16_t sequence, std::uint32_t timestamp,
                                std::uint32_t ssrc, std::size_t length) noexcept {
  put(out, 0x8061, 2);
  put(out, sequence, 2);
  put(out, timestamp, 4);
  put(out, ssrc, 4);
  if (length > 15)
    put(out, 0x8000 | length, 2);
  else
    put(out, length, 1);
  return out;
}

std::optional<midi_packet> read_packet(octets datagram) noexcept {
  if (datagram.size() < 13 || datagram[0] != 0x80 || (datagram[1] & 0x7F) != 97)
    return {};
  bool two_octets = datagram[12] & 0x80;
  std::size_t head = two_octets ? 14 : 13;
  if (datagram.size() < head)
    return {};
  std::size_t length = datagram[12] & 0x0F;
  if (two_octets)
    length = length << 8 | datagram[13];
  if (length > datagram.size() - head)
    return {};
  return midi_packet{static_cast<std::uint16_t>(get(datagram, 2, 2)), (datagram[12] & 0x20) != 0,
                     datagram.subspan(head, length)};
}

} // namespace tutti::bench
