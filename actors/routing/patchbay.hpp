// All of routing but the sending: ports, rules, scenes and the loop guard behind one face.
// Decides: in which order an event meets them: loop guard, routes, scene triggers.
// Leaves: sinks, SysEx that meets SysEx at a destination, counters per port (router); ids
// (port_registry); files (config).
// Thread: owned by one router. Pure: time is an argument, nothing waits, nothing is sent.
//
// Use: call, do what the outcome says, clear it. Deliveries are in order; `unchanged` comes before
// them. Wake up at next_deadline().
#pragma once

#include "actors/routing/loop_guard.hpp"
#include "actors/routing/outcome.hpp"
#include "actors/routing/route_table.hpp"
#include "actors/routing/scene_switch.hpp"

#include <span>
#include <string>
#include <vector>

namespace tutti::routing {

class patchbay {
public:
  /// `seed` tells this hub's loop probes from those of others.
  explicit patchbay(const route_limits& limits = {}, const loop_limits& loops = {},
                    std::uint32_t seed = 1)
      : table_(limits)
      , guard_(loops, seed) {}

  /// Routes that there are already stay. Without the guard nothing is watched for loops; what is
  /// cut is tried again in time.
  void set_limits(const route_limits& limits, bool guards_loops) {
    table_.set_limits(limits);
    guard_.enable(guards_loops);
  }

  /// Puts a configuration in force. The active scene stays if it still exists, else `first_scene`
  /// is.
  void configure(std::vector<config::rule> rules, std::vector<config::scene> scenes,
                 const std::string& first_scene, hub_time now, outcome& out);
  /// Switches all at once; empty: no scene. False, and nothing happens, if there is no such scene.
  bool activate_scene(const std::string& name, hub_time now, outcome& out);

  port_slot add_port(const port_description& port, hub_time now, outcome& out);
  void remove_port(port_slot slot, hub_time now, outcome& out);

  /// Events that came from a port.
  void take(port_slot from, std::span<const event> batch, hub_time now, outcome& out);
  /// What the port has left sounding is released at all its destinations.
  void release(port_slot from, hub_time now, outcome& out) { table_.release(from, now, out); }
  /// What sounds at the port is released there; its sources and routes stay.
  void silence(port_slot to, hub_time now, outcome& out) { table_.silence(to, now, out); }

  hub_time next_deadline() const noexcept {
    return std::min(table_.next_deadline(), guard_.next_deadline());
  }
  void on_deadline(hub_time now, outcome& out);

  /// For looking: rules in force, ports, routes.
  const route_table& table() const noexcept { return table_; }
  std::vector<rule_activity> activity() { return table_.activity(); }
  /// So many of the rules in force are the common ones; the active scene's follow.
  std::size_t common_rules() const noexcept { return scenes_.common_rules(); }
  const std::string& active_scene() const noexcept { return scenes_.active(); }
  const std::vector<config::scene>& scenes() const noexcept { return scenes_.scenes(); }

private:
  void take_part_by_part(port_slot from, std::span<const event> batch, hub_time now, outcome& out);
  void route_part(port_slot from, std::span<const event> part, hub_time now, outcome& out);
  void switch_scene(hub_time now, outcome& out);
  void probe_loops(hub_time now, outcome& out);
  void cut_loops(hub_time now, outcome& out);

  route_table table_;
  scene_switch scenes_;
  loop_guard guard_;
  std::vector<bool> swallowed_; ///< events of a batch that go no further
  events part_;                 ///< of a batch that is not routed as a whole
};

} // namespace tutti::routing
