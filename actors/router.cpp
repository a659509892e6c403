// The router: what comes from a port goes where the rules say.
// Decides: what waits behind a SysEx at a destination, when the patchbay is asked again; tells the
// log of loops and scenes, and whoever wants to know of ports, routes and scenes.
// Leaves: rules, routes, scenes and loops (routing/patchbay), wires (sessions and ports), ids
// (port_registry).
#include "actors/failure.hpp"
#include "actors/router_state.hpp"
#include "actors/unanswered.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace tutti {

using protocol::event;
using protocol::hub_time;
using routing::port_slot;

void router_state::start(const routing_settings_ptr& settings, scene_sink watcher,
                         notice_sink notices) {
  watcher_ = std::move(watcher);
  notices_ = std::move(notices);
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down.source); });
  configure(settings);
}

void router_state::configure(const routing_settings_ptr& settings) {
  routing::route_limits limits;
  limits.routes = settings->routes;
  limits.delay_queue = settings->delay_queue;
  patchbay_.set_limits(limits, settings->loop_guard);
  patchbay_.configure(settings->rules, settings->scenes, settings->first_scene, now(), outcome_);
  perform(nullptr, nullptr);
}

bool router_state::activate_scene(const std::string& scene) {
  auto known = patchbay_.activate_scene(scene, now(), outcome_);
  perform(nullptr, nullptr);
  return known;
}

[[gnu::hot]] routed_port* router_state::find(port_key key) {
  auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

[[gnu::hot]] void router_state::on_batch(port_key from, const batch_ptr& batch) {
  auto source = find(from);
  if (!source)
    return; // came up and went away before this arrived
  source->events_in += batch->events().size();
  if (source->tapped_in)
    show(from, 0, batch);
  patchbay_.take(source->slot, batch->events(), now(), outcome_);
  perform(source, batch);
}

[[gnu::hot]] void router_state::perform(const routed_port* source, const batch_ptr& batch) {
  if (outcome_.unchanged)
    outcome_.unchanged->for_each([&](port_slot slot) { deliver(*at(slot), source->key, batch); });
  for (const auto& delivery : outcome_.deliveries)
    if (auto to = at(delivery.to)) {
      auto from = at(delivery.from);
      deliver(*to, from ? from->key : 0, outcome_.events_of(delivery));
    }
  if (outcome_.has_news())
    tell_news();
  outcome_.clear();
  plan_tick(patchbay_.next_deadline());
}

// The usual case passes the very batch on. Only where a SysEx is open or begins, the gate decides.
[[gnu::hot]] void router_state::deliver(routed_port& to, port_key from, const batch_ptr& batch) {
  if (to.gate.transparent() && !batch->has_sysex())
    return pass_on(to, from, batch);
  scratch_.clear();
  to.gate.accept(from, batch->events(), now(), scratch_);
  if (std::ranges::equal(scratch_, batch->events()))
    pass_on(to, from, batch);
  else
    send_scratch(to, from);
  plan_tick(to.gate.next_deadline());
}

[[gnu::hot]] void router_state::deliver(routed_port& to, port_key from,
                                        std::span<const event> events) {
  scratch_.clear();
  to.gate.accept(from, events, now(), scratch_);
  send_scratch(to, from);
  plan_tick(to.gate.next_deadline());
}

void router_state::send_scratch(routed_port& to, port_key from) {
  if (!scratch_.empty())
    pass_on(to, from, make_batch(scratch_));
}

[[gnu::hot]] void router_state::pass_on(routed_port& to, port_key from, const batch_ptr& batch) {
  to.events_out += batch->events().size();
  if (to.tapped_out)
    show(from, to.key, batch);
  self->send(to.sink, atom::midi_v, batch);
}

// A tick that an earlier plan has overtaken does nothing, or each would plan a successor.
void router_state::on_tick() {
  if (now() < planned_)
    return;
  planned_ = hub_time::max();
  auto next = hub_time::max();
  for (auto& to : ports_) {
    if (to->gate.transparent())
      continue;
    scratch_.clear();
    to->gate.on_deadline(now(), scratch_);
    send_scratch(*to);
    next = std::min(next, to->gate.next_deadline());
  }
  if (patchbay_.next_deadline() <= now())
    patchbay_.on_deadline(now(), outcome_);
  perform(nullptr, nullptr);
  plan_tick(next);
}

[[gnu::hot]] void router_state::plan_tick(hub_time due) {
  if (due >= planned_)
    return;
  planned_ = due;
  self->delayed_send(self, std::max(due - now(), std::chrono::nanoseconds(0)), atom::tick_v);
}

namespace {

router_actor::behavior_type router(router_actor::stateful_pointer<router_state> self,
                                   const routing_settings_ptr& settings, scene_sink watcher,
                                   notice_sink notices) {
  log_failures(self);
  auto& state = self->state;
  state.start(settings, std::move(watcher), std::move(notices));
  return {
      [&state](atom::midi, port_key from, const batch_ptr& batch) {
        state.on_batch(from, batch);
        return unanswered();
      },
      [&state](atom::attach, port_key key, const port_description& description,
               const midi_sink& sink) { state.attach(key, description, sink); },
      [&state](atom::detach, port_key key) { state.detach(key); },
      [&state](atom::release, port_key key) { state.release(key); },
      [&state](atom::expect, const port_description& wanted) { state.expect(wanted); },
      [&state](atom::subscribe, const port_listener& listener) { state.subscribe(listener); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::configure, const routing_settings_ptr& wanted) { state.configure(wanted); },
      [&state](atom::scene, const std::string& scene) { return state.activate_scene(scene); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::routes, const route_query& wanted) { return state.routes(wanted); },
      [&state](atom::routes, bool wanted) { state.watch_routes(wanted); },
      [&state](atom::scene) { return state.active_scene(); },
      [&state](atom::tap, const tap_sink& where, const std::vector<port_key>& sources,
               const std::vector<port_key>& destinations) {
        state.tap(where, sources, destinations);
      },
      [&state](atom::meters) { return state.activity(); },
      [&state](atom::play, const std::string& id, bool as_source, const batch_ptr& batch) {
        return state.play(id, as_source, batch);
      },
      [&state](atom::panic, const std::string& id) { return state.panic(id); },
      [&state](atom::named, const std::vector<port_description>& ports) {
        return state.named(ports);
      },
      [&state](atom::rules) { return state.rules(); },
  };
}

} // namespace

router_actor spawn_router(caf::actor_system& system, routing_settings_ptr settings,
                          scene_sink watcher, notice_sink notices) {
  return system.spawn(router, std::move(settings), std::move(watcher), std::move(notices));
}

} // namespace tutti
