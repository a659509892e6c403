// A batch: events that arrived together. Immutable once made, shared on fan-out, never copied.
// Decides: how batches are recycled, so that a message costs no heap allocation in the long run.
// Leaves: what the events mean.
// Thread: made on any thread, read and let go of on the loop thread.
#pragma once

#include "protocol/event.hpp"
#include "protocol/list_encoder.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <span>
#include <vector>

namespace tutti {

class midi_batch {
public:
  std::span<const protocol::event> events() const noexcept { return events_; }
  bool has_sysex() const noexcept { return has_sysex_; }
  /// When the hub got it; the epoch if it made it itself.
  protocol::hub_time arrived() const noexcept { return arrived_; }

  /// The RTP-MIDI lists of these events: encoded by the first destination that asks, used by all.
  const protocol::midi_lists& lists() const;

  friend void intrusive_ptr_add_ref(const midi_batch* batch) noexcept {
    batch->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const midi_batch* batch) noexcept;

private:
  friend boost::intrusive_ptr<const midi_batch> make_batch(std::span<const protocol::event> events,
                                                           protocol::hub_time arrived);

  std::vector<protocol::event> events_;
  mutable protocol::midi_lists lists_;
  mutable bool encoded_ = false;
  bool has_sysex_ = false;
  protocol::hub_time arrived_{};
  mutable std::atomic<unsigned> references_{0};
};

using batch_ptr = boost::intrusive_ptr<const midi_batch>;

/// A batch of copies of `events`, which are not empty.
batch_ptr make_batch(std::span<const protocol::event> events, protocol::hub_time arrived = {});

} // namespace tutti
