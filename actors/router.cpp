// The router: what comes from a port goes where the rules say.
// Decides: what waits behind a SysEx at a destination, when the patchbay is asked again; tells the
// log of loops and scenes.
// Leaves: rules, routes, scenes and loops (routing/patchbay), wires (sessions and ports), ids
// (port_registry).
#include "actors/failure.hpp"
#include "actors/log_budget.hpp"
#include "actors/port_registry.hpp"
#include "actors/routing/demand.hpp"
#include "actors/routing/patchbay.hpp"
#include "actors/spawn.hpp"
#include "protocol/sysex_gate.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <random>
#include <ranges>
#include <unordered_map>

namespace tutti {

namespace {

using protocol::event;
using protocol::hub_time;
using routing::port_slot;

/// A port that is up.
struct port {
  port_key key = 0;
  port_slot slot = 0;
  std::string id;
  port_description description;
  midi_sink sink;
  protocol::sysex_gate gate; ///< towards this port, as a destination
  std::uint64_t events_in = 0;
  std::uint64_t events_out = 0;
};

struct router_state {
  explicit router_state(router_actor::pointer pointer)
      : self(pointer) {}

  void start(const routing_settings_ptr& settings, scene_sink watcher);
  void configure(const routing_settings_ptr& settings);
  bool activate_scene(const std::string& name);
  void on_batch(port_key from, const batch_ptr& batch);
  void attach(port_key key, const port_description& description, midi_sink sink);
  void detach(port_key key);
  void release(port_key key);
  void on_tick();
  std::vector<port_info> status() const;
  std::vector<route_info> routes() const;
  std::vector<port_description> named(const std::vector<port_description>& ports) const;
  std::vector<rule_info> rules();

  static inline const char* name = "router";

private:
  port* find(port_key key);
  port* at(port_slot slot) const { return slot < by_slot_.size() ? by_slot_[slot] : nullptr; }
  /// Does what the patchbay wants, and plans the next tick. `batch` came from `source`, if any.
  void perform(const port* source, const batch_ptr& batch);
  void tell_news();
  void deliver(port& to, port_key from, const batch_ptr& batch);
  void deliver(port& to, port_key from, std::span<const event> events);
  void send_scratch(port& to);
  void cancel_sysex_of(port_key gone);
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  void plan_tick(hub_time due);

