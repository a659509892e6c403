// What the control API asks of the router and has it do.
#include "actors/router_state.hpp"
#include "actors/routing/demand.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace tutti {

using protocol::event;

port_info router_state::info_of(const routed_port& one) {
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
  std::vector<const routed_port*> sources;
  for (const auto& one : ports_)
    sources.push_back(one.get());
  std::ranges::sort(sources, {}, &routed_port::key);
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

std::vector<port_activity> router_state::activity() const {
  std::vector<port_activity> out;
  out.reserve(ports_.size());
  for (const auto& one : ports_)
    out.push_back({one->key, one->events_in, one->events_out});
  return out;
}

routed_port* router_state::find(const std::string& id) {
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
void router_state::silence(routed_port& to) {
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

} // namespace tutti
