// See numbered_stream.hpp.
#include "bench/end_to_end/numbered_stream.hpp"

namespace tutti::bench {
namespace {

constexpr unsigned lowest_note = 36;
constexpr unsigned notes = 48;
constexpr unsigned velocities = 127;
static_assert(numbering_period == 2ull * notes * velocities);

} // namespace

std::uint8_t* write_note(std::uint8_t* out, std::uint64_t number) noexcept {
  auto pair = number / 2;
  *out++ = number % 2 == 0 ? 0x90 : 0x80;
  *out++ = static_cast<std::uint8_t>(lowest_note + pair % notes);
  *out++ = static_cast<std::uint8_t>(1 + pair / notes % velocities);
  return out;
}

void write_note_list(std::uint8_t* out, std::uint64_t number, std::size_t messages) noexcept {
  for (std::size_t i = 0; i < messages; ++i) {
    if (i > 0)
      *out++ = 0;
    out = write_note(out, number + i);
  }
}

void stream_check::take(const midi_packet& packet) noexcept {
  auto list = packet.list;
  if (list.empty())
    return;
  ++packets_;
  std::size_t at = 0;
  std::uint8_t status = 0;
  for (bool delta = packet.first_delta; at < list.size(); delta = true) {
    if (delta)
      while (at < list.size() && (list[at++] & 0x80) != 0)
        ;
    if (at == list.size())
      return;
    if (list[at] >= 0xF8) { // real-time: nobody played any
      ++foreign_;
      ++at;
      continue;
    }
    if (list[at] >= 0x80)
      status = list[at++];
    std::size_t data = (status & 0xE0) == 0xC0 ? 1 : 2;
    if (status < 0x80 || status >= 0xF0 || list.size() - at < data) {
      ++foreign_;
      return;
    }
    take_message(status, list[at], data == 2 ? list[at + 1] : 0);
    at += data;
  }
}

void stream_check::take_message(std::uint8_t status, std::uint8_t data1,
                                std::uint8_t data2) noexcept {
  bool ours = (status == 0x90 || status == 0x80) && data1 >= lowest_note &&
              data1 < lowest_note + notes && data2 >= 1 && data2 <= velocities;
  if (!ours) {
    ++foreign_;
    return;
  }
  auto pair = (data2 - 1u) * notes + (data1 - lowest_note);
  take_number(2 * pair + (status == 0x80 ? 1 : 0));
}

void stream_check::take_number(std::uint64_t folded) noexcept {
  auto ahead = (folded + numbering_period - expected_ % numbering_period) % numbering_period;
  if (ahead < numbering_period / 2) {
    skip_to(expected_ + ahead);
    missing_.reset(folded);
    ++expected_;
    ++heard_;
  } else if (missing_.test(folded)) {
    missing_.reset(folded);
    --lost_;
    ++reordered_;
    ++heard_;
  } else {
    ++repeated_;
  }
}

void stream_check::skip_to(std::uint64_t number) noexcept {
  for (; expected_ < number; ++expected_) {
    missing_.set(expected_ % numbering_period);
    ++lost_;
  }
}

} // namespace tutti::bench
