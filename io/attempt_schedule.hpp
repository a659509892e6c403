// One round of tries to reach a peer that has several addresses: which is tried, and when.
// Decides: the head start of each address over the next, and when the round has failed.
// Leaves: the order (address_order), inviting, and the wait before another round (back_off).
// Spec: RFC 8305 section 5 ("happy eyeballs"). Thread: a value; now is an argument.
//
// An address that was tried stays in the race: the first that answers wins, whichever it is. An
// address that fails at once (refused, unreachable) passes its head start to the next.
#pragma once

#include "io/endpoint.hpp"

#include <cassert>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace tutti::io {

struct attempt_limits {
  std::chrono::milliseconds head_start{250};
  /// From its start until an address counts as not answering.
  std::chrono::milliseconds patience{3000};
};

class attempt_schedule {
public:
  using time_point = std::chrono::steady_clock::time_point;
  attempt_schedule(const std::vector<endpoint>& ordered, attempt_limits limits, time_point now)
      : limits_(limits)
      , next_at_(now) {
    for (const auto& candidate : ordered)
      racers_.push_back({candidate, state::waiting, {}});
  }

  /// The address to try now, if one is due; call it until it gives none, and at next_deadline().
  std::optional<endpoint> next(time_point now) {
    for (auto& one : racers_)
      if (one.what == state::tried && now >= one.gives_up_at)
        one.what = state::failed;
    if (next_ == racers_.size() || now < next_at_)
      return {};
    auto& one = racers_[next_++];
    one.what = state::tried;
    one.gives_up_at = now + limits_.patience;
    next_at_ = now + limits_.head_start;
    return one.to;
  }

  /// The address cannot be reached, or refused: the next one is due at once.
  void fail(const endpoint& to, time_point now) {
    for (auto& one : racers_)
      if (one.to == to && one.what == state::tried) {
        one.what = state::failed;
        next_at_ = now;
      }
  }

  /// True if `to` was tried and may still win.
  bool is_racing(const endpoint& to) const {
    for (const auto& one : racers_)
      if (one.to == to && one.what == state::tried)
        return true;
    return false;
  }

  /// Every address was tried, and none may still answer.
  bool exhausted() const {
    for (const auto& one : racers_)
      if (one.what != state::failed)
        return false;
    return true;
  }

  std::optional<time_point> next_deadline() const {
    std::optional<time_point> deadline;
    if (next_ < racers_.size())
      deadline = next_at_;
    for (const auto& one : racers_)
      if (one.what == state::tried && (!deadline || one.gives_up_at < *deadline))
        deadline = one.gives_up_at;
    return deadline;
  }

private:
  enum class state { waiting, tried, failed };
  struct racer {
    endpoint to;
    state what;
    time_point gives_up_at;
  };

  attempt_limits limits_;
  std::vector<racer> racers_;
  std::size_t next_ = 0;
  time_point next_at_;
};

} // namespace tutti::io
