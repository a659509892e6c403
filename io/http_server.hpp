// An HTTP/1.1 server on the event loop, with WebSocket and Server-Sent Events.
// Decides: how many clients, how large and how slow their requests may be; who is let go first.
// Leaves: which routes there are (http_router), who may ask (http_access), the answers (handler).
// Spec: RFC 9110, RFC 9112, RFC 6455. Thread: the loop thread.
#pragma once

#include "io/event_loop.hpp"
#include "io/event_queue.hpp"
#include "io/http_access.hpp"
#include "io/http_router.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tutti::io {

struct http_limits {
  /// Connections, streams included. When all are taken, the one that has waited longest without a
  /// complete request makes room; if none waits, the newcomer is told 503.
  std::size_t connections = 512;
  std::size_t requests = 128; ///< being answered; further ones are told 503
  std::size_t streams = 256;  ///< endless ones; further ones are told 503
  std::size_t head_octets = 16 * 1024;
  std::size_t message_octets = 64 * 1024;       ///< of a WebSocket client's message
  std::chrono::milliseconds head{10'000};       ///< from a request's first octet to its head's end
  std::chrono::milliseconds body{30'000};       ///< for the whole body
  std::chrono::milliseconds idle{60'000};       ///< between requests, and before the first one
  std::chrono::milliseconds write{30'000};      ///< for a whole answer, or one event
  std::chrono::milliseconds keep_alive{15'000}; ///< between signs of life in a silent stream
  event_queue_limits queue;                     ///< per stream
};

struct http_counters {
  std::uint64_t connections = 0;           ///< accepted
  std::uint64_t evicted = 0;               ///< closed to make room
  std::uint64_t turned_away = 0;           ///< told 503
  std::uint64_t timeouts = 0;              ///< too slow
  std::uint64_t malformed = 0;             ///< not HTTP
  std::uint64_t requests = 0;              ///< answered
  std::uint64_t streams = 0;               ///< begun
  std::array<std::uint64_t, 6> by_class{}; ///< answers by hundreds of their status
  // now:
  std::size_t open_connections = 0;
  std::size_t open_requests = 0;
  std::size_t open_streams = 0;
};

class http_server {
public:
  using handler = std::function<void(http_exchange_ptr)>;

  http_server(event_loop& loop, http_router router, http_access access, http_limits limits = {});
  ~http_server();

  /// From now on connections speak TLS with this certificate; throws std::system_error.
  void use_tls(const std::string& certificate, const std::string& key);
  /// Takes the address; clients wait until start(). Throws std::system_error if it is not free.
  void listen(const endpoint& where);
  /// `answer` is called for every request that a route takes and whose client has the role for it.
  /// Another call puts another one in its place.
  void start(handler answer);
  /// Other tokens, hosts and origins; requests that have begun keep what they had.
  void set_access(http_access access);

  std::vector<endpoint> local() const;
  const http_counters& counters() const noexcept;
  /// Closes everything; the handler is not called any more.
  void close();

private:
  struct state;
  std::shared_ptr<state> state_;
};

} // namespace tutti::io
