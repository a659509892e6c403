#include "io/connect_rule.hpp"

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fnmatch.h>

#include <algorithm>

namespace tutti::io {

namespace ip = boost::asio::ip;

namespace {

bool glob(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), FNM_CASEFOLD) == 0;
}

bool glob_host(const std::string& pattern, const std::string& host) {
  constexpr std::string_view domain = ".local";
  if (glob(pattern, host))
    return true;
  return host.size() > domain.size() && host.ends_with(domain) &&
         glob(pattern, host.substr(0, host.size() - domain.size()));
}

template <class Network, class Address>
bool contains(const Network& network, const Address& address) {
  return Network(address, network.prefix_length()).canonical() == network.canonical();
}

bool match_address(const std::string& pattern, const ip::address& address) {
  boost::system::error_code error;
  if (pattern.find('/') != std::string::npos) {
    if (address.is_v4()) {
      const auto network = ip::make_network_v4(pattern, error);
      return !error && contains(network, address.to_v4());
    }
    const auto network = ip::make_network_v6(pattern, error);
    return !error && contains(network, ip::address_v6(address.to_v6().to_bytes()));
  }
  const auto exact = ip::make_address(pattern, error);
  if (!error)
    return exact.is_v6() && address.is_v6() && exact.to_v6().scope_id() == 0
               ? exact.to_v6().to_bytes() == address.to_v6().to_bytes()
               : exact == address;
  const auto plain = address.is_v6() ? ip::address_v6(address.to_v6().to_bytes()).to_string()
                                     : address.to_string();
  return glob(pattern, plain);
}

} // namespace

bool matches(const service_pattern& pattern, const discovered_service& service) {
  if (!pattern.name.empty() && !glob(pattern.name, service.name))
    return false;
  if (!pattern.host.empty() && !glob_host(pattern.host, service.host))
    return false;
  return pattern.address.empty() ||
         std::any_of(service.endpoints.begin(), service.endpoints.end(),
                     [&](const auto& to) { return match_address(pattern.address, to.address()); });
}

connect_policy decide(std::span<const connect_rule> rules, const discovered_service& service) {
  for (const auto& rule : rules) {
    const auto excepted = [&](const service_pattern& pattern) { return matches(pattern, service); };
    if (matches(rule.match, service) &&
        std::none_of(rule.except.begin(), rule.except.end(), excepted))
      return rule.policy;
  }
  return connect_policy::never;
}

std::optional<std::string> address_pattern_mistake(const std::string& pattern) {
  boost::system::error_code error_v4, error_v6;
  if (pattern.find('/') != std::string::npos) {
    ip::make_network_v4(pattern, error_v4);
    ip::make_network_v6(pattern, error_v6);
    if (error_v4 && error_v6)
      return "\"" + pattern +
             "\" is no network: an address, a slash and a prefix length are needed.";
    return {};
  }
  ip::make_address(pattern, error_v4);
  if (error_v4 && pattern.find_first_not_of("0123456789abcdefABCDEF.:*?[]-!^") != std::string::npos)
    return "\"" + pattern + "\" is no address, network or pattern of an address.";
  return {};
}

} // namespace tutti::io
