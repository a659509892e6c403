// The control API's settings out of JSON; part of read_settings.hpp.
#include "config/explain.hpp"
#include "config/read_settings.hpp"

namespace tutti::config {

NLOHMANN_JSON_SERIALIZE_ENUM(token_role,
                             {{token_role::read, "read"}, {token_role::control, "control"}})

namespace {

bool is_loopback(const std::string& address) {
  auto range = parse_address_range(address);
  static const auto v4 = *parse_address_range("127.0.0.0/8"), v6 = *parse_address_range("::1");
  return range && (v4.contains(range->prefix) || v6.contains(range->prefix));
}

/// Address and port; unlike elsewhere the port may be 0, which picks a free one.
std::optional<host_port> parse_listener(const std::string& text) {
  if (text.ends_with(":0") && !text.ends_with("::0"))
    return parse_host_port(text.substr(0, text.size() - 2), 0);
  auto address = parse_host_port(text, 0);
  return address && address->port != 0 ? address : std::nullopt;
}

} // namespace

control read_control(const json_reader& place) {
  control result;
  place.take("enabled", result.enabled);
  place.take("without_token", result.without_token);
  place.take("hosts", result.hosts);
  place.take("origins", result.origins);
  place.each("tokens", [&](const json_reader& item) {
    auto& token = result.tokens.emplace_back();
    item.take("name", token.name);
    item.take("role", token.role);
    item.take("file", token.file);
    item.take("environment", token.environment);
  });
  if (place.has("tls")) {
    auto& tls = result.tls.emplace();
    place.at("tls").take("certificate", tls.certificate);
    place.at("tls").take("key", tls.key);
  }
  if (!place.has("listen"))
    return result;
  result.listen.clear();
  bool open = result.without_token || place.has("tokens");
  place.each("listen", [&](const json_reader& item) {
    auto address = parse_listener(item.value().get<std::string>());
    if (!address || !is_address_literal(address->host))
      return item.refuse(describe_value(item.value()),
                         "address:port with a literal address, as in 127.0.0.1:8504 or [::]:8504");
    if (!is_loopback(address->host) && !open)
      item.refuse(describe_value(item.value()) + " without any token",
                  "an address beyond loopback only with \"tokens\", or with \"without_token\"");
    result.listen.push_back(*address);
  });
  return result;
}

} // namespace tutti::config
