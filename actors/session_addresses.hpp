// The addresses that a session listens on, where it is to listen on some and not on all.
// Decides: which addresses of this machine those are just now: literals, and all that the named
// interfaces have. Each is a pair of sockets; to the listener they are one pair.
// Leaves: noticing that interfaces change (supervisor), choosing a socket (io/socket_group).
// Thread: the loop thread.
#pragma once

#include "config/settings.hpp"
#include "io/network_interface.hpp"
#include "io/socket_group.hpp"
#include "io/udp_socket.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tutti {

class session_addresses {
public:
  /// `session.bind`: literals and names of interfaces.
  session_addresses(io::event_loop& loop, config::session session, const io::udp_options& options);

  /// Opens and closes sockets until they are what these interfaces make of it; whether anything
  /// changed. An address that cannot be had is told in the log, and tried again next time.
  bool follow(const std::vector<io::network_interface>& now);

  /// Control addresses.
  const std::vector<io::endpoint>& listens() const noexcept { return listens_; }
  /// Some address cannot be had.
  bool incomplete() const noexcept { return !missing_.empty(); }

  const std::shared_ptr<io::socket_group>& control() const noexcept { return control_; }
  const std::shared_ptr<io::socket_group>& data() const noexcept { return data_; }

private:
  std::vector<io::endpoint> wanted(const std::vector<io::network_interface>& now) const;
  void open(const io::endpoint& where);

  io::event_loop& loop_;
  config::session session_;
  io::udp_options options_;
  std::uint16_t port_; ///< if 0, any free one; then the one that was found
  std::shared_ptr<io::socket_group> control_;
  std::shared_ptr<io::socket_group> data_;
  std::vector<io::endpoint> listens_;
  std::set<std::string> missing_; ///< addresses, as told in the log
};

} // namespace tutti
