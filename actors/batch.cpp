#include "actors/batch.hpp"

#include <algorithm>
#include <memory>

namespace tutti {

namespace {

// Batches kept for use again, per thread; larger ones than this are freed.
constexpr std::size_t max_free = 256;
constexpr std::size_t max_kept_events = 1024;

thread_local std::vector<std::unique_ptr<midi_batch>> free_batches;

} // namespace

[[gnu::hot]] batch_ptr make_batch(std::span<const protocol::event> events,
                                  protocol::hub_time arrived) {
  std::unique_ptr<midi_batch> batch;
  if (free_batches.empty()) {
    batch = std::make_unique<midi_batch>();
  } else {
    batch = std::move(free_batches.back());
    free_batches.pop_back();
  }
  batch->events_.assign(events.begin(), events.end());
  batch->arrived_ = arrived;
  batch->has_sysex_ =
      std::any_of(events.begin(), events.end(), [](const auto& e) { return e.message.is_sysex(); });
  return batch_ptr(batch.release());
}

const protocol::midi_lists& midi_batch::lists() const {
  if (!encoded_) {
    lists_.clear();
    protocol::encode_lists(events_, lists_);
    encoded_ = true;
  }
  return lists_;
}

[[gnu::hot]] void intrusive_ptr_release(const midi_batch* batch) noexcept {
  if (batch->references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  std::unique_ptr<midi_batch> owner(const_cast<midi_batch*>(batch));
  if (free_batches.size() >= max_free || owner->events_.capacity() > max_kept_events)
    return;
  owner->encoded_ = false;
  free_batches.push_back(std::move(owner));
}

} // namespace tutti
