// Which ports of a sound system the hub opens.
// Decides: how mode, include and exclude work together. Thread: values; pure functions.
#pragma once

#include "config/settings.hpp"

#include <algorithm>
#include <string_view>

namespace tutti {

/// True if the rule opens the port of this full name ("client:port"). Excluding beats including.
inline bool opens(const config::device_export& rule, std::string_view full_name, bool is_hardware) {
  auto named_in = [&](const std::vector<config::name_pattern>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return pattern.matches(full_name); });
  };
  if (named_in(rule.exclude))
    return false;
  using mode = config::device_export::mode;
  return rule.which == mode::all || (rule.which == mode::hardware && is_hardware) ||
         named_in(rule.include);
}

} // namespace tutti
