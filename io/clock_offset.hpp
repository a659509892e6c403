// How far ahead of another clock of the machine the hub's is, for as long as the hub runs.
// Decides: which looks at the two count, and how fast the offset follows.
// Thread: whoever owns it.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace tutti::io {

/// JACK counts with CLOCK_MONOTONIC_RAW, the hub with CLOCK_MONOTONIC, which NTP slews: they drift
/// apart as long as the machine is up. All times in ns.
class clock_offset {
public:
  /// A look in between two takes no longer, or something came in between.
  static constexpr std::int64_t longest_look = 10'000;
  /// What is further off than this has jumped, and is not followed bit by bit.
  static constexpr std::int64_t longest_way = 1'000'000;

  /// The other clock showed `other` when ours was between `before` and `after`. Any first look
  /// counts.
  void observe(std::int64_t before, std::int64_t other, std::int64_t after) noexcept {
    if (known_ && after - before > longest_look)
      return;
    auto seen = before + (after - before) / 2 - other;
    auto way = seen - ns_;
    if (!known_ || std::abs(way) > longest_way)
      ns_ = seen;
    else
      ns_ += way / followed_part;
    known_ = true;
  }

  /// To be added to the other clock's time.
  std::int64_t ns() const noexcept { return ns_; }

private:
  // Small steps, so that what comes in with one offset and goes out with the next keeps its frame.
  static constexpr std::int64_t followed_part = 8;

  std::int64_t ns_ = 0;
  bool known_ = false;
};

} // namespace tutti::io
