// One route with a filter or transforms: the state of a rule's effect between two ports.
// Decides: what it has left sounding at its destination; that a route that was replaced lives on
// for the keys that were down then, so that each is let go through the map that pressed it. Leaves:
// which routes there are (route_table). Thread: owned by the route_table.
#pragma once

#include "actors/routing/event_filter.hpp"
#include "actors/routing/port.hpp"
#include "actors/routing/transform_chain.hpp"
#include "config/rule.hpp"
#include "protocol/sounding.hpp"

#include <memory>
#include <span>

namespace tutti::routing {

/// What rules do to events, compiled once and shared by all routes of rules that do the same.
struct rule_effect {
  rule_effect(const config::rule& from, std::size_t delay_limit)
      : rule(from)
      , plain(from.filter == config::filter{} && from.transforms.empty())
      , filter(from.filter)
      , chain(from.transforms, delay_limit) {}

  config::rule rule; ///< the first rule that had it
  bool plain;        ///< passes batches as they are
  event_filter filter;
  transform_chain chain;
};

/// What the routes of a rule have passed on.
struct rule_counters {
  std::uint64_t events = 0;
};
using rule_counters_ptr = std::shared_ptr<rule_counters>;

class route {
public:
  /// A live route.
  route(std::shared_ptr<const rule_effect> effect, port_slot to)
      : effect_(std::move(effect))
      , to_(to)
      , filter_(effect_->filter)
      , chain_(effect_->chain) {}
  /// What remains of a plain route: it waits for the keys that `held` says are down.
  route(port_slot to, const protocol::sounding& held)
      : to_(to)
      , waiting_(std::make_unique<protocol::sounding>(held))
      , sounding_(held) {}

  port_slot to() const noexcept { return to_; }
  const std::shared_ptr<const rule_effect>& effect() const noexcept { return effect_; }

  /// Appends what becomes of `in`. A retired route takes only what lets go of the keys it waits
  /// for.
  void process(std::span<const event> in, hub_time now, events& out);

  /// Whether the filter would let this message pass now.
  bool lets_pass(const ump& message) const;

  hub_time next_deadline() const noexcept { return chain_.next_deadline(); }
  void on_deadline(hub_time now, events& out);

  /// Replaced by another one: bend and pressure are released, and from now on it waits for the keys
  /// that `held`, which its source holds, says are down.
  void retire(const protocol::sounding& held, hub_time now, events& out);
  /// Nothing is awaited and nothing held back any more.
  bool is_finished() const noexcept { return !waiting_->holds_keys() && chain_.pending() == 0; }

  /// Appends what ends everything that it left sounding. Events held back are dropped.
  void release(hub_time now, events& out) { sounding_.release(now, out); }

  std::uint64_t events_out() const noexcept { return events_out_; }
  /// From now on what it passes on counts for this rule as well.
  void count_for(rule_counters_ptr rule) { counters_ = std::move(rule); }
  chain_counters counters() const noexcept { return chain_.counters(); }

private:
  void run(std::span<const event> in, hub_time now, events& out);
  void track(const events& out, std::size_t first);

  std::shared_ptr<const rule_effect> effect_; ///< nothing: passes all
  port_slot to_;
  event_filter filter_;
  transform_chain chain_;
  std::unique_ptr<protocol::sounding> waiting_; ///< retired: keys of the source
  protocol::sounding sounding_;                 ///< at the destination
  std::uint64_t events_out_ = 0;
  rule_counters_ptr counters_; ///< of the rule that made it
};

} // namespace tutti::routing
