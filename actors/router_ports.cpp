// The router's ports as they come and go, and whoever wants to know of it.
#include "actors/router_state.hpp"
#include "io/log.hpp"

#include <algorithm>

namespace tutti {

using routing::port_slot;

void router_state::subscribe(const port_listener& listener) {
  self->monitor(listener);
  listeners_.push_back(listener);
  for (const auto& one : ports_)
    self->send(listener, atom::attached_v, one->key, one->id, one->description);
}

void router_state::on_down(const caf::actor_addr& gone) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener.address() == gone; });
}

void router_state::attach(port_key key, const port_description& description, midi_sink sink) {
  if (find(key))
    detach(key);
  auto added = std::make_unique<routed_port>();
  added->key = key;
  added->id = registry_.bring_up(key, description);
  added->description = description;
  added->sink = std::move(sink);
  added->slot = patchbay_.add_port({added->id, to_string(description.kind), description.group,
                                    description.name, description.source, description.destination,
                                    description.by_rule, description.partner},
                                   now(), outcome_);
  io::log_debug("port {} is up", added->id);
  tell("up", *added);
  by_key_[key] = added.get();
  by_slot_.resize(std::max<std::size_t>(by_slot_.size(), added->slot + 1));
  by_slot_[added->slot] = added.get();
  for (const auto& listener : listeners_)
    self->send(listener, atom::attached_v, key, added->id, description);
  ports_.push_back(std::move(added));
  perform(nullptr, nullptr);
}

void router_state::detach(port_key key) {
  auto gone = find(key);
  if (!gone)
    return;
  cancel_sysex_of(key);
  patchbay_.remove_port(gone->slot, now(), outcome_);
  perform(nullptr, nullptr);
  io::log_debug("port {} is away", gone->id);
  tell("away", *gone);
  for (const auto& listener : listeners_)
    self->send(listener, atom::detached_v, key);
  registry_.take_away(key);
  by_key_.erase(key);
  by_slot_[gone->slot] = nullptr;
  std::erase_if(ports_, [gone](const auto& one) { return one.get() == gone; });
}

// Everything that the source left open or sounding ends at its destinations.
void router_state::release(port_key key) {
  auto source = find(key);
  if (!source)
    return;
  cancel_sysex_of(key);
  patchbay_.release(source->slot, now(), outcome_);
  perform(nullptr, nullptr);
}

void router_state::cancel_sysex_of(port_key gone) {
  for (auto& to : ports_) {
    if (to->gate.transparent())
      continue;
    scratch_.clear();
    to->gate.on_source_gone(gone, now(), scratch_);
    send_scratch(*to);
  }
}

void router_state::tell_news() {
  auto id = [this](port_slot slot) { return at(slot) ? at(slot)->id : std::string("?"); };
  for (const auto& loop : outcome_.loops) {
    if (loop.cut)
      io::log_warning("a loop: what goes from {} to {} comes back; the route is cut for now",
                      id(loop.from), id(loop.to));
    else
      io::log_info("the route from {} to {} is tried again", id(loop.from), id(loop.to));
  }
  // Whoever plays switches scenes, so there is a limit to what the log tells of it.
  if (outcome_.scene_changed)
    if (auto quiet = scene_lines_.spend(self->clock().now()))
      io::log_info("{} is active{}",
                   outcome_.scene.empty() ? "no scene" : "scene \"" + outcome_.scene + '"', *quiet);
  if (outcome_.scene_changed && watcher_)
    self->send(watcher_, atom::scene_v, outcome_.scene);
  if (!notices_)
    return;
  if (outcome_.scene_changed)
    self->send(notices_, atom::tell_v, notice{topic::rules, "scene", scene_change{outcome_.scene}});
  if (routes_watched_ && !outcome_.changes.empty())
    tell_of_routes();
}

void router_state::tell_of_routes() {
  std::vector<route_event> events;
  for (const auto& change : outcome_.changes)
    if (auto from = at(change.from), to = at(change.to); from && to)
      events.push_back({change.what, from->id, to->id});
  if (!events.empty())
    self->send(notices_, atom::tell_v, notice{topic::routes, "changed", std::move(events)});
}

void router_state::tell(const char* what, const routed_port& about) {
  if (!notices_)
    return;
  auto info = info_of(about);
  info.up = std::string_view(what) == "up";
  self->send(notices_, atom::tell_v, notice{topic::ports, what, std::move(info)});
}

} // namespace tutti
