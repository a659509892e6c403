#include "protocol/time_code.hpp"

namespace tutti::protocol {

namespace {

constexpr std::uint8_t drop_frame = 2; // 30 frames, of which each minute but the tenth drops two

std::uint8_t rate_of(const time_of_code& time) noexcept {
  return time.hours >> 5 & 3;
}

std::uint8_t frames_per_second(std::uint8_t rate) noexcept {
  return rate == 0 ? 24 : rate == 1 ? 25 : 30;
}

bool dropped(const time_of_code& time) noexcept {
  return rate_of(time) == drop_frame && time.seconds == 0 && time.minutes % 10 != 0;
}

void increment(time_of_code& time) noexcept {
  if (++time.frames < frames_per_second(rate_of(time)))
    return;
  time.frames = 0;
  if (++time.seconds >= 60) {
    time.seconds = 0;
    if (++time.minutes >= 60) {
      time.minutes = 0;
      auto hours = (time.hours & 31) + 1;
      time.hours = static_cast<std::uint8_t>((time.hours & 0x60) | (hours >= 24 ? 0 : hours));
    }
  }
  if (dropped(time))
    time.frames = 2;
}

void decrement(time_of_code& time) noexcept {
  if (dropped(time) && time.frames == 2)
    time.frames = 0;
  if (time.frames-- > 0)
    return;
  time.frames = static_cast<std::uint8_t>(frames_per_second(rate_of(time)) - 1);
  if (time.seconds-- > 0)
    return;
  time.seconds = 59;
  if (time.minutes-- > 0)
    return;
  time.minutes = 59;
  auto hours = time.hours & 31;
  time.hours = static_cast<std::uint8_t>((time.hours & 0x60) | (hours == 0 ? 23 : hours - 1));
}

} // namespace

time_of_code shifted(time_of_code time, int count) noexcept {
  for (; count > 0; --count)
    increment(time);
  for (; count < 0; ++count)
    decrement(time);
  return time;
}

std::uint8_t quarter_frame_nibble(const time_of_code& time, unsigned piece) noexcept {
  const std::uint8_t octets[] = {time.frames, time.seconds, time.minutes, time.hours};
  return octets[piece / 2 & 3] >> (piece % 2 * 4) & 15;
}

void time_code::apply_quarter_frame(std::uint8_t data) noexcept {
  std::uint8_t piece = data >> 4 & 7;
  std::uint8_t nibble = data & 15;
  auto continues = (progress_ == series::forward && piece == point_ + 1) ||
                   (progress_ == series::reverse && piece + 1 == point_);
  if (continues) {
    nibbles_[piece] = nibble;
    point_ = piece;
    if (piece == (progress_ == series::forward ? 7 : 0))
      finish();
    return;
  }
  if (progress_ != series::none || (piece != 0 && piece != 7))
    has_time_ = from_quarter_frames_ = false; // whatever time it was, this is not its sequel
  if (piece == 0)
    begin(series::forward, piece, nibble);
  else if (piece == 7)
    begin(series::reverse, piece, nibble);
  else
    begin(series::illegal, 0, 0);
}

void time_code::apply_full_frame(const time_of_code& time) noexcept {
  *this = {};
  has_time_ = true;
  time_ = time;
}

void time_code::set_time_from_quarter_frames(const time_of_code& time) noexcept {
  apply_full_frame(time);
  from_quarter_frames_ = true;
}

void time_code::begin(series direction, std::uint8_t piece, std::uint8_t nibble) noexcept {
  progress_ = direction;
  point_ = piece;
  nibbles_ = {};
  nibbles_[piece] = nibble;
  if (!has_time_)
    time_ = {};
}

void time_code::finish() noexcept {
  auto octet = [this](unsigned low) {
    return static_cast<std::uint8_t>((nibbles_[low + 1] << 4 | nibbles_[low]) & 0x7F);
  };
  time_of_code time{octet(6), octet(4), octet(2), octet(0)};
  auto forward = progress_ == series::forward;
  *this = {};
  has_time_ = from_quarter_frames_ = true;
  time_ = forward ? shifted(time, 2) : time;
}

} // namespace tutti::protocol
