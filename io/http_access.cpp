#include "io/http_access.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace tutti::io {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

} // namespace

std::string host_name_of(std::string_view host) {
  if (host.starts_with('[')) {
    auto end = host.find(']');
    return lower(host.substr(0, end == host.npos ? host.size() : end + 1));
  }
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.'))
    host.remove_suffix(1);
  return lower(host);
}

std::optional<std::string> bearer_token(const http_credentials& given) {
  constexpr std::string_view scheme = "bearer ";
  if (given.authorization.size() > scheme.size() &&
      lower(given.authorization.substr(0, scheme.size())) == scheme)
    return std::string(trim(given.authorization.substr(scheme.size())));
  auto rest = given.subprotocols;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    auto one = trim(rest.substr(0, comma));
    if (one.starts_with(http_access::token_subprotocol))
      return percent_decode(one.substr(http_access::token_subprotocol.size()));
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
  }
  return std::nullopt;
}

http_access::http_access(const http_access_options& options)
    : hosts_{"localhost"} {
  for (const auto& token : options.tokens)
    tokens_.push_back({token.role, digest_of(token.secret)});
  for (const auto& name : options.hosts)
    hosts_.push_back(host_name_of(name));
  for (const auto& name : options.own_names)
    hosts_.push_back(host_name_of(name));
  for (const auto& origin : options.origins)
    origins_.push_back(lower(origin));
}

http_access::digest http_access::digest_of(std::string_view secret) {
  digest out;
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), out.data());
  return out;
}

// A page that rebinds its own name to our address still sends that name; it cannot send a literal.
bool http_access::knows_host(std::string_view host) const {
  auto name = host_name_of(host);
  return parse_address(name).has_value() ||
         std::find(hosts_.begin(), hosts_.end(), name) != hosts_.end();
}

// Compares digests, all of them to their ends, so that the time taken tells nothing.
http_role http_access::role_of(std::string_view secret) const {
  auto given = digest_of(secret);
  auto role = http_role::none;
  for (const auto& token : tokens_)
    if (CRYPTO_memcmp(given.data(), token.secret.data(), given.size()) == 0)
      role = std::max(role, token.role);
  return role;
}

http_access::verdict http_access::judge(const http_credentials& given) const {
  verdict out;
  if (!knows_host(given.host)) {
    out.refusal =
        problem(421, "The Host header names \"" + host_name_of(given.host) +
                         "\", which is not known here; add it to \"hosts\" of \"control\" "
                         "in the configuration, or use the address.");
    return out;
  }
  if (!given.origin.empty()) {
    auto origin = lower(given.origin);
    auto own = std::string(given.secure ? "https://" : "http://") + lower(given.host);
    if (origin != own) {
      if (std::find(origins_.begin(), origins_.end(), origin) == origins_.end()) {
        out.refusal = problem(403, "Pages of this origin may not use the hub; \"origins\" of "
                                   "\"control\" in the configuration lists those that may.");
        return out;
      }
      out.foreign_origin = true;
    }
  }
  if (tokens_.empty()) {
    out.role = http_role::control;
    return out;
  }
  auto token = bearer_token(given);
  if (!token)
    return out;
  out.role = role_of(*token);
  if (out.role == http_role::none)
    out.refusal = problem(401, "The bearer token is not known here.")
                      .with("WWW-Authenticate", "Bearer realm=\"tutti\", error=\"invalid_token\"");
  return out;
}

} // namespace tutti::io
