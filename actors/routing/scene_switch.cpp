#include "actors/routing/scene_switch.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

bool asks(const config::scene_trigger& trigger, const ump& m) {
  if (!m.is_channel_voice() || (trigger.channel && *trigger.channel != m.channel()))
    return false;
  if (trigger.program)
    return m.status() >> 4 == 0xC && m.data1() == *trigger.program;
  if (trigger.note)
    return is_note_on(m) && m.data1() == *trigger.note;
  return is_controller(m) && m.data1() == *trigger.controller && trigger.values[m.data2()];
}

} // namespace

void scene_switch::configure(std::vector<config::rule> common, std::vector<config::scene> scenes,
                             const std::string& first) {
  common_ = std::move(common);
  scenes_ = std::move(scenes);
  if (active_.empty() || !activate(active_))
    activate(first);
  for (auto& port : ports_)
    listen(port);
}

bool scene_switch::activate(const std::string& name) {
  bool known = name.empty() || std::any_of(scenes_.begin(), scenes_.end(),
                                           [&](const auto& scene) { return scene.name == name; });
  active_ = known ? name : std::string();
  return known;
}

std::vector<config::rule> scene_switch::rules() const {
  auto rules = common_;
  for (const auto& scene : scenes_)
    if (scene.name == active_ && !active_.empty())
      rules.insert(rules.end(), scene.rules.begin(), scene.rules.end());
  return rules;
}

void scene_switch::add_port(port_slot slot, const port_description& port) {
  if (slot >= ports_.size())
    ports_.resize(slot + 1);
  ports_[slot].description = &port;
  listen(ports_[slot]);
}

void scene_switch::remove_port(port_slot slot) {
  if (slot < ports_.size())
    ports_[slot] = {};
}

void scene_switch::listen(port_state& port) const {
  port.triggers.clear();
  if (!port.description || !port.description->is_source)
    return;
  for (std::size_t i = 0; i < scenes_.size(); ++i)
    for (std::size_t j = 0; j < scenes_[i].triggers.size(); ++j)
      if (matches(scenes_[i].triggers[j].from, *port.description))
        port.triggers.push_back({i, j});
}

std::optional<scene_switch::answer> scene_switch::triggered_by(port_slot from,
                                                               const ump& message) const {
  if (!listens_to(from))
    return std::nullopt;
  for (const auto& [scene, index] : ports_[from].triggers)
    if (const auto& wanted = scenes_[scene].triggers[index]; asks(wanted, message))
      return answer{scene, wanted.pass};
  return std::nullopt;
}

} // namespace tutti::routing
