#include "config/admission.hpp"

#include <algorithm>

namespace tutti::config {
namespace {

bool any_matches(const std::vector<name_pattern>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return pattern.matches(name); });
}

bool any_contains(const std::vector<address_range>& ranges, std::span<const std::uint8_t> address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return range.contains(address); });
}

} // namespace

admission admit(const invitations& policy, std::span<const std::uint8_t> address,
                std::string_view name) {
  if (policy.policy == invitation_policy::open)
    return admission::accept;
  if (policy.policy == invitation_policy::closed)
    return admission::refuse;
  if (any_contains(policy.addresses, address) || any_matches(policy.names, name))
    return admission::accept;
  return policy.policy == invitation_policy::ask ? admission::ask : admission::refuse;
}

const connect_rule* find_connect_rule(const std::vector<connect_rule>& rules,
                                      const discovered_service& found) {
  auto label = found.host.substr(0, found.host.find('.'));
  auto in_range = [&](const connect_rule& rule) {
    return std::any_of(found.addresses.begin(), found.addresses.end(),
                       [&](const auto& address) { return any_contains(rule.addresses, address); });
  };
  auto fits = [&](const connect_rule& rule) {
    return (rule.service.empty() || any_matches(rule.service, found.service)) &&
           (rule.host.empty() || any_matches(rule.host, found.host) ||
            any_matches(rule.host, label)) &&
           (rule.addresses.empty() || in_range(rule)) && !any_matches(rule.except, found.service);
  };
  auto rule = std::find_if(rules.begin(), rules.end(), fits);
  return rule == rules.end() ? nullptr : &*rule;
}

} // namespace tutti::config
