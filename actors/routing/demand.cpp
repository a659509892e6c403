#include "actors/routing/demand.hpp"

#include <algorithm>

namespace tutti::routing {

namespace {

bool says_which(const std::optional<config::name_pattern>& pattern) {
  return pattern && !pattern->is_any();
}

bool names(const config::port_pattern& pattern, const port_description& port) {
  auto fits = [&](const config::port_selector& one) {
    return (says_which(one.id) || says_which(one.name)) && matches(one, port);
  };
  return std::any_of(pattern.any.begin(), pattern.any.end(), fits) && matches(pattern, port);
}

} // namespace

bool is_named(std::span<const config::rule> rules, const port_description& port) {
  return std::any_of(rules.begin(), rules.end(), [&](const config::rule& rule) {
    return rule.enabled && !rule.block &&
           ((port.is_source && names(rule.from, port)) ||
            (port.is_destination && names(rule.to, port)));
  });
}

} // namespace tutti::routing
