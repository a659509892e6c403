// A multicast group on one UDP port: what everyone sends there, and what we send.
// Decides: one hop, heard by other programs of this machine, deaf to its own datagrams.
// Leaves: what the octets mean (actors/multicast_port). Thread: the loop thread only.
#pragma once

#include "io/endpoint.hpp"
#include "io/event_loop.hpp"

#include <boost/asio/ip/udp.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tutti::io {

class multicast_socket : public std::enable_shared_from_this<multicast_socket> {
public:
  /// Joins the group at `where` (IPv4) on the interface of this name; empty: the system's choice.
  /// Throws std::system_error that says what could not be done.
  static std::shared_ptr<multicast_socket> open(event_loop& loop, const endpoint& where,
                                                const std::string& interface);

  /// `on_ready` is called when receive() has something. Called once.
  void start(std::function<void()> on_ready);
  /// The next datagram of somebody else; 0 if there is none.
  std::size_t receive(std::span<std::uint8_t> room, endpoint& from);
  /// False if the system did not take it.
  bool send(std::span<const std::uint8_t> bytes);
  void close();

private:
  explicit multicast_socket(event_loop& loop);
  void join(const endpoint& where, const std::string& interface);
  bool is_own(const endpoint& from) const;
  void await();

  boost::asio::ip::udp::socket in_;
  boost::asio::ip::udp::socket out_; ///< of its own, so that its port tells our datagrams
  boost::asio::ip::udp::endpoint group_;
  std::uint16_t own_port_ = 0;
  std::vector<endpoint> own_addresses_;
  std::function<void()> on_ready_;
};

} // namespace tutti::io
