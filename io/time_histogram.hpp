// How long something takes, counted in buckets that double from 1 µs to about a second.
// Decides: the buckets. Leaves: when to look (metrics). Thread: values; plain integers, so that
// counting costs a few instructions.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>

namespace tutti::io {

struct time_histogram {
  /// Bucket i holds what took less than 2^i µs and not less than the bucket before; the last one
  /// everything above.
  static constexpr std::size_t buckets = 21;

  std::array<std::uint64_t, buckets + 1> counts{};
  std::uint64_t sum_ns = 0;

  void observe(std::chrono::nanoseconds time) noexcept {
    auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
    ++counts[std::min<std::size_t>(std::bit_width(ns / 1000), buckets)];
    sum_ns += ns;
  }
  /// Upper bound of bucket i in seconds.
  static constexpr double bound(std::size_t i) noexcept {
    return static_cast<double>(std::uint64_t(1) << i) * 1e-6;
  }
};

} // namespace tutti::io
