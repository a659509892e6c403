#include "io/address_order.hpp"

#include <algorithm>
#include <deque>

namespace tutti::io {

namespace ip = boost::asio::ip;
using ip::udp;

namespace {

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned length) {
  for (std::size_t octet = 0; octet < a.size() && length > 0; ++octet) {
    const auto bits = std::min(length, 8u);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits));
    if ((a[octet] ^ b[octet]) & mask)
      return false;
    length -= bits;
  }
  return true;
}

bool same_subnet(const ip::address& address, const interface_address& ours) {
  if (address.is_v4() != ours.address.is_v4() || ours.prefix_length == 0)
    return false;
  return address.is_v4() ? same_prefix(address.to_v4().to_bytes(), ours.address.to_v4().to_bytes(),
                                       ours.prefix_length)
                         : same_prefix(address.to_v6().to_bytes(), ours.address.to_v6().to_bytes(),
                                       ours.prefix_length);
}

bool is_link_local(const ip::address& address) {
  if (address.is_v6())
    return address.to_v6().is_link_local();
  const auto octets = address.to_v4().to_bytes();
  return octets[0] == 169 && octets[1] == 254;
}

/// The endpoint as it is sent to, or nothing.
bool normalize(udp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  if (address.is_unspecified() || address.is_multicast() || endpoint.port() == 0)
    return false;
  if (address.is_v6() && address.to_v6().is_link_local() && address.to_v6().scope_id() == 0)
    return false;
  endpoint.address(address);
  return true;
}

} // namespace

nearness nearness_of(const ip::address& address, const std::vector<network_interface>& interfaces) {
  if (address.is_loopback())
    return nearness::this_host;
  if (is_link_local(address))
    return nearness::link_local;
  for (const auto& interface : interfaces)
    for (const auto& ours : interface.addresses)
      if (interface.up && same_subnet(address, ours))
        return nearness::local_subnet;
  return nearness::remote;
}

std::vector<udp::endpoint> order_endpoints(std::span<const udp::endpoint> endpoints,
                                           const std::vector<network_interface>& interfaces,
                                           const udp::endpoint* preferred) {
  struct candidate {
    udp::endpoint endpoint;
    nearness near;
  };
  std::deque<candidate> v4, v6;
  std::vector<udp::endpoint> ordered;
  for (auto endpoint : endpoints) {
    if (!normalize(endpoint))
      continue;
    if (preferred && endpoint == *preferred) {
      if (ordered.empty())
        ordered.push_back(endpoint);
      continue;
    }
    auto& family = endpoint.address().is_v4() ? v4 : v6;
    if (std::none_of(family.begin(), family.end(),
                     [&](const candidate& other) { return other.endpoint == endpoint; }))
      family.push_back({endpoint, nearness_of(endpoint.address(), interfaces)});
  }
  const auto nearer = [](const candidate& a, const candidate& b) { return a.near < b.near; };
  std::stable_sort(v4.begin(), v4.end(), nearer);
  std::stable_sort(v6.begin(), v6.end(), nearer);
  bool take_v6 = !v6.empty() && (v4.empty() || v6.front().near <= v4.front().near);
  while ((!v4.empty() || !v6.empty()) && ordered.size() < max_candidates) {
    auto& family = (take_v6 && !v6.empty()) || v4.empty() ? v6 : v4;
    ordered.push_back(family.front().endpoint);
    family.pop_front();
    take_v6 = !take_v6;
  }
  return ordered;
}

} // namespace tutti::io
