// One client that listens to events, by WebSocket or Server-Sent Events.
// Decides: framing, sending one after the other, when a client that takes nothing is given up.
// Leaves: what is sent (whoever holds it), what is given up for slow clients (event_queue).
// Spec: RFC 6455; HTML, "Server-sent events". Thread: the loop thread.
#pragma once

#include "io/event_queue.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::io {

class event_stream {
public:
  struct handlers {
    /// A text message of the client. Server-Sent Events have none.
    std::function<void(std::string_view)> on_message;
    /// The client is gone; nothing is called after this.
    std::function<void()> on_close;
    /// The event that tells a slow client what it missed.
    std::function<std::string(const std::vector<event_queue::loss>&)> tell_losses;
  };

  virtual ~event_stream() = default;

  /// Begins: to be called once. on_close is called even if close() is.
  virtual void start(handlers use) = 0;
  /// Queues one event, JSON without line breaks. Returns false if an older one was given up for it.
  virtual bool send(event_queue::topic what, event_weight weight, event_text text) = 0;
  virtual void close() = 0;
};

} // namespace tutti::io
