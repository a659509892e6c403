#include "actors/routing/port.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

bool holds(const std::optional<config::name_pattern>& pattern, const std::string& text) {
  return !pattern || pattern->matches(text);
}

bool any_matches(const std::vector<config::port_selector>& selectors,
                 const port_description& port) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const auto& selector) { return matches(selector, port); });
}

bool points(config::port_direction direction, const port_description& port) {
  switch (direction) {
  case config::port_direction::in: return port.is_source;
  case config::port_direction::out: return port.is_destination;
  case config::port_direction::both: return port.is_source && port.is_destination;
  }
  return false;
}

} // namespace

bool matches(const config::port_selector& selector, const port_description& port) {
  return holds(selector.id, port.id) && holds(selector.kind, port.kind) &&
         holds(selector.session, port.session) && holds(selector.name, port.name) &&
         (!selector.direction || points(*selector.direction, port)) &&
         !any_matches(selector.except, port);
}

bool matches(const config::port_pattern& pattern, const port_description& port) {
  return (pattern.any.empty() || any_matches(pattern.any, port)) &&
         !any_matches(pattern.except, port);
}

} // namespace tutti::routing
