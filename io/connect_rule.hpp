// Which discovered services the hub connects to by itself.
// Decides: what a rule matches, and which rule counts. Leaves: connecting (the discovery actor).
// Thread: pure functions.
#pragma once

#include "io/service_table.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::io {

enum class connect_policy : std::uint8_t {
  never,     ///< shown only
  always,    ///< invited as soon as it is seen, and again whenever it is lost
  on_demand, ///< invited while a route wants it
};

constexpr std::string_view to_string(connect_policy policy) noexcept {
  switch (policy) {
  case connect_policy::never: return "never";
  case connect_policy::always: return "always";
  case connect_policy::on_demand: return "on_demand";
  }
  return "unknown";
}

/// All parts that are set must match. Patterns are those of a shell: * ? [a-z], a backslash takes
/// the next character as it is; letters of ASCII match in both cases.
struct service_pattern {
  std::string name; ///< instance name; empty matches every one
  std::string host; ///< host name, with or without its ".local"
  /// One of its addresses: "10.0.0.0/8", "fd00::/8", "10.0.0.7", or a pattern ("192.168.1.*").
  std::string address;
};

struct connect_rule {
  service_pattern match;
  std::vector<service_pattern> except; ///< a service that matches one of these is passed over
  connect_policy policy = connect_policy::never;
};

bool matches(const service_pattern& pattern, const discovered_service& service);

/// The policy of the first rule that matches; `never` if none does.
connect_policy decide(std::span<const connect_rule> rules, const discovered_service& service);

/// What is wrong with an address pattern, as a sentence; nothing if it is good.
std::optional<std::string> address_pattern_mistake(const std::string& pattern);

} // namespace tutti::io
