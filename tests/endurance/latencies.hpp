// Times of a long run in little memory: a histogram whose steps are a 16th of the value.
// Decides: the resolution, 6 %. Leaves: what is measured. Thread: values.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace tutti::endurance {

class latencies {
public:
  void add(std::chrono::nanoseconds time) noexcept {
    auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
    ++counts_[index(value)];
    ++count_;
    max_ = std::max(max_, value);
  }
  std::uint64_t count() const noexcept { return count_; }
  /// The time that the given share stayed below, in milliseconds; 0 without any.
  double quantile_ms(double share) const noexcept {
    auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if ((sum += counts_[i]) > wanted)
        return static_cast<double>(std::min(upper_end(i), max_)) / 1e6;
    return max_ms();
  }
  double max_ms() const noexcept { return static_cast<double>(max_) / 1e6; }
  void clear() noexcept { *this = {}; }

private:
  static constexpr unsigned bits = 4;

  static std::size_t index(std::uint64_t value) noexcept {
    if (value < (1u << bits))
      return value;
    auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
    return (std::size_t(shift) + 1) * (1u << bits) + (value >> shift) - (1u << bits);
  }
  static std::uint64_t upper_end(std::size_t index) noexcept {
    auto row = index >> bits, column = index & ((1u << bits) - 1);
    return row == 0 ? column : (column + (1u << bits) + 1) << (row - 1);
  }

  std::array<std::uint64_t, (64 - bits + 1) << bits> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

} // namespace tutti::endurance
