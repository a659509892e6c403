// The way from a responder to whoever owns it: events in order, on the loop, never from inside a
// call. Decides: when events are delivered, and that a producing thread waits while too many are
// under way. Leaves: what they mean. Thread: push() and wait_for_room() from any; all else on the
// loop's.
#pragma once

#include "io/mdns_responder.hpp"

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace tutti::io {

class responder_outbox : public std::enable_shared_from_this<responder_outbox> {
public:
  /// Events that may wait for the loop before wait_for_room() holds their producer back.
  static constexpr std::size_t limit = 4096;

  responder_outbox(boost::asio::io_context& loop, responder_sink sink);

  void push(responder_event event);

  /// Blocks while the outbox is full and open. Only for a thread that is not the loop's.
  void wait_for_room();

  /// Delivers nothing more and forgets the loop and the sink.
  void close();

private:
  void deliver();

  std::mutex mutex_;
  std::condition_variable room_;
  boost::asio::io_context* loop_; ///< null once closed
  responder_sink sink_;           ///< used on the loop's thread only
  std::vector<responder_event> waiting_;
  bool posted_ = false;
};

} // namespace tutti::io
