// What the router keeps, and what it does with it. Data path: router.cpp; ports that come and go:
// router_ports.cpp; answers and orders of the control API: router_api.cpp.
#pragma once

#include "actors/log_budget.hpp"
#include "actors/port_registry.hpp"
#include "actors/routing/patchbay.hpp"
#include "actors/spawn.hpp"
#include "protocol/sysex_gate.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace tutti {

/// A port that is up.
struct routed_port {
  port_key key = 0;
  routing::port_slot slot = 0;
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
  routed_port* find(port_key key);
  routed_port* find(const std::string& id);
  routed_port* at(routing::port_slot slot) const {
    return slot < by_slot_.size() ? by_slot_[slot] : nullptr;
  }
  /// Does what the patchbay wants, and plans the next tick. `batch` came from `source`, if any.
  void perform(const routed_port* source, const batch_ptr& batch);
  void tell_news();
  void tell_of_routes();
  void tell(const char* what, const routed_port& about);
  void deliver(routed_port& to, port_key from, const batch_ptr& batch);
  void deliver(routed_port& to, port_key from, std::span<const protocol::event> events);
  /// What the gate let go.
  void send_scratch(routed_port& to, port_key from = 0);
  void pass_on(routed_port& to, port_key from, const batch_ptr& batch);
  /// `from` and `to` are 0 where the hub itself is the other end.
  void show(port_key from, port_key to, const batch_ptr& batch) {
    self->send(tap_, atom::tap_v, from, to, batch);
  }
  void silence(routed_port& to);
  static port_info info_of(const routed_port& one);
  void cancel_sysex_of(port_key gone);
  protocol::hub_time now() const {
    return protocol::hub_time(self->clock().now().time_since_epoch());
  }
  void plan_tick(protocol::hub_time due);
  void on_down(const caf::actor_addr& gone);

  router_actor::pointer self;
  routing::patchbay patchbay_{{}, {}, std::random_device()()};
  scene_sink watcher_;
  notice_sink notices_;
  tap_sink tap_;
  bool routes_watched_ = false;
  log_budget scene_lines_;
  routing::outcome outcome_;
  std::vector<std::unique_ptr<routed_port>> ports_; ///< the order is that of coming up
  std::unordered_map<port_key, routed_port*> by_key_;
  std::vector<routed_port*> by_slot_;
  port_registry registry_;
  std::vector<port_listener> listeners_;
  std::vector<protocol::event> scratch_;
  protocol::hub_time planned_ = protocol::hub_time::max();
};

} // namespace tutti
