// Who is heard where: from the rules in force and the ports that are up, worked out ahead of time.
// Decides: routes; what is left of those that are replaced or removed; that what did not change is
// not touched.
// Leaves: which rules are in force (patchbay), delivering (router).
// Thread: owned by one router.
//
// For each pair of ports the enabled rules of the highest priority that match it count. If one of
// them blocks, there is no route. Those without filter and transforms make one plain route
// together, a bit in the source's set; each other one makes a route object. An event costs its
// source's routes and nothing else, however many rules there are. Between partners there is a plain
// route and no rule, as there is none for ports that rules do not concern.
#pragma once

#include "actors/routing/last_values.hpp"
#include "actors/routing/outcome.hpp"
#include "actors/routing/port.hpp"
#include "actors/routing/port_set.hpp"
#include "actors/routing/route.hpp"
#include "config/rule.hpp"
#include "protocol/sounding.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace tutti::routing {

struct route_limits {
  std::size_t routes = 262144;      ///< routes that are not plain; further ones are not made
  std::size_t delay_queue = 65536;  ///< events that one delay may hold
  std::size_t retired_per_pair = 4; ///< replaced routes that wait for keys; the oldest is released
};

/// A stretch of a list. (std::ranges::subrange, were it not that clang 14 cannot read g++ 12's.)
template <class Iterator>
struct stretch {
  Iterator first, last;
  Iterator begin() const { return first; }
  Iterator end() const { return last; }
  bool empty() const { return first == last; }
  std::size_t size() const { return static_cast<std::size_t>(last - first); }
};

/// The routes to one destination in a list that is ordered by destination.
template <class List>
auto routes_to(List& list, port_slot to) {
  struct by_destination {
    bool operator()(const std::unique_ptr<route>& a, port_slot b) const { return a->to() < b; }
    bool operator()(port_slot a, const std::unique_ptr<route>& b) const { return a < b->to(); }
  };
  auto [first, last] = std::equal_range(list.begin(), list.end(), to, by_destination());
  return stretch<decltype(first)>{first, last};
}

/// A route as the operator sees it.
struct route_info {
  port_slot from = 0;
  port_slot to = 0;
  std::size_t rule = 0; ///< index into rules()
  bool plain = true;
  std::uint64_t events_out = 0; ///< of routes that are not plain
  chain_counters counters;
};

/// What a rule in force has done since it is.
struct rule_activity {
  std::size_t rule = 0;     ///< index into rules()
  std::uint64_t events = 0; ///< that its routes passed on, each once for each destination
};

class route_table {
public:
  explicit route_table(const route_limits& limits = {})
      : limits_(limits) {}

  /// For routes that are made from now on.
  void set_limits(const route_limits& limits) { limits_ = limits; }

  // Ports. The outcome gets releases, last values for late destinations, and changes.
  port_slot add_port(const port_description& port, hub_time now, outcome& out);
  void remove_port(port_slot slot, hub_time now, outcome& out);
  bool has_port(port_slot slot) const noexcept {
    return slot < slots_.size() && slots_[slot] != nullptr;
  }
  /// Only of ports that it has.
  const port_description& port(port_slot slot) const { return slots_[slot]->description; }
  /// Every slot in use is below this.
  port_slot slot_limit() const noexcept { return static_cast<port_slot>(slots_.size()); }

  /// Puts these rules in force, at once and for all ports.
  void set_rules(std::vector<config::rule> rules, hub_time now, outcome& out);
  const std::vector<config::rule>& rules() const noexcept { return rules_; }

  /// Events of a source: to whom they go, and what becomes of them. Ports that it does not have are
  /// silent.
  void take(port_slot from, std::span<const event> batch, hub_time now, outcome& out);

  /// When on_deadline has something to do.
  hub_time next_deadline() const noexcept { return next_deadline_; }
  void on_deadline(hub_time now, outcome& out);

  /// Silences the source's routes to `to` until it is allowed again, see loop_guard.
  void cut(port_slot from, port_slot to, bool cut, hub_time now, outcome& out);

  /// What the source has left sounding is released at all its destinations; its routes stay.
  void release(port_slot from, hub_time now, outcome& out);
  /// What all sources have left sounding at `to` is released there; what they hold stays noted.
  void silence(port_slot to, hub_time now, outcome& out);

