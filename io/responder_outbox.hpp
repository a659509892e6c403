// The way from a responder to whoever owns it: events in order, and never from inside a call.
// Decides: when events are delivered: on the next turn of the loop. They are taken within that
// turn, so there are never more of them than one turn brings. Leaves: what they mean. Thread: the
// loop's.
#pragma once

#include "io/mdns_responder.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

namespace tutti::io {

class responder_outbox {
public:
  responder_outbox(boost::asio::io_context& loop, responder_sink sink);
  responder_outbox(const responder_outbox&) = delete;
  responder_outbox& operator=(const responder_outbox&) = delete;

  void push(responder_event event);

private:
  struct letters {
    responder_sink sink;
    std::vector<responder_event> waiting;
  };

  boost::asio::io_context& loop_;
  std::shared_ptr<letters> letters_; ///< delivery ends where this object does, also in mid-batch
};

} // namespace tutti::io
