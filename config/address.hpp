// Addresses as operators write them: "host:port" and "192.168.1.0/24".
// Decides: their grammar, also for IPv6 literals with and without brackets and scope.
// Leaves: resolving names (io).
// Spec: RFC 4291 section 2.2, RFC 4632 section 3.1, RFC 4007 section 11. Thread: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tutti::config {

/// A host by name or literal address, and a port.
struct host_port {
  std::string host; ///< without brackets; may end with %scope
  std::uint16_t port = 0;

  friend bool operator==(const host_port&, const host_port&) = default;
};

/// Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 literal. Nothing for anything else
/// and for ports outside 1 to 65535.
std::optional<host_port> parse_host_port(std::string_view text, std::uint16_t default_port);

/// True for an IPv4 or IPv6 literal, the latter with or without %scope.
bool is_address_literal(std::string_view text);

/// True for what may name a network interface, such as "eth0"; not for misspelt addresses.
bool is_interface_name(std::string_view text);

/// A network in CIDR notation. IPv4 lives inside IPv6 as ::ffff:a.b.c.d.
struct address_range {
  std::array<std::uint8_t, 16> prefix{};
  unsigned bits = 0; ///< of `prefix` that count, 0 to 128

  /// True if the address, 4 or 16 octets in network order, lies within.
  bool contains(std::span<const std::uint8_t> address) const noexcept;

  friend bool operator==(const address_range&, const address_range&) = default;
};

/// Reads `address` or `address/bits`; a range whose address has bits set beyond its length is taken
/// as the network around it. Nothing for anything else.
std::optional<address_range> parse_address_range(std::string_view text);

} // namespace tutti::config
