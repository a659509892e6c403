// A listening TCP socket.
// Decides: that accepting goes on whatever happens; when the system is out of descriptors, it waits.
// Leaves: who may come in (actors/tcp_listener). Thread: the loop thread only.
#pragma once

#include "io/endpoint.hpp"
#include "io/event_loop.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

namespace tutti::io {

class tcp_acceptor : public std::enable_shared_from_this<tcp_acceptor> {
public:
  using handler = std::function<void(boost::asio::ip::tcp::socket)>;

  /// Binds to `where`: "::" takes IPv6 and IPv4, port 0 any free port. Throws std::system_error; its
  /// text names the address and port that could not be had.
  static std::shared_ptr<tcp_acceptor> open(event_loop& loop, const endpoint& where);

  /// From now on every connection goes to `on_connection`.
  void start(handler on_connection);
  endpoint local() const { return local_; }
  void close();

private:
  explicit tcp_acceptor(event_loop& loop);
  void bind(const endpoint& where);
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  endpoint local_;
  handler on_connection_;
};

} // namespace tutti::io
