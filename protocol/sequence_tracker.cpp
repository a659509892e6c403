#include "protocol/sequence_tracker.hpp"

namespace tutti::protocol {

[[gnu::hot]] packet_arrival sequence_tracker::on_packet(std::uint16_t number) noexcept {
  if (!started_)
    return start_at(0x10000u + number);
  auto step = static_cast<std::int16_t>(number - static_cast<std::uint16_t>(highest_));
  auto sequence = highest_ + static_cast<std::uint32_t>(static_cast<std::int32_t>(step));
  auto distance = static_cast<std::uint32_t>(step < 0 ? -static_cast<std::int32_t>(step) : step);
  if (distance > max_jump)
    return judge_jump(number, sequence);
  return step > 0 ? advance_to(sequence) : judge_old(sequence);
}

packet_arrival sequence_tracker::start_at(std::uint32_t sequence) noexcept {
  started_ = true;
  on_probation_ = false;
  highest_ = sequence;
  seen_ = 1;
  ++counters_.received;
  return {arrival_kind::first, sequence, 0};
}

packet_arrival sequence_tracker::advance_to(std::uint32_t sequence) noexcept {
  auto step = sequence - highest_;
  on_probation_ = false;
  highest_ = sequence;
  seen_ = (step < 64 ? seen_ << step : 0) | 1;
  ++counters_.received;
  counters_.lost += step - 1;
  return {step == 1 ? arrival_kind::next : arrival_kind::gap, sequence, step - 1};
}

packet_arrival sequence_tracker::judge_old(std::uint32_t sequence) noexcept {
  auto age = highest_ - sequence;
  auto bit = age < 64 ? std::uint64_t{1} << age : 0;
  if (age == 0 || (seen_ & bit) != 0) {
    ++counters_.duplicate;
    return {arrival_kind::duplicate, sequence, 0};
  }
  seen_ |= bit;
  ++counters_.late;
  return {arrival_kind::late, sequence, 0};
}

// Two packets in a row of the new numbering are believed; a single stray one is not.
packet_arrival sequence_tracker::judge_jump(std::uint16_t number, std::uint32_t sequence) noexcept {
  if (on_probation_ && number == expected_after_jump_) {
    ++counters_.restarts;
    // The extended number must not go back, or what was played last would look newer than now.
    auto ahead = static_cast<std::uint16_t>(number - static_cast<std::uint16_t>(highest_));
    return start_at(highest_ + ahead);
  }
  on_probation_ = true;
  expected_after_jump_ = static_cast<std::uint16_t>(number + 1);
  ++counters_.suspect;
  return {arrival_kind::suspect, sequence, 0};
}

} // namespace tutti::protocol
