#include "config/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace tutti::config {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::optional<unsigned> parse_number(std::string_view text, unsigned highest) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > highest)
    return std::nullopt;
  return value;
}

struct literal {
  std::array<std::uint8_t, 16> octets{};
  bool is_v4 = false;
};

std::optional<literal> parse_literal(const std::string& text) {
  literal result;
  if (inet_pton(AF_INET6, text.c_str(), result.octets.data()) == 1)
    return result;
  if (inet_pton(AF_INET, text.c_str(), result.octets.data() + 12) != 1)
    return std::nullopt;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.octets.begin());
  result.is_v4 = true;
  return result;
}

bool is_v6_literal(std::string_view text) {
  auto scope = text.find('%');
  if (scope != text.npos && scope + 1 == text.size())
    return false;
  auto found = parse_literal(std::string(text.substr(0, scope)));
  return found && !found->is_v4;
}

bool is_host_name(std::string_view text) {
  constexpr std::string_view refused = " \t\r\n/:[]%@?#\"\\";
  return !text.empty() && text.size() <= 253 && text.find_first_of(refused) == text.npos;
}

} // namespace

std::optional<host_port> parse_host_port(std::string_view text, std::uint16_t default_port) {
  if (is_v6_literal(text))
    return host_port{std::string(text), default_port};
  std::string_view host = text, port;
  bool bracketed = text.starts_with('[');
  if (bracketed) {
    auto closing = text.find(']');
    if (closing == text.npos)
      return std::nullopt;
    host = text.substr(1, closing - 1);
    port = text.substr(closing + 1);
  } else if (auto colon = text.find(':'); colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (bracketed ? !is_v6_literal(host) : !is_host_name(host))
    return std::nullopt;
  if (port.empty())
    return host_port{std::string(host), default_port};
  auto number = port.front() == ':' ? parse_number(port.substr(1), 65535) : std::nullopt;
  if (!number || *number == 0)
    return std::nullopt;
  return host_port{std::string(host), static_cast<std::uint16_t>(*number)};
}

bool is_address_literal(std::string_view text) {
  return is_v6_literal(text) || parse_literal(std::string(text)).has_value();
}

bool is_interface_name(std::string_view text) {
  constexpr std::size_t longest = 15; // IFNAMSIZ
  return !text.empty() && text.size() <= longest && text.find_first_of(":/% \t") == text.npos &&
         text.find_first_not_of("0123456789.") != text.npos;
}

bool address_range::contains(std::span<const std::uint8_t> address) const noexcept {
  std::array<std::uint8_t, 16> full{};
  if (address.size() == 4) {
    std::copy(mapped_prefix.begin(), mapped_prefix.end(), full.begin());
    std::copy(address.begin(), address.end(), full.begin() + 12);
  } else if (address.size() == 16) {
    std::copy(address.begin(), address.end(), full.begin());
  } else {
    return false;
  }
  auto whole = bits / 8;
  if (!std::equal(prefix.begin(), prefix.begin() + whole, full.begin()))
    return false;
  auto rest = bits % 8;
  return rest == 0 || (prefix[whole] ^ full[whole]) >> (8 - rest) == 0;
}

std::optional<address_range> parse_address_range(std::string_view text) {
  auto slash = text.find('/');
  auto address = parse_literal(std::string(text.substr(0, slash)));
  if (!address)
    return std::nullopt;
  unsigned highest = address->is_v4 ? 32 : 128;
  auto bits = std::optional(highest);
  if (slash != text.npos)
    bits = parse_number(text.substr(slash + 1), highest);
  if (!bits)
    return std::nullopt;
  address_range range{address->octets, *bits + (128 - highest)};
  for (unsigned bit = range.bits; bit < 128; ++bit)
    range.prefix[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
  return range;
}

} // namespace tutti::config
