// A UDP or TCP address: IPv6, or IPv4 in its mapped form, with port and scope.
// Decides: that an IPv4 peer is the same whether a dual-stack or an IPv4 socket met it.
// Leaves: names (resolver). Thread: values.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

namespace tutti::io {

struct endpoint {
  std::array<std::uint8_t, 16> address{}; ///< network order; IPv4 as ::ffff:a.b.c.d
  std::uint32_t scope = 0;                ///< interface index of a link-local address, else 0
  std::uint16_t port = 0;                 ///< host order

  bool is_v4() const noexcept;
  bool is_unspecified() const noexcept;
  bool is_loopback() const noexcept;
  bool is_link_local() const noexcept;
  bool same_host(const endpoint& other) const noexcept {
    return address == other.address && scope == other.scope;
  }
  endpoint with_port(std::uint16_t other) const noexcept {
    auto copy = *this;
    copy.port = other;
    return copy;
  }

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// "10.0.0.7:5004" or "[fe80::1%2]:5004".
std::string to_string(const endpoint& where);
/// The address alone: "10.0.0.7" or "fe80::1%2".
std::string address_text(const endpoint& where);

/// Reads an IPv4 or IPv6 literal, the latter with or without brackets and with an optional %scope
/// (interface name or index), which is dropped where it has no meaning. Nothing for anything else,
/// names included.
std::optional<endpoint> parse_address(std::string_view text, std::uint16_t port = 0);

/// Conversions for the socket calls; `family` is that of the socket.
struct socket_address {
  union {
    sockaddr_in6 v6;
    sockaddr_in v4;
  };
  socklen_t size;
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&v6); }
};
socket_address to_socket_address(const endpoint& where, int family) noexcept;
endpoint from_socket_address(const sockaddr* address) noexcept;

struct endpoint_hash {
  std::size_t operator()(const endpoint& where) const noexcept {
    std::uint64_t high, low;
    std::memcpy(&high, where.address.data(), 8);
    std::memcpy(&low, where.address.data() + 8, 8);
    auto h = (high ^ 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u;
    h ^= (low + where.port + (std::uint64_t(where.scope) << 32)) * 0x94D049BB133111EBu;
    return h ^ h >> 29;
  }
};

} // namespace tutti::io
