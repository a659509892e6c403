#include "io/endpoint.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <net/if.h>

namespace tutti::io {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::uint32_t parse_scope(const std::string& text) {
  std::uint32_t index = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc{} && end == text.data() + text.size())
    return index;
  return if_nametoindex(text.c_str());
}

bool needs_scope(const endpoint& where) noexcept {
  auto multicast = where.address[0] == 0xFF;
  return multicast || (where.is_link_local() && !where.is_v4());
}

} // namespace

bool endpoint::is_v4() const noexcept {
  return std::equal(v4_prefix.begin(), v4_prefix.end(), address.begin());
}

bool endpoint::is_unspecified() const noexcept {
  auto first = is_v4() ? 12 : 0;
  return std::all_of(address.begin() + first, address.end(), [](auto octet) { return octet == 0; });
}

bool endpoint::is_loopback() const noexcept {
  if (is_v4())
    return address[12] == 127;
  return address[15] == 1 &&
         std::all_of(address.begin(), address.end() - 1, [](auto octet) { return octet == 0; });
}

bool endpoint::is_link_local() const noexcept {
  if (is_v4())
    return address[12] == 169 && address[13] == 254;
  return address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
}

std::string address_text(const endpoint& where) {
  char text[INET6_ADDRSTRLEN];
  if (where.is_v4())
    return inet_ntop(AF_INET, where.address.data() + 12, text, sizeof text);
  std::string out = inet_ntop(AF_INET6, where.address.data(), text, sizeof text);
  if (where.scope != 0)
    out += '%' + std::to_string(where.scope);
  return out;
}

std::string to_string(const endpoint& where) {
  auto port = ':' + std::to_string(where.port);
  return where.is_v4() ? address_text(where) + port : '[' + address_text(where) + ']' + port;
}

std::optional<endpoint> parse_address(std::string_view text, std::uint16_t port) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  endpoint out;
  out.port = port;
  std::string literal(text);
  if (auto percent = literal.find('%'); percent != std::string::npos) {
    out.scope = parse_scope(literal.substr(percent + 1));
    if (out.scope == 0)
      return std::nullopt;
    literal.resize(percent);
  }
  if (inet_pton(AF_INET6, literal.c_str(), out.address.data()) == 1) {
    if (!needs_scope(out))
      out.scope = 0; // datagrams of that host come without it
    return out;
  }
  if (out.scope != 0 || inet_pton(AF_INET, literal.c_str(), out.address.data() + 12) != 1)
    return std::nullopt;
  std::copy(v4_prefix.begin(), v4_prefix.end(), out.address.begin());
  return out;
}

[[gnu::hot]] socket_address to_socket_address(const endpoint& where, int family) noexcept {
  socket_address out{};
  if (family == AF_INET) {
    out.v4 = {};
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(where.port);
    std::memcpy(&out.v4.sin_addr, where.address.data() + 12, 4);
    out.size = sizeof out.v4;
    return out;
  }
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = htons(where.port);
  out.v6.sin6_scope_id = where.scope;
  std::memcpy(&out.v6.sin6_addr, where.address.data(), 16);
  out.size = sizeof out.v6;
  return out;
}

[[gnu::hot]] endpoint from_socket_address(const sockaddr* address) noexcept {
  endpoint out;
  if (address->sa_family == AF_INET) {
    auto v4 = reinterpret_cast<const sockaddr_in*>(address);
    std::copy(v4_prefix.begin(), v4_prefix.end(), out.address.begin());
    std::memcpy(out.address.data() + 12, &v4->sin_addr, 4);
    out.port = ntohs(v4->sin_port);
  } else if (address->sa_family == AF_INET6) {
    auto v6 = reinterpret_cast<const sockaddr_in6*>(address);
    std::memcpy(out.address.data(), &v6->sin6_addr, 16);
    out.port = ntohs(v6->sin6_port);
    out.scope = out.is_link_local() ? v6->sin6_scope_id : 0;
  }
  return out;
}

} // namespace tutti::io
