// What waits to be sent to one listener of events, and what is given up when that grows too long.
// Decides: newest wins for states, oldest goes for streams, what matters goes last; all counted.
// Leaves: sending (event_stream). Thread: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace tutti::io {

using event_text = std::shared_ptr<const std::string>;

/// What may be given up for a client that does not keep up.
enum class event_weight : std::uint8_t {
  state,     ///< the newest of its topic replaces the one that still waits
  stream,    ///< the oldest is dropped first
  important, ///< dropped only when nothing else is left to drop
};

struct event_queue_limits {
  std::size_t events = 4096;
  std::size_t octets = 1u << 20; ///< one event may be longer than that
};

class event_queue {
public:
  using topic = unsigned;
  struct loss {
    topic what;
    std::uint64_t events;
  };

  explicit event_queue(event_queue_limits limits = {}) noexcept
      : limits_(limits) {}

  /// Returns false if an older event was given up for this one.
  bool push(topic what, event_weight weight, event_text text);

  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t size() const noexcept { return waiting_.size(); }
  std::size_t octets() const noexcept { return octets_; }
  /// Only if not empty().
  event_text pop();

  bool lost_any() const noexcept { return !losses_.empty(); }
  /// What was given up since the last call, by topic in the order of the first loss.
  std::vector<loss> take_losses();

private:
  struct entry {
    topic what;
    event_weight weight;
    event_text text;
  };

  void drop_one();
  void count_loss(topic what);

  event_queue_limits limits_;
  std::deque<entry> waiting_;
  std::size_t octets_ = 0;
  std::vector<loss> losses_;
};

} // namespace tutti::io
