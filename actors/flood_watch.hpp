// When what a participant sends in the name of others is a flood.
// Decides: more than 1024 datagrams within 20 ms are one, for the second that follows.
// Leaves: dropping them (io/flood_filter), time (an argument). Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <chrono>
#include <cstdint>

namespace tutti {

class flood_watch {
public:
  static constexpr std::uint64_t limit = 1024;
  static constexpr std::chrono::milliseconds window{20};
  /// How long the further ones are dropped; then it is looked anew.
  static constexpr std::chrono::milliseconds rest{1000};

  /// Datagrams of foreign SSRCs there were so far. True once for each flood, and again if it still
  /// goes on after its rest.
  bool floods(std::uint64_t so_far, protocol::hub_time now) noexcept {
    if (now - window_begin_ >= window) {
      window_begin_ = now;
      before_ = so_far;
    }
    if (so_far - before_ <= limit || now < resting_until_)
      return false;
    is_new_ = now - resting_until_ > rest;
    resting_until_ = now + rest;
    return true;
  }
  /// Whether the last flood did not follow on one before.
  bool is_new() const noexcept { return is_new_; }
  bool rests(protocol::hub_time now) const noexcept { return now < resting_until_; }
  void end_rest(protocol::hub_time now) noexcept { resting_until_ = now; }

private:
  protocol::hub_time window_begin_{};
  protocol::hub_time resting_until_{};
  std::uint64_t before_ = 0;
  bool is_new_ = false;
};

} // namespace tutti
