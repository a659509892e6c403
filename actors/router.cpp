// The router: what comes from a port goes where the rules say.
// Decides: what waits behind a SysEx at a destination, when the patchbay is asked again; tells the
// log of loops and scenes, and whoever wants to know of ports, routes and scenes.
// Leaves: rules, routes, scenes and loops (routing/patchbay), wires (sessions and ports), ids
// (port_registry).
#include "actors/failure.hpp"
#include "actors/log_budget.hpp"
#include "actors/port_registry.hpp"
#include "actors/routing/demand.hpp"
#include "actors/routing/patchbay.hpp"
#include "actors/spawn.hpp"
#include "actors/unanswered.hpp"
#include "protocol/sysex_gate.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <ranges>
#include <tuple>
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
  bool tapped_in = false;  ///< somebody wants to see what comes from it
  bool tapped_out = false; ///< ... and what goes to it
};

struct router_state {
  explicit router_state(router_actor::pointer pointer)
      : self(pointer) {}

  void start(const routing_settings_ptr& settings, scene_sink watcher, notice_sink notices);
  void configure(const routing_settings_ptr& settings);
  bool activate_scene(const std::string& scene);
  void on_batch(port_key from, const batch_ptr& batch);
  void attach(port_key key, const port_description& description, midi_sink sink);
  void detach(port_key key);
  void release(port_key key);
  void expect(const port_description& description) { registry_.expect(description); }
  void subscribe(const port_listener& listener);
  void on_tick();
  std::vector<port_info> status() const;
  std::vector<route_info> routes(const route_query& wanted) const;
  void tap(const tap_sink& where, const std::vector<port_key>& sources,
           const std::vector<port_key>& destinations);
  void watch_routes(bool wanted) { routes_watched_ = wanted; }
  std::vector<port_activity> activity() const;
  bool play(const std::string& id, bool as_source, const batch_ptr& batch);
  std::uint32_t panic(const std::string& id);
  const std::string& active_scene() const { return patchbay_.active_scene(); }
  std::vector<port_description> named(const std::vector<port_description>& ports) const;
  std::vector<rule_info> rules();

  static inline const char* name = "router";

private:
  port* find(port_key key);
  port* find(const std::string& id);
  port* at(port_slot slot) const { return slot < by_slot_.size() ? by_slot_[slot] : nullptr; }
  /// Does what the patchbay wants, and plans the next tick. `batch` came from `source`, if any.
  void perform(const port* source, const batch_ptr& batch);
  void tell_news();
  void tell_of_routes();
  void tell(const char* what, const port& about);
  void deliver(port& to, port_key from, const batch_ptr& batch);
  void deliver(port& to, port_key from, std::span<const event> events);
  /// What the gate let go.
  void send_scratch(port& to, port_key from = 0);
  void pass_on(port& to, port_key from, const batch_ptr& batch);
  /// `from` and `to` are 0 where the hub itself is the other end.
  void show(port_key from, port_key to, const batch_ptr& batch) {
    self->send(tap_, atom::tap_v, from, to, batch);
  }
  void silence(port& to);
  static port_info info_of(const port& one);
  void cancel_sysex_of(port_key gone);
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  void plan_tick(hub_time due);
  void on_down(const caf::actor_addr& gone);

  router_actor::pointer self;
  routing::patchbay patchbay_{{}, {}, std::random_device()()};
  scene_sink watcher_;
  notice_sink notices_;
  tap_sink tap_;
  bool routes_watched_ = false;
  log_budget scene_lines_;
  routing::outcome outcome_;
  std::vector<std::unique_ptr<port>> ports_; ///< the order is that of coming up
  std::unordered_map<port_key, port*> by_key_;
  std::vector<port*> by_slot_;
  port_registry registry_;
  std::vector<port_listener> listeners_;
  std::vector<event> scratch_;
  hub_time planned_ = hub_time::max();
};

void router_state::start(const routing_settings_ptr& settings, scene_sink watcher,
                         notice_sink notices) {
  watcher_ = std::move(watcher);
  notices_ = std::move(notices);
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down.source); });
  configure(settings);
}

