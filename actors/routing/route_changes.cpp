// How a pair of ports comes to have the routes that it ought to have; part of route_table.hpp.
// Decides: what is made, kept, retired and released when rules or ports change.
#include "actors/routing/route_table.hpp"

#include <algorithm>
#include <iterator>

namespace tutti::routing {

bool route_table::connects(port_slot from, port_slot to) const {
  if (!has_port(from))
    return false;
  const auto& source = *slots_[from];
  return source.plain.test(to) || !routes_to(source.routes, to).empty();
}

bool route_table::passes(port_slot from, port_slot to, const ump& message) const {
  if (!has_port(from))
    return false;
  const auto& source = *slots_[from];
  auto made = routes_to(source.routes, to);
  return source.plain.test(to) || std::any_of(made.begin(), made.end(), [&](const auto& route) {
           return route->lets_pass(message);
         });
}

bool route_table::gains(const port_state& source, port_slot to, const wanted& want) const {
  if (want.plain && !source.plain.test(to))
    return true;
  auto present = routes_to(source.routes, to);
  return std::any_of(want.effects.begin(), want.effects.end(), [&](const effect_ptr& effect) {
    return std::none_of(present.begin(), present.end(),
                        [&](const auto& made) { return made->effect() == effect; });
  });
}

/// Makes a pair of ports have what it ought to have, and touches nothing that it has already.
void route_table::apply(port_slot from, port_slot to, const wanted& want, hub_time now,
                        outcome& out) {
  auto& source = *slots_[from];
  bool had = connects(from, to);
  bool gained = gains(source, to, want);
  auto size_before = routes_to(source.routes, to).size();
  bool plain_before = source.plain.test(to);
  if (!had && !gained)
    return;
  if (plain_before != want.plain)
    count_plain(source, from);
  // What goes is replaced if something comes for it, else it ends at once.
  if (plain_before && !want.plain)
    drop_plain(from, to, gained, now, out);
  drop_routes(from, to, want, gained, now, out);
  if (want.plain && !plain_before) {
    source.plain.set(to);
    if (want.chase_plain)
      chase(from, to, nullptr, now, out);
  }
  make_routes(from, to, want, now, out);
  bool has = connects(from, to);
  if (!has)
    release_retired(from, to, now, out);
  bool other =
      gained || plain_before != want.plain || size_before != routes_to(source.routes, to).size();
  using enum route_change::kind;
  if (had != has || other)
    if (had || has)
      out.changes.push_back({!had ? appeared : has ? changed : vanished, from, to});
}

void route_table::make_routes(port_slot from, port_slot to, const wanted& want, hub_time now,
                              outcome& out) {
  for (std::size_t i = 0; i < want.effects.size(); ++i) {
    const auto& counters = states_[want.rules[i]].counters;
    auto present = routes_to(slots_[from]->routes, to);
    auto made = std::find_if(present.begin(), present.end(),
                             [&](const auto& one) { return one->effect() == want.effects[i]; });
    if (made != present.end())
      (*made)->count_for(counters);
    else
      make_route(from, to, want.effects[i], counters, now, out);
  }
}

void route_table::drop_plain(port_slot from, port_slot to, bool replaced, hub_time now,
                             outcome& out) {
  auto& source = *slots_[from];
  source.plain.set(to, false);
  auto first = out.made.size();
  auto held = source.sounding;
  if (replaced)
    held.release_bends(now, out.made);
  else
    held.release(now, out.made);
  out.deliver_since(first, from, to);
  if (held.holds_keys())
    retire(from, std::make_unique<route>(to, held), now, out);
}

void route_table::drop_routes(port_slot from, port_slot to, const wanted& want, bool replaced,
                              hub_time now, outcome& out) {
  auto& source = *slots_[from];
  auto present = routes_to(source.routes, to);
  auto stays = [&](const auto& made) {
    return std::find(want.effects.begin(), want.effects.end(), made->effect()) !=
           want.effects.end();
  };
  route_list lost;
  auto end = std::stable_partition(present.begin(), present.end(), stays);
  std::move(end, present.end(), std::back_inserter(lost));
  source.routes.erase(end, present.end());
  made_routes_ -= lost.size();
  for (auto& old : lost) {
    auto first = out.made.size();
    if (replaced)
      old->retire(source.sounding, now, out.made);
    else
      old->release(now, out.made);
    out.deliver_since(first, from, to);
    if (replaced)
      retire(from, std::move(old), now, out);
  }
}

void route_table::retire(port_slot from, std::unique_ptr<route> old, hub_time now, outcome& out) {
  auto& source = *slots_[from];
  auto same = [to = old->to()](const auto& other) { return other->to() == to; };
  auto count = std::count_if(source.retired.begin(), source.retired.end(), same);
  if (std::size_t(count) >= limits_.retired_per_pair) {
    auto oldest = std::find_if(source.retired.begin(), source.retired.end(), same);
    auto first = out.made.size();
    (*oldest)->release(now, out.made);
    out.deliver_since(first, from, old->to());
    source.retired.erase(oldest);
  }
  plan(source, old->next_deadline());
  source.retired.push_back(std::move(old));
  finish_retired(from, now, out);
}

/// A pair of ports that has no route any more holds nothing either.
void route_table::release_retired(port_slot from, port_slot to, hub_time now, outcome& out) {
  std::erase_if(slots_[from]->retired, [&](const auto& old) {
    if (old->to() != to)
      return false;
    auto first = out.made.size();
    old->release(now, out.made);
    out.deliver_since(first, from, to);
    return true;
  });
}

void route_table::make_route(port_slot from, port_slot to, const effect_ptr& effect,
                             const rule_counters_ptr& counters, hub_time now, outcome& out) {
  if (made_routes_ >= limits_.routes) {
    ++refused_routes_;
    return;
  }
  auto& source = *slots_[from];
  auto place = routes_to(source.routes, to).end();
  auto made = source.routes.insert(place, std::make_unique<route>(effect, to));
  ++made_routes_;
  (*made)->count_for(counters);
  if (effect->rule.chase)
    chase(from, to, made->get(), now, out);
}

/// Brings a new route's destination up to date with what its source sent before.
void route_table::chase(port_slot from, port_slot to, route* through, hub_time now, outcome& out) {
  auto& source = *slots_[from];
  if (!source.last)
    return;
  chased_.clear();
  source.last->list(now, chased_);
  if (through) {
    run(*through, from, chased_, now, out);
    return;
  }
  auto first = out.made.size();
  out.made.insert(out.made.end(), chased_.begin(), chased_.end());
  out.deliver_since(first, from, to);
}

void route_table::cut(port_slot from, port_slot to, bool cut, hub_time now, outcome& out) {
  if (!has_port(from) || !has_port(to))
    return;
  slots_[from]->cut.set(to, cut);
  apply(from, to, resolve(from, to, by_priority_), now, out);
}

} // namespace tutti::routing
