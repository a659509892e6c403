// When a receiver owes its peer feedback (RS).
// Decides: once a second while packets come; at once, but not more often than every 10 ms, when a
// loss was repaired, when the stream begins, and when an empty packet with a journal says that the
// peer waits: an answered guard is the last one of its burst.
// Leaves: writing and sending the RS (the engine). Spec: Apple RS; RFC 6295 appendix C.2.2.2.
// Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <algorithm>
#include <chrono>

namespace tutti::protocol {

class feedback_policy {
public:
  static constexpr auto period = std::chrono::seconds(1);
  static constexpr auto least_interval = std::chrono::milliseconds(10);

  /// A packet was accepted. `urgent`: the first of a stream, one after a loss, or a guard (no MIDI
  /// list but a journal).
  void on_packet(bool urgent, hub_time now) noexcept {
    auto wanted = urgent ? std::max(now, sent_at_ + least_interval) : now + period;
    due_ = std::min(due_, wanted);
  }
  void on_sent(hub_time now) noexcept {
    sent_at_ = now;
    due_ = hub_time::max();
  }

  /// When to send RS; hub_time::max() if nothing came since the last.
  hub_time next_deadline() const noexcept { return due_; }

private:
  hub_time sent_at_ = hub_time::min() + period;
  hub_time due_ = hub_time::max();
};

} // namespace tutti::protocol
