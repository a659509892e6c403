#include "actors/port_registry.hpp"

#include <algorithm>

namespace tutti {

namespace {

std::string id_part(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  return text.empty() ? "?" : text;
}

} // namespace

port_key next_port_key() noexcept {
  static port_key last = 0; // the loop thread only
  return ++last;
}

std::string make_port_id(const port_description& description) {
  return std::string(to_string(description.kind)) + '/' + id_part(description.group) + '/' +
         id_part(description.name);
}

const std::string& port_registry::bring_up(port_key key, const port_description& description) {
  auto base = make_port_id(description);
  auto id = base;
  for (int number = 2;; ++number) {
    auto [found, added] = ports_.try_emplace(id);
    if (added || found->second.key == 0) {
      away_ -= !added;
      found->second.description = description;
      found->second.key = key;
      up_[key] = &found->second;
      return found->first;
    }
    id = base + " (" + std::to_string(number) + ')';
  }
}

void port_registry::take_away(port_key key) {
  auto found = up_.find(key);
  if (found == up_.end())
    return;
  found->second->key = 0;
  found->second->left = ++departures_;
  up_.erase(found);
  if (++away_ > max_away_ports)
    forget_oldest();
}

void port_registry::expect(const port_description& description) {
  auto [found, added] = ports_.try_emplace(make_port_id(description));
  if (!added)
    return;
  found->second.description = description;
  found->second.left = ++departures_;
  if (++away_ > max_away_ports)
    forget_oldest();
}

void port_registry::forget_oldest() {
  auto oldest = ports_.end();
  for (auto i = ports_.begin(); i != ports_.end(); ++i)
    if (i->second.key == 0 && (oldest == ports_.end() || i->second.left < oldest->second.left))
      oldest = i;
  if (oldest == ports_.end())
    return;
  ports_.erase(oldest);
  --away_;
}

std::vector<port_info> port_registry::away() const {
  std::vector<std::pair<std::uint64_t, port_info>> found;
  for (const auto& [id, port] : ports_)
    if (port.key == 0)
      found.push_back({port.left, {id, port.description, false, 0, 0, 0, 0}});
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<port_info> out;
  out.reserve(found.size());
  for (auto& [left, info] : found)
    out.push_back(std::move(info));
  return out;
}

} // namespace tutti
