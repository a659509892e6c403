// What each rule has passed on; part of route_table.hpp.
// Decides: that plain routes, which cost nothing, are counted by their source, and for their rules
// only when somebody asks or routes change.
#include "actors/routing/route_table.hpp"

namespace tutti::routing {

/// Adds what a source's plain routes passed on to the rules that make them: for each pair of ports
/// the first in order that matches it.
void route_table::count_plain(port_state& source, port_slot from) {
  auto passed = std::exchange(source.uncounted, 0);
  if (passed == 0)
    return;
  auto left = source.plain;
  for (auto index : by_priority_) {
    auto& state = states_[index];
    if (state.effect->plain && !state.effect->rule.block && state.from.test(from))
      state.counters->events += passed * left.take_out(state.to);
    if (left.empty())
      return;
  }
}

void route_table::count_all_plain() {
  for (port_slot from = 0; from < slot_limit(); ++from)
    if (has_port(from))
      count_plain(*slots_[from], from);
}

std::vector<rule_activity> route_table::activity() {
  count_all_plain();
  std::vector<rule_activity> out;
  for (std::size_t i = 0; i < states_.size(); ++i)
    out.push_back({i, states_[i].counters->events});
  return out;
}

} // namespace tutti::routing
