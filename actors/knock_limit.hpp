// How often strangers may knock: invitations of those that are not in session.
// Decides: that each host has 2048 tries at once, as thousands of peers may stand behind one
// address, and 64 more a second, and gets back those that led to a session; hosts whose hash is
// the same share theirs, so that the table never grows. Leaves: who may join (admission), counting
// (listener), time (an argument). Thread: values.
#pragma once

#include "io/endpoint.hpp"
#include "protocol/event.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace tutti {

class knock_limit {
public:
  static constexpr int burst = 2048;
  static constexpr int per_second = 64;
  /// A prime, as addresses of one network differ in few bits.
  static constexpr std::size_t hosts = 1021;

  /// One try; false if the host has none left. What is dropped for it is tried again by its sender.
  bool take(const io::endpoint& from, protocol::hub_time now) noexcept {
    auto& spent = spent_until(from);
    auto next = std::max(spent, now) + one;
    if (next - now > burst * one)
      return false;
    spent = next;
    return true;
  }
  /// It came to a session.
  void give_back(const io::endpoint& from) noexcept { spent_until(from) -= one; }

private:
  static constexpr std::chrono::nanoseconds one =
      std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second;

  protocol::hub_time& spent_until(const io::endpoint& from) noexcept {
    return spent_until_[io::endpoint_hash()(from.with_port(0)) % hosts];
  }

  /// By host: when all its tries are there again (GCRA's theoretical arrival time, ITU-T I.371).
  std::array<protocol::hub_time, hosts> spent_until_{};
};

} // namespace tutti
