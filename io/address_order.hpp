// In which order the addresses of one peer are tried.
// Decides: the ranking. Leaves: when each is tried (attempt_schedule).
// Spec: RFC 8305 section 4, with the local networks known instead of a destination address table.
// Thread: pure functions.
#pragma once

#include "io/network_interface.hpp"

#include <boost/asio/ip/udp.hpp>

#include <span>
#include <vector>

namespace tutti::io {

/// How near an address is; lower is better.
enum class nearness : int {
  this_host,    ///< loopback
  local_subnet, ///< in the subnet of one of our addresses
  link_local,   ///< reaches one link only, survives changes of DHCP and routers
  remote,       ///< anything else: needs a router, or leads nowhere
};

nearness nearness_of(const boost::asio::ip::address& address,
                     const std::vector<network_interface>& interfaces);

/// `endpoints` without duplicates, IPv4-mapped addresses as IPv4, link-local IPv6 without a scope
/// left out (nobody can send there), at most `max_candidates`. First `preferred` if it is among
/// them (where the peer answered last); then the families in turn, each nearest first, beginning
/// with the family that is nearer, and with IPv6 if both are as near.
std::vector<boost::asio::ip::udp::endpoint>
order_endpoints(std::span<const boost::asio::ip::udp::endpoint> endpoints,
                const std::vector<network_interface>& interfaces,
                const boost::asio::ip::udp::endpoint* preferred = nullptr);

inline constexpr std::size_t max_candidates = 16;

} // namespace tutti::io
