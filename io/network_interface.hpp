// A network interface of this host and its addresses, as the kernel tells them.
// Decides: nothing. Leaves: who may use it (io/mdns, the listeners).
// Thread: values; no shared state.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace tutti::io {

struct interface_address {
  boost::asio::ip::address
      address; ///< a link-local IPv6 address carries the interface as its scope
  unsigned prefix_length = 0;
  bool tentative = false;   ///< IPv6: not usable yet, the kernel still looks for duplicates
  bool short_lived = false; ///< IPv6: for privacy, or about to expire; not to be announced

  bool operator==(const interface_address&) const = default;
};

struct network_interface {
  unsigned index = 0; ///< from 1; never 0 for a real one
  std::string name;
  bool up = false;      ///< switched on by the operator
  bool running = false; ///< and has a carrier
  bool loopback = false;
  bool multicast = false;
  std::vector<interface_address> addresses; ///< in the order in which they were assigned

  bool operator==(const network_interface&) const = default;
};

} // namespace tutti::io
