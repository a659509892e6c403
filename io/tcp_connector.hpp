// Opens a TCP connection to a host by name or address.
// Decides: that every address of the name is tried in turn, and how long an attempt may take.
// Leaves: trying again (actors/tcp_target). Names are looked up on Asio's resolver thread.
// Thread: the loop thread only.
#pragma once

#include "io/event_loop.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tutti::io {

class tcp_connector : public std::enable_shared_from_this<tcp_connector> {
public:
  /// Gets the connection, or why there is none as the end of a sentence.
  using handler = std::function<void(std::optional<boost::asio::ip::tcp::socket>, std::string)>;

  static std::shared_ptr<tcp_connector> make(event_loop& loop) {
    return std::shared_ptr<tcp_connector>(new tcp_connector(loop));
  }

  /// `on_done` is called once, and not after cancel(). One attempt at a time.
  void connect(const std::string& host, std::uint16_t port, std::chrono::milliseconds patience,
               handler on_done);
  void cancel();

private:
  explicit tcp_connector(event_loop& loop)
      : loop_(loop)
      , resolver_(loop.context())
      , timer_(loop.context()) {}

  void try_all(const boost::asio::ip::tcp::resolver::results_type& addresses);
  void finish(std::optional<boost::asio::ip::tcp::socket> socket, const std::string& failure);

  event_loop& loop_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<boost::asio::ip::tcp::socket> trying_;
  handler on_done_;
};

} // namespace tutti::io
