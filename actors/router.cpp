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
  bool tapped_in = false; ///< somebody wants to see what comes from it
  bool tapped_out = false; ///< ... and what goes to it
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
  void tap(const tap_sink& where, const std::vector<port_key>& sources,
           const std::vector<port_key>& destinations);
  std::vector<port_activity> activity() const;
  bool play(const std::string& id, bool as_source, const batch_ptr& batch);
  std::uint32_t panic(const std::string& id);

  static inline const char* name = "router";

  notice_sink notices_;

private:
  port* find(port_key key);
  void deliver(port& to, port_key from, const batch_ptr& batch);
  /// What the gate let go.
  void deliver_events(port& to, port_key from = 0);
  void pass_on(port& to, port_key from, const batch_ptr& batch);
  void release_sounding(port& source);
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  void plan_tick(hub_time due);
  port* find(const std::string& id);
  void tell(const char* what, const port& about);
  void silence(port& to);
  /// `from` and `to` are 0 where the hub itself is the other end.
  void show(port_key from, port_key to, const batch_ptr& batch) {
    self->send(tap_, atom::tap_v, from, to, batch);
  }

  router_actor::pointer self;
  tap_sink tap_;
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
  if (source->tapped_in)
    show(from, 0, batch);
  for (const auto& e : batch->events())
    source->sounding.track(e.message);
  for (auto& to : ports_)
    if (to.get() != source && to->description.destination)
      deliver(*to, from, batch);
}

// The usual case passes the very batch on. Only where a SysEx is open or begins, the gate decides.
void router_state::deliver(port& to, port_key from, const batch_ptr& batch) {
  if (to.gate.transparent() && !batch->has_sysex())
    return pass_on(to, from, batch);
  scratch_.clear();
  to.gate.accept(from, batch->events(), now(), scratch_);
  if (std::ranges::equal(scratch_, batch->events()))
    pass_on(to, from, batch);
  else
    deliver_events(to, from);
  plan_tick(to.gate.next_deadline());
}

void router_state::deliver_events(port& to, port_key from) {
  if (!scratch_.empty())
    pass_on(to, from, make_batch(scratch_));
}

void router_state::pass_on(port& to, port_key from, const batch_ptr& batch) {
  to.events_out += batch->events().size();
  if (to.tapped_out)
    show(from, to.key, batch);
  self->send(to.sink, atom::midi_v, batch);
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
  tell("up", *added);
  by_key_[key] = added.get();
  ports_.push_back(std::move(added));
}

void router_state::detach(port_key key) {
  auto gone = find(key);
  if (!gone)
    return;
  release(key);
  io::log_debug("port {} is away", gone->id);
  tell("away", *gone);
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

void router_state::on_tick() {
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

port_info info_of(const port& one) {
  const auto& lost = one.gate.counters();
  return {one.id,         one.description,
          true,           one.events_in,
          one.events_out, lost.dropped_events + lost.dropped_sysex,
          one.key};
}

std::vector<port_info> router_state::status() const {
  std::vector<port_info> out;
  for (const auto& one : ports_)
    out.push_back(info_of(*one));
  for (auto& away : registry_.away())
    out.push_back(std::move(away));
  return out;
}

// -- for the API ------------------------------------------------------------------

void router_state::tell(const char* what, const port& about) {
  if (!notices_)
    return;
  auto info = info_of(about);
  info.up = std::string_view(what) == "up";
  self->send(notices_, atom::tell_v, notice{topic::ports, what, std::move(info)});
}

port* router_state::find(const std::string& id) {
  auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const auto& one) { return one->id == id; });
  return found == ports_.end() ? nullptr : found->get();
}

void router_state::tap(const tap_sink& where, const std::vector<port_key>& sources,
                       const std::vector<port_key>& destinations) {
  auto contains = [](const std::vector<port_key>& keys, port_key key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  tap_ = where;
  for (auto& one : ports_) {
    one->tapped_in = contains(sources, one->key);
    one->tapped_out = contains(destinations, one->key);
  }
}

std::vector<port_activity> router_state::activity() const {
  std::vector<port_activity> out;
  out.reserve(ports_.size());
  for (const auto& one : ports_)
    out.push_back({one->key, one->events_in, one->events_out});
  return out;
}

bool router_state::play(const std::string& id, bool as_source, const batch_ptr& batch) {
  auto wanted = find(id);
  if (!wanted || !(as_source ? wanted->description.source : wanted->description.destination))
    return false;
  if (as_source)
    on_batch(wanted->key, batch);
  else
    deliver(*wanted, 0, batch);
  return true;
}

std::uint32_t router_state::panic(const std::string& id) {
  std::uint32_t told = 0;
  for (auto& to : ports_)
    if (to->description.destination && (id.empty() || to->id == id)) {
      silence(*to);
      ++told;
    }
  return told;
}

// Ends what is open, releases each note that is known to sound, and then says so once more in the
// words that instruments have for it. What the sources left sounding stays noted: their own
// releases still come.
void router_state::silence(port& to) {
  std::vector<event> releases;
  scratch_.clear();
  for (const auto& from : ports_) {
    to.gate.on_source_gone(from->key, now(), scratch_);
    if (!from->sounding.holds_notes())
      continue;
    for (unsigned group = 0; group < 16; ++group)
      for (unsigned channel = 0; channel < 16; ++channel)
        for (unsigned note = 0; note < 128; ++note)
          if (from->sounding.holds_note(group, channel, note))
            releases.push_back(
                {protocol::make_short(0x80 | channel, note, 64, group), now(), true});
  }
  constexpr std::array<std::uint8_t, 4> controllers{64, 123, 120, 121}; // pedal, notes, sound, all
  for (std::uint8_t channel = 0; channel < 16; ++channel)
    for (auto controller : controllers)
      releases.push_back({protocol::make_short(0xB0 | channel, controller), now(), true});
  to.gate.accept(0, releases, now(), scratch_);
  deliver_events(to);
}

router_actor::behavior_type router(router_actor::stateful_pointer<router_state> self,
                                   const notice_sink& notices) {
  log_failures(self);
  auto& state = self->state;
  state.notices_ = notices;
  return {
      [&state](atom::midi, port_key from, const batch_ptr& batch) { state.on_batch(from, batch); },
      [&state](atom::attach, port_key key, const port_description& description,
               const midi_sink& sink) { state.attach(key, description, sink); },
      [&state](atom::detach, port_key key) { state.detach(key); },
      [&state](atom::release, port_key key) { state.release(key); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::tap, const tap_sink& where, const std::vector<port_key>& sources,
               const std::vector<port_key>& destinations) {
        state.tap(where, sources, destinations);
      },
      [&state](atom::meters) { return state.activity(); },
      [&state](atom::play, const std::string& id, bool as_source, const batch_ptr& batch) {
        return state.play(id, as_source, batch);
      },
      [&state](atom::panic, const std::string& id) { return state.panic(id); },
  };
}

} // namespace

router_actor spawn_router(caf::actor_system& system, notice_sink notices) {
  return system.spawn(router, std::move(notices));
}

} // namespace tutti