  router_actor::pointer self;
  routing::patchbay patchbay_{{}, {}, std::random_device()()};
  scene_sink watcher_;
  log_budget scene_lines_;
  routing::outcome outcome_;
  std::vector<std::unique_ptr<port>> ports_; ///< the order is that of coming up
  std::unordered_map<port_key, port*> by_key_;
  std::vector<port*> by_slot_;
  port_registry registry_;
  std::vector<event> scratch_;
  hub_time planned_ = hub_time::max();
};

void router_state::start(const routing_settings_ptr& settings, scene_sink watcher) {
  watcher_ = std::move(watcher);
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

port* router_state::find(port_key key) {
  auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void router_state::on_batch(port_key from, const batch_ptr& batch) {
  auto source = find(from);
  if (!source)
    return; // came up and went away before this arrived
  source->events_in += batch->events().size();
  patchbay_.take(source->slot, batch->events(), now(), outcome_);
  perform(source, batch);
}

void router_state::perform(const port* source, const batch_ptr& batch) {
  if (outcome_.unchanged)
    outcome_.unchanged->for_each([&](port_slot slot) { deliver(*at(slot), source->key, batch); });
  for (const auto& delivery : outcome_.deliveries)
    if (auto to = at(delivery.to)) {
      auto from = at(delivery.from);
      deliver(*to, from ? from->key : 0, outcome_.events_of(delivery));
    }
  tell_news();
  outcome_.clear();
  plan_tick(patchbay_.next_deadline());
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
}

// The usual case passes the very batch on. Only where a SysEx is open or begins, the gate decides.
void router_state::deliver(port& to, port_key from, const batch_ptr& batch) {
  if (to.gate.transparent() && !batch->has_sysex()) {
    to.events_out += batch->events().size();
    self->send(to.sink, atom::midi_v, batch);
    return;
  }
  scratch_.clear();
  to.gate.accept(from, batch->events(), now(), scratch_);
  if (std::ranges::equal(scratch_, batch->events())) {
    to.events_out += scratch_.size();
    self->send(to.sink, atom::midi_v, batch);
  } else {
    send_scratch(to);
  }
  plan_tick(to.gate.next_deadline());
}

void router_state::deliver(port& to, port_key from, std::span<const event> events) {
  scratch_.clear();
  to.gate.accept(from, events, now(), scratch_);
  send_scratch(to);
  plan_tick(to.gate.next_deadline());
}

void router_state::send_scratch(port& to) {
  if (scratch_.empty())
    return;
  to.events_out += scratch_.size();
  self->send(to.sink, atom::midi_v, make_batch(scratch_));
}

void router_state::attach(port_key key, const port_description& description, midi_sink sink) {
  if (find(key))
    detach(key);
  auto added = std::make_unique<port>();
  added->key = key;
  added->id = registry_.bring_up(key, description);
  added->description = description;
  added->sink = std::move(sink);
  added->slot = patchbay_.add_port({added->id, to_string(description.kind), description.group,
                                    description.name, description.source, description.destination},
                                   now(), outcome_);
  io::log_debug("port {} is up", added->id);
  by_key_[key] = added.get();
  by_slot_.resize(std::max<std::size_t>(by_slot_.size(), added->slot + 1));
  by_slot_[added->slot] = added.get();
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

void router_state::plan_tick(hub_time due) {
  if (due >= planned_)
    return;
  planned_ = due;
  self->delayed_send(self, std::max(due - now(), std::chrono::nanoseconds(0)), atom::tick_v);
}

std::vector<port_info> router_state::status() const {
  std::vector<port_info> out;
  for (const auto& one : ports_) {
    const auto& lost = one->gate.counters();
    out.push_back({one->id, one->description, true, one->events_in, one->events_out,
                   lost.dropped_events + lost.dropped_sysex});
  }
  for (auto& away : registry_.away())
    out.push_back(std::move(away));
  return out;
}

std::vector<route_info> router_state::routes() const {
  const auto& table = patchbay_.table();
  std::vector<route_info> out;
  for (const auto& from : ports_)
    for (const auto& route : table.routes_from(from->slot))
      if (auto to = at(route.to))
        out.push_back(
            {from->id, to->id, table.rules()[route.rule].name, route.plain, route.events_out});
  return out;
}

std::vector<port_description>
router_state::named(const std::vector<port_description>& ports) const {
  std::vector<port_description> out;
  for (const auto& port : ports)
    if (routing::is_named(patchbay_.table().rules(),
                          {make_port_id(port), to_string(port.kind), port.group, port.name,
                           port.source, port.destination}))
      out.push_back(port);
  return out;
}

std::vector<rule_info> router_state::rules() {
  const auto& in_force = patchbay_.table().rules();
  auto common = patchbay_.common_rules();
  std::vector<rule_info> out;
  for (const auto& [rule, events] : patchbay_.activity()) {
    bool is_common = rule < common;
    out.push_back({is_common ? std::string() : patchbay_.active_scene(),
                   is_common ? rule : rule - common, in_force[rule].name, in_force[rule].enabled,
                   events});
  }
  return out;
}

router_actor::behavior_type router(router_actor::stateful_pointer<router_state> self,
                                   const routing_settings_ptr& settings, scene_sink watcher) {
  log_failures(self);
  auto& state = self->state;
  state.start(settings, std::move(watcher));
  return {
      [&state](atom::midi, port_key from, const batch_ptr& batch) { state.on_batch(from, batch); },
      [&state](atom::attach, port_key key, const port_description& description,
               const midi_sink& sink) { state.attach(key, description, sink); },
      [&state](atom::detach, port_key key) { state.detach(key); },
      [&state](atom::release, port_key key) { state.release(key); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::configure, const routing_settings_ptr& wanted) { state.configure(wanted); },
      [&state](atom::scene, const std::string& scene) { return state.activate_scene(scene); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::routes) { return state.routes(); },
      [&state](atom::named, const std::vector<port_description>& ports) {
        return state.named(ports);
      },
      [&state](atom::rules) { return state.rules(); },
  };
}

} // namespace

router_actor spawn_router(caf::actor_system& system, routing_settings_ptr settings,
                          scene_sink watcher) {
  return system.spawn(router, std::move(settings), std::move(watcher));
}

} // namespace tutti