void router_state::subscribe(const port_listener& listener) {
  self->monitor(listener);
  listeners_.push_back(listener);
  for (const auto& one : ports_)
    self->send(listener, atom::attached_v, one->key, one->id, one->description);
}

void router_state::on_down(const caf::actor_addr& gone) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener.address() == gone; });
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

[[gnu::hot]] port* router_state::find(port_key key) {
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

[[gnu::hot]] void router_state::perform(const port* source, const batch_ptr& batch) {
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

void router_state::tell(const char* what, const port& about) {
  if (!notices_)
    return;
  auto info = info_of(about);
  info.up = std::string_view(what) == "up";
  self->send(notices_, atom::tell_v, notice{topic::ports, what, std::move(info)});
}

// The usual case passes the very batch on. Only where a SysEx is open or begins, the gate decides.
[[gnu::hot]] void router_state::deliver(port& to, port_key from, const batch_ptr& batch) {
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

[[gnu::hot]] void router_state::deliver(port& to, port_key from, std::span<const event> events) {
  scratch_.clear();
  to.gate.accept(from, events, now(), scratch_);
  send_scratch(to, from);
  plan_tick(to.gate.next_deadline());
}

void router_state::send_scratch(port& to, port_key from) {
  if (!scratch_.empty())
    pass_on(to, from, make_batch(scratch_));
}

[[gnu::hot]] void router_state::pass_on(port& to, port_key from, const batch_ptr& batch) {
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

port_info router_state::info_of(const port& one) {
  const auto& lost = one.gate.counters();
  return {one.id,        one.description, true,
          one.events_in, one.events_out,  lost.dropped_events + lost.dropped_sysex,
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

std::vector<route_info> router_state::routes(const route_query& wanted) const {
  const auto& table = patchbay_.table();
  // Partners are routed without a rule.
  auto name_of = [&](std::size_t rule) {
    return rule < table.rules().size() ? table.rules()[rule].name : std::string();
  };
  std::vector<route_info> out;
  auto after = std::tuple(wanted.after_from, wanted.after_to, wanted.after_rule);
  std::vector<const port*> sources;
  for (const auto& one : ports_)
    sources.push_back(one.get());
  std::ranges::sort(sources, {}, &port::key);
  for (auto from : sources) {
    if (from->key < wanted.after_from || (!wanted.from.empty() && from->id != wanted.from))
      continue;
    auto first = out.size();
    for (const auto& route : table.routes_from(from->slot)) {
      auto to = at(route.to);
      if (to && (wanted.to.empty() || to->id == wanted.to) &&
          (wanted.after_from == 0 || std::tuple(from->key, to->key, route.rule) > after))
        out.push_back({from->key, to->key, route.rule, from->id, to->id, name_of(route.rule),
                       route.plain, route.events_out});
    }
    std::sort(out.begin() + std::ptrdiff_t(first), out.end(), [](const auto& a, const auto& b) {
      return std::tie(a.to_key, a.rule_index) < std::tie(b.to_key, b.rule_index);
    });
    if (out.size() >= wanted.limit) {
      out.resize(wanted.limit);
      break;
    }
  }
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

// -- for the API ----------------------------------------------------------------------------------

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

// Ends what is open, releases what is known to sound there, and then says so once more in the words
// that instruments have for it. What the sources hold stays noted: their own releases still come.
void router_state::silence(port& to) {
  if (!to.gate.transparent()) {
    scratch_.clear();
    for (const auto& from : ports_)
      to.gate.on_source_gone(from->key, now(), scratch_);
    send_scratch(to);
  }
  patchbay_.silence(to.slot, now(), outcome_);
  perform(nullptr, nullptr);
  constexpr std::array<std::uint8_t, 4> controllers{64, 123, 120, 121}; // pedal, notes, sound, all
  std::vector<event> words;
  for (std::uint8_t channel = 0; channel < 16; ++channel)
    for (auto controller : controllers)
      words.push_back({protocol::make_short(0xB0 | channel, controller), now(), true});
  deliver(to, 0, words);
}

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
