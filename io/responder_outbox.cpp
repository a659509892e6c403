#include "io/responder_outbox.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tutti::io {

responder_outbox::responder_outbox(boost::asio::io_context& loop, responder_sink sink)
    : loop_(&loop)
    , sink_(std::move(sink)) {
}

void responder_outbox::push(responder_event event) {
  std::lock_guard lock(mutex_);
  if (!loop_)
    return;
  waiting_.push_back(std::move(event));
  if (std::exchange(posted_, true))
    return;
  boost::asio::post(*loop_, [self = shared_from_this()] { self->deliver(); });
}

void responder_outbox::wait_for_room() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return !loop_ || waiting_.size() < limit; });
}

void responder_outbox::close() {
  std::lock_guard lock(mutex_);
  loop_ = nullptr;
  waiting_.clear();
  room_.notify_all();
}

void responder_outbox::deliver() {
  std::vector<responder_event> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(waiting_);
    posted_ = false;
    room_.notify_all();
  }
  for (auto& event : batch) {
    {
      std::lock_guard lock(mutex_);
      if (!loop_)
        return; // closed by an earlier event of this batch
    }
    sink_(std::move(event));
  }
}

} // namespace tutti::io
