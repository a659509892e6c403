// Avahi's event loop interface on a Boost.Asio io_context.
// Decides: how watches and timeouts become Asio waits, and that a callback may update or free any
// of them, its own included. Leaves: what the callbacks do (libavahi-client, libavahi-core). Spec:
// avahi-common/watch.h. Thread: the one that runs the io_context.
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>

#include <avahi-common/watch.h>

namespace tutti::io {

/// One instance serves any number of Avahi clients and servers, which must be freed before it.
class avahi_poll {
public:
  explicit avahi_poll(boost::asio::io_context& loop);
  ~avahi_poll();
  avahi_poll(const avahi_poll&) = delete;
  avahi_poll& operator=(const avahi_poll&) = delete;

  /// The function table for avahi_client_new() and avahi_server_new().
  const AvahiPoll* api() const noexcept { return &api_; }

  /// Objects that Avahi holds at the moment; both are 0 once it has freed everything.
  std::size_t watch_count() const noexcept;
  std::size_t timeout_count() const noexcept;

  struct state;

private:
  std::unique_ptr<state> state_;
  AvahiPoll api_{};
};

} // namespace tutti::io
