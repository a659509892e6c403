#include "actors/peer_imports.hpp"

#include <algorithm>

namespace tutti {

// After an invitation that could not even be sent, as its host is not known.
constexpr std::chrono::seconds retry_wait{10};

using mode = config::peer_import::mode;

peer_imports::peer_imports(config::peer_import settings,
                           const std::vector<config::virtual_port>& others)
    : settings_(std::move(settings)) {
  for (const auto& other : others)
    taken_.insert(other.name);
}

bool peer_imports::wants(const std::string& name) const {
  auto named_in = [&](const std::vector<config::name_pattern>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return pattern.matches(name); });
  };
  return (settings_.include.empty() || named_in(settings_.include)) && !named_in(settings_.exclude);
}

std::string peer_imports::free_name(const std::string& wanted) const {
  auto found = wanted;
  for (int number = 2; has(found) || taken_.count(found) > 0; ++number)
    found = wanted + " (" + std::to_string(number) + ')';
  return found;
}

// A peer that is somebody's partner already has its port: it was invited for it, or is offered one.
void peer_imports::attached(port_key key, const std::string& id,
                            const port_description& description) {
  if (settings_.which == mode::off || description.kind != port_kind::rtp || !description.by_rule ||
      !wants(description.name))
    return;
  imported added;
  added.partner = id;
  added.key = key;
  imports_[free_name(description.name)] = std::move(added);
}

void peer_imports::detached(port_key key) {
  std::erase_if(imports_,
                [key](const auto& one) { return !one.second.on_demand && one.second.key == key; });
}

void peer_imports::add(const config::remote_peer& remote) {
  auto name = remote.name.empty() ? remote.host : remote.name;
  if (settings_.which != mode::known || !wants(name))
    return;
  for (auto& [known, one] : imports_)
    if (one.on_demand && one.remote.name == name) {
      one.remote = remote;
      one.remote.name = name;
      one.is_gone = false;
      return;
    }
  imported added;
  added.remote = remote;
  added.remote.name = name;
  added.on_demand = true;
  imports_[free_name(name)] = std::move(added);
}

void peer_imports::remove(const std::string& remote) {
  for (auto& [name, one] : imports_)
    if (one.on_demand && one.remote.name == remote)
      one.is_gone = true;
  forget_gone();
}

std::vector<peer_imports::port> peer_imports::ports() const {
  std::vector<port> out;
  for (const auto& [name, one] : imports_)
    out.push_back({name, one.partner});
  return out;
}

void peer_imports::set_used(const std::string& name, bool used, time_point now) {
  auto found = imports_.find(name);
  if (found == imports_.end() || found->second.is_used == used)
    return;
  found->second.is_used = used;
  found->second.unused_since = now;
}

void peer_imports::forget_gone() {
  std::erase_if(imports_,
                [](const auto& one) { return one.second.is_gone && !one.second.is_invited; });
}

peer_imports::wish peer_imports::next(time_point now, std::string& name) {
  std::erase_if(imports_,
                [](const auto& one) { return one.second.is_gone && !one.second.is_invited; });
  for (auto& [known, one] : imports_) {
    if (!one.on_demand)
      continue;
    name = known;
    if (one.is_used && !one.is_invited && now >= one.not_before) {
      one.is_invited = true;
      one.is_answered = false;
      return wish::invite;
    }
    // What was asked for is answered first; who knows in what order it would be heard otherwise.
    if (!one.is_used && one.is_invited && one.is_answered &&
        now >= one.unused_since + settings_.linger) {
      one.is_invited = false;
      return wish::let_go;
    }
  }
  return wish::nothing;
}

std::optional<peer_imports::time_point> peer_imports::plan(time_point now) {
  if (planned_ <= now)
    planned_ = time_point::max();
  auto next = time_point::max();
  for (const auto& [name, one] : imports_) {
    if (!one.on_demand || one.is_used == one.is_invited)
      continue;
    if (one.is_used)
      next = std::min(next, one.not_before);
    else if (one.is_answered)
      next = std::min(next, one.unused_since + settings_.linger);
  }
  if (next >= planned_)
    return std::nullopt;
  planned_ = next;
  return std::max(next, now);
}

void peer_imports::invited(const std::string& name, bool done, time_point now) {
  auto found = imports_.find(name);
  if (found == imports_.end())
    return;
  found->second.is_invited = found->second.is_answered = done;
  found->second.not_before = now + retry_wait;
}

} // namespace tutti
