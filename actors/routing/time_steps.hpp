// Transforms that hold events back: a fixed delay, and play-out at the source's own time.
// Decides: when each event leaves; order is always kept.
// Leaves: waking up (transform_chain, the router).
// Thread: owned by one route. Steps as in note_steps.hpp, with a deadline.
#pragma once

#include "actors/routing/message.hpp"
#include "actors/routing/ring.hpp"

#include <algorithm>

namespace tutti::routing {

/// Events by the time at which they leave. When it is full the oldest leaves early: late music is
/// better than lost notes, and nothing overtakes.
class holding_queue {
public:
  explicit holding_queue(std::size_t limit)
      : limit_(limit) {}

  void push(const event& e, hub_time leaves, events& out) {
    if (queue_.size() >= limit_) {
      out.push_back(queue_.front().what);
      queue_.pop();
      ++early_;
    }
    last_ = std::max(last_, leaves);
    queue_.push({last_, e});
  }

  hub_time next_deadline() const noexcept { return queue_.empty() ? never : queue_.front().leaves; }

  void pop_due(hub_time now, events& out) {
    for (; !queue_.empty() && queue_.front().leaves <= now; queue_.pop())
      out.push_back(queue_.front().what);
  }

  std::size_t size() const noexcept { return queue_.size(); }
  /// Events that left before their time because the queue was full.
  std::uint64_t early() const noexcept { return early_; }

private:
  struct held {
    hub_time leaves;
    event what;
  };

  std::size_t limit_;
  ring<held> queue_;
  hub_time last_{};
  std::uint64_t early_ = 0;
};

class delay_step {
public:
  delay_step(const config::fixed_delay& settings, std::size_t limit)
      : by_(settings.by)
      , queue_(limit) {}

  void apply(const event& e, events& out, hub_time now) {
    queue_.push({e.message, e.at + by_, e.starts_list}, now + by_, out);
  }

  hub_time next_deadline() const noexcept { return queue_.next_deadline(); }
  void on_deadline(hub_time now, events& out) { queue_.pop_due(now, out); }
  std::size_t pending() const noexcept { return queue_.size(); }
  std::uint64_t early() const noexcept { return queue_.early(); }

private:
  config::duration by_;
  holding_queue queue_;
};

class play_out_step {
public:
  play_out_step(const config::play_out& settings, std::size_t limit)
      : after_(settings.after)
      , queue_(limit) {}

  void apply(const event& e, events& out, hub_time now) {
    auto leaves = e.at + after_;
    late_ += leaves < now ? 1 : 0;
    // A source whose clock runs ahead is not waited for without end.
    queue_.push({e.message, std::max(leaves, now), e.starts_list},
                std::clamp(leaves, now, now + 2 * after_), out);
    queue_.pop_due(now, out);
  }

  hub_time next_deadline() const noexcept { return queue_.next_deadline(); }
  void on_deadline(hub_time now, events& out) { queue_.pop_due(now, out); }
  std::size_t pending() const noexcept { return queue_.size(); }
  std::uint64_t early() const noexcept { return queue_.early(); }
  /// Events that came after they should have left.
  std::uint64_t late() const noexcept { return late_; }

private:
  config::duration after_;
  holding_queue queue_;
  std::uint64_t late_ = 0;
};

} // namespace tutti::routing