  /// All routes of a source, by destination.
  std::vector<route_info> routes_from(port_slot from) const;
  /// What each rule has done.
  std::vector<rule_activity> activity();
  /// Plain and other routes from one port to another.
  bool connects(port_slot from, port_slot to) const;
  /// Whether some route between the two lets this message pass. Of System Exclusive in chunks that
  /// is only known of the first.
  bool passes(port_slot from, port_slot to, const ump& message) const;

  std::size_t made_routes() const noexcept { return made_routes_; }
  /// Routes that were not made because of the limit.
  std::uint64_t refused_routes() const noexcept { return refused_routes_; }

private:
  using effect_ptr = std::shared_ptr<const rule_effect>;
  using route_list = std::vector<std::unique_ptr<route>>;

  struct rule_state {
    effect_ptr effect;
    port_set from, to; ///< ports that match
    rule_counters_ptr counters = std::make_shared<rule_counters>();
  };
  struct port_state {
    port_set plain;              ///< destinations of plain routes
    std::uint64_t uncounted = 0; ///< events that they passed on since count_plain
    port_description description;
    route_list routes;  ///< by destination
    route_list retired; ///< oldest first
    port_set cut;
    protocol::sounding sounding; ///< what this source holds
    std::unique_ptr<last_values> last;
    hub_time next_deadline = never;
  };
  /// What a pair of ports ought to have.
  struct wanted {
    bool plain = false;
    bool chase_plain = false;
    std::vector<effect_ptr> effects;
    std::vector<std::size_t> rules; ///< that ask for these effects
  };

  effect_ptr effect_of(const config::rule& rule, const std::vector<rule_state>& former) const;
  void match(rule_state& state, const config::rule& rule, port_slot slot) const;
  void match_all(std::size_t index, const std::vector<config::rule>& former_rules,
                 const std::vector<rule_state>& former);
  void order_rules();
  void watch_last_values(port_slot slot);

  std::vector<std::size_t> rules_with(port_set rule_state::*side, port_slot slot) const;
  bool make_only_plain(const std::vector<std::size_t>& rules) const;
  bool connect_plainly_from(port_slot slot, const std::vector<std::size_t>& rules, outcome& out);
  bool connect_plainly_to(port_slot slot, const std::vector<std::size_t>& rules, outcome& out);
  const wanted& resolve(port_slot from, port_slot to, const std::vector<std::size_t>& rules);
  std::size_t rule_of(port_slot from, port_slot to, const rule_effect* effect) const;

  void apply(port_slot from, port_slot to, const wanted& want, hub_time now, outcome& out);
  bool gains(const port_state& source, port_slot to, const wanted& want) const;
  void drop_plain(port_slot from, port_slot to, bool replaced, hub_time now, outcome& out);
  void drop_routes(port_slot from, port_slot to, const wanted& want, bool replaced, hub_time now,
                   outcome& out);
  void retire(port_slot from, std::unique_ptr<route> old, hub_time now, outcome& out);
  void release_retired(port_slot from, port_slot to, hub_time now, outcome& out);
  void make_routes(port_slot from, port_slot to, const wanted& want, hub_time now, outcome& out);
  void make_route(port_slot from, port_slot to, const effect_ptr& effect,
                  const rule_counters_ptr& counters, hub_time now, outcome& out);
  void chase(port_slot from, port_slot to, route* through, hub_time now, outcome& out);
  void forget_destination(port_slot from, port_slot to, outcome& out);

  void count_plain(port_state& source, port_slot from);
  void count_all_plain();

  std::span<const event> spell_out(port_state& source, std::span<const event> batch);
  void run(route& through, port_slot from, std::span<const event> batch, hub_time now,
           outcome& out);
  void finish_retired(port_slot from, hub_time now, outcome& out);
  void plan(port_state& source, hub_time deadline) noexcept;

  route_limits limits_;
  std::vector<config::rule> rules_;
  std::vector<rule_state> states_;       ///< one per rule
  std::vector<std::size_t> by_priority_; ///< enabled rules, highest first, else as written
  std::vector<std::unique_ptr<port_state>> slots_;
  std::size_t partnered_ = 0; ///< ports that have a partner
  std::size_t made_routes_ = 0;
  std::uint64_t refused_routes_ = 0;
  hub_time next_deadline_ = never;
  events spelled_out_;
  events chased_;
  wanted wanted_;
};

} // namespace tutti::routing
