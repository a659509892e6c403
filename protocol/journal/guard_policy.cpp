#include "protocol/journal/guard_policy.hpp"

#include <algorithm>

namespace tutti::protocol {

void guard_policy::on_sent_midi(hub_time now) noexcept {
  guards_of_burst_ = 0;
  interval_ = first_interval;
  due_ = now + interval_;
}

void guard_policy::on_feedback(bool all_covered) noexcept {
  heard_ = true;
  if (all_covered)
    due_ = hub_time::max();
}

void guard_policy::on_guard_sent(hub_time now) noexcept {
  ++guards_of_burst_;
  if (!heard_)
    guards_sent_ = std::min(guards_sent_ + 1, patience);
  if (peer_is_silent()) {
    interval_ *= 3;
    due_ = guards_of_burst_ < guards_for_silent_peer ? now + interval_ : hub_time::max();
    return;
  }
  interval_ = guards_of_burst_ < dense_guards ? interval_ + interval_ / 10 : interval_ * 2;
  interval_ = std::min<hub_clock::duration>(interval_, last_interval);
  due_ = now + interval_;
}

} // namespace tutti::protocol
