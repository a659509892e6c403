// The router: ports, routes, and what each destination is in the middle of.
// Decides: who hears whom (everyone everyone else), what waits behind a SysEx, what is released
// when a source goes.
// Leaves: wires (sessions and ports), ids (port_registry).
#include "actors/failure.hpp"
#include "actors/port_registry.hpp"
#include "actors/spawn.hpp"
#include "protocol/sounding.hpp"
#include "protocol/sysex_gate.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tutti {

namespace {

using protocol::event;
using protocol::hub_time;

struct port {
  port_key key = 0;
  std::string id;
  port_description description;
  midi_sink sink;
  protocol::sounding sounding; ///< what this port, as a source, has left sounding
  protocol::sysex_gate gate;   ///< towards this port, as a destination
  std::uint64_t events_in = 0;
  std::uint64_t events_out = 0;
};

struct router_state {
  explicit router_state(router_actor::pointer pointer)
      : self(pointer) {}

  void on_batch(port_key from, const batch_ptr& batch);
  void attach(port_key key, const port_description& description, midi_sink sink);
  void detach(port_key key);
  void release(port_key key);
  void on_tick();
  std::vector<port_info> status() const;

  static inline const char* name = "router";

private:
  port* find(port_key key);
  void deliver(port& to, port_key from, const batch_ptr& batch);
  void deliver_events(port& to);
  void release_sounding(port& source);
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  void plan_tick(hub_time due);

  router_actor::pointer self;
  std::vector<std::unique_ptr<port>> ports_; ///< up; the order is that of coming up
  std::unordered_map<port_key, port*> by_key_;
  port_registry registry_;
  std::vector<event> scratch_;
  hub_time planned_ = hub_time::max();
};

port* router_state::find(port_key key) {
  auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void router_state::on_batch(port_key from, const batch_ptr& batch) {
  auto source = find(from);
  if (!source)
    return; // came up and went away before this arrived
  source->events_in += batch->events().size();
  for (const auto& e : batch->events())
    source->sounding.track(e.message);
  for (auto& to : ports_)
    if (to.get() != source && to->description.destination)
      deliver(*to, from, batch);
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
    deliver_events(to);
  }
  plan_tick(to.gate.next_deadline());
}

void router_state::deliver_events(port& to) {
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
  io::log_debug("port {} is up", added->id);
  by_key_[key] = added.get();
  ports_.push_back(std::move(added));
}

void router_state::detach(port_key key) {
  auto gone = find(key);
  if (!gone)
    return;
  release(key);
  io::log_debug("port {} is away", gone->id);
  registry_.take_away(key);
  by_key_.erase(key);
  std::erase_if(ports_, [gone](const auto& one) { return one.get() == gone; });
}

// Everything that the source left open or sounding ends at its destinations.
void router_state::release(port_key key) {
  auto source = find(key);
  if (!source)
    return;
  std::vector<event> releases;
  source->sounding.release(now(), releases);
  for (auto& to : ports_) {
    if (to.get() == source || !to->description.destination)
      continue;
    scratch_.clear();
    if (!to->gate.transparent())
      to->gate.on_source_gone(key, now(), scratch_);
    if (!releases.empty())
      to->gate.accept(key, releases, now(), scratch_);
    deliver_events(*to);
  }
}

// A tick that an earlier plan has overtaken does nothing, or each would plan a successor.
void router_state::on_tick() {
  if (now() < planned_)
    return;
  planned_ = hub_time::max();
  auto next = hub_time::max();
  for (auto& to : ports_) {
    scratch_.clear();
    to->gate.on_deadline(now(), scratch_);
    deliver_events(*to);
    next = std::min(next, to->gate.next_deadline());
  }
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

router_actor::behavior_type router(router_actor::stateful_pointer<router_state> self, int) {
  log_failures(self);
  auto& state = self->state;
  return {
      [&state](atom::midi, port_key from, const batch_ptr& batch) { state.on_batch(from, batch); },
      [&state](atom::attach, port_key key, const port_description& description,
               const midi_sink& sink) { state.attach(key, description, sink); },
      [&state](atom::detach, port_key key) { state.detach(key); },
      [&state](atom::release, port_key key) { state.release(key); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

router_actor spawn_router(caf::actor_system& system) {
  return system.spawn(router, 0); // a behaviour without arguments trips UBSan inside CAF
}

} // namespace tutti
