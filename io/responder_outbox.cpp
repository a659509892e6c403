#include "io/responder_outbox.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tutti::io {

responder_outbox::responder_outbox(boost::asio::io_context& loop, responder_sink sink)
    : loop_(loop)
    , letters_(std::make_shared<letters>(letters{std::move(sink), {}})) {
}

void responder_outbox::push(responder_event event) {
  letters_->waiting.push_back(std::move(event));
  if (letters_->waiting.size() > 1)
    return; // a delivery is under way
  boost::asio::post(loop_, [box = std::weak_ptr(letters_)] {
    auto held = box.lock();
    if (!held)
      return;
    const auto batch = std::exchange(held->waiting, {});
    const auto sink = held->sink; // outlives the outbox if an event ends it
    held.reset();
    for (const auto& letter : batch) {
      if (box.expired())
        return;
      sink(letter);
    }
  });
}

} // namespace tutti::io
