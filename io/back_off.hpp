// How long to wait before the next try of something that failed.
// Decides: growth, cap and jitter. Leaves: what is tried (peers, announcements).
// Thread: a value; seeded, so the same seed gives the same waits.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <random>

namespace tutti::io {

struct back_off_limits {
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{30'000};
  double growth = 2.0; ///< at least 1
  double jitter = 0.2; ///< each wait is this part shorter or longer at most; 0 to 1
};

class back_off {
public:
  explicit back_off(back_off_limits limits, std::uint64_t seed)
      : limits_(limits)
      , wait_(limits.first)
      , random_(seed) {
    assert(limits.first.count() > 0 && limits.longest >= limits.first);
    assert(limits.growth >= 1.0 && limits.jitter >= 0.0 && limits.jitter <= 1.0);
  }

  /// The wait after another failure. Never above `longest`, jitter included; it goes on for ever.
  std::chrono::milliseconds next() {
    std::uniform_real_distribution<double> spread(1.0 - limits_.jitter, 1.0 + limits_.jitter);
    const auto wait = scaled(wait_, spread(random_));
    wait_ = scaled(wait_, limits_.growth);
    ++failures_;
    return wait;
  }

  /// After a success, or when there is news that make a try worth it: the next wait is a first one.
  void reset() {
    wait_ = limits_.first;
    failures_ = 0;
  }

  /// Since the last reset.
  std::uint32_t failures() const noexcept { return failures_; }

private:
  std::chrono::milliseconds scaled(std::chrono::milliseconds wait, double factor) const {
    const auto longest = static_cast<double>(limits_.longest.count());
    const auto product = std::min(static_cast<double>(wait.count()) * factor, longest);
    return std::chrono::milliseconds(static_cast<std::int64_t>(product));
  }

  back_off_limits limits_;
  std::chrono::milliseconds wait_;
  std::mt19937_64 random_;
  std::uint32_t failures_ = 0;
};

} // namespace tutti::io
