#include "actors/routing/route_table.hpp"

#include <algorithm>
#include <cassert>

namespace tutti::routing {
namespace {

/// The two rules mean the same pairs of ports, and the same for them.
bool same_meaning(const config::rule& a, const config::rule& b) {
  return a.enabled == b.enabled && a.priority == b.priority && a.from == b.from && a.to == b.to &&
         a.same_effect(b);
}

bool has_mode_message(std::span<const event> batch) {
  return std::any_of(batch.begin(), batch.end(), [](const event& e) {
    return is_controller(e.message) && e.message.data1() >= all_sound_off;
  });
}

} // namespace

// -- rules --------------------------------------------------------------------------------------

route_table::effect_ptr route_table::effect_of(const config::rule& rule,
                                               const std::vector<rule_state>& former) const {
  for (const auto* list : {&former, &states_})
    for (const auto& state : *list)
      if (state.effect->rule.same_effect(rule))
        return state.effect;
  return std::make_shared<const rule_effect>(rule, limits_.delay_queue);
}

void route_table::match(rule_state& state, const config::rule& rule, port_slot slot) const {
  const auto& description = slots_[slot]->description;
  state.from.set(slot,
                 description.by_rule && description.is_source && matches(rule.from, description));
  state.to.set(slot,
               description.by_rule && description.is_destination && matches(rule.to, description));
}

/// Fills the sets of ports of a new rule; those of a former rule in its place are taken over if it
/// had the same patterns.
void route_table::match_all(std::size_t index, const std::vector<config::rule>& former_rules,
                            const std::vector<rule_state>& former) {
  auto& state = states_[index];
  const auto& rule = rules_[index];
  if (index < former_rules.size() && former_rules[index].from == rule.from &&
      former_rules[index].to == rule.to) {
    state.from = former[index].from;
    state.to = former[index].to;
    return;
  }
  for (port_slot slot = 0; slot < slot_limit(); ++slot)
    if (has_port(slot))
      match(state, rule, slot);
}

void route_table::order_rules() {
  by_priority_.clear();
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (rules_[i].enabled)
      by_priority_.push_back(i);
  std::stable_sort(by_priority_.begin(), by_priority_.end(), [&](std::size_t a, std::size_t b) {
    return rules_[a].priority > rules_[b].priority;
  });
}

void route_table::set_rules(std::vector<config::rule> rules, hub_time now, outcome& out) {
  count_all_plain();
  auto former_rules = std::exchange(rules_, std::move(rules));
  auto former = std::exchange(states_, {});
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    auto effect = effect_of(rules_[i], former);
    states_.push_back({std::move(effect), {}, {}, std::make_shared<rule_counters>()});
    match_all(i, former_rules, former);
  }
  order_rules();

  // Only pairs that a rule means which came, went or changed are looked at again.
  std::vector<bool> kept(former.size());
  std::vector<const rule_state*> touched;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    auto fits = [&](std::size_t j) {
      return j < kept.size() && !kept[j] && same_meaning(rules_[i], former_rules[j]);
    };
    std::size_t found = fits(i) ? i : 0;
    while (found < kept.size() && !fits(found))
      ++found;
    if (found < kept.size()) {
      kept[found] = true;
      states_[i].counters = former[found].counters;
    } else {
      touched.push_back(&states_[i]);
    }
  }
  for (std::size_t j = 0; j < former.size(); ++j)
    if (!kept[j])
      touched.push_back(&former[j]);

  for (port_slot from = 0; from < slot_limit() && !touched.empty(); ++from) {
    if (!has_port(from) || !slots_[from]->description.is_source)
      continue;
    watch_last_values(from);
    auto with = rules_with(&rule_state::from, from);
    port_set destinations;
    for (const auto* state : touched)
      if (state->from.test(from))
        state->to.for_each([&](port_slot to) { destinations.set(to); });
    destinations.for_each(
        [&](port_slot to) { apply(from, to, resolve(from, to, with), now, out); });
  }
}

/// A source's last values are kept only while a rule may ask for them.
void route_table::watch_last_values(port_slot slot) {
  auto& source = *slots_[slot];
  bool asked = std::any_of(states_.begin(), states_.end(), [&](const rule_state& state) {
    return state.effect->rule.chase && state.from.test(slot);
  });
  if (asked && !source.last)
    source.last = std::make_unique<last_values>();
  if (!asked)
    source.last.reset();
}

std::vector<std::size_t> route_table::rules_with(port_set rule_state::*side, port_slot slot) const {
  std::vector<std::size_t> found;
  for (auto index : by_priority_)
    if ((states_[index].*side).test(slot))
      found.push_back(index);
  return found;
}

/// What a pair of ports ought to have; `rules` holds at least the enabled ones that match it, in
/// order. The answer is good until the next call.
const route_table::wanted& route_table::resolve(port_slot from, port_slot to,
                                                const std::vector<std::size_t>& rules) {
  wanted_.plain = wanted_.chase_plain = false;
  wanted_.effects.clear();
  wanted_.rules.clear();
  if (slots_[from]->cut.test(to))
    return wanted_;
  const auto &source = slots_[from]->description, &destination = slots_[to]->description;
  if (!source.by_rule || !destination.by_rule) {
    wanted_.plain =
        source.is_source && destination.is_destination && are_partners(source, destination);
    return wanted_;
  }
  int priority = 0;
  bool decided = false;
  for (auto index : rules) {
    const auto& state = states_[index];
    if (decided && rules_[index].priority < priority)
      break;
    if (!state.from.test(from) || !state.to.test(to) || (from == to && !state.effect->rule.echo))
      continue;
    decided = true;
    priority = rules_[index].priority;
    if (state.effect->rule.block) {
      wanted_.plain = wanted_.chase_plain = false;
      wanted_.effects.clear();
      wanted_.rules.clear();
      return wanted_;
    }
    auto& effects = wanted_.effects;
    if (state.effect->plain) {
      wanted_.plain = true;
      wanted_.chase_plain = wanted_.chase_plain || state.effect->rule.chase;
    } else if (std::find(effects.begin(), effects.end(), state.effect) == effects.end()) {
      effects.push_back(state.effect);
      wanted_.rules.push_back(index);
    }
  }
  return wanted_;
}

/// The first rule that makes the route with this effect between the two; nothing stands for plain.
std::size_t route_table::rule_of(port_slot from, port_slot to, const rule_effect* effect) const {
  for (auto index : by_priority_) {
    const auto& state = states_[index];
    bool fits = effect ? state.effect.get() == effect : state.effect->plain;
    if (fits && state.from.test(from) && state.to.test(to))
      return index;
  }
  return rules_.size();
}

// -- ports --------------------------------------------------------------------------------------

port_slot route_table::add_port(const port_description& port, hub_time now, outcome& out) {
  port_slot slot = 0;
  while (slot < slot_limit() && slots_[slot])
    ++slot;
  if (slot == slot_limit())
    slots_.emplace_back();
  slots_[slot] = std::make_unique<port_state>();
  slots_[slot]->description = port;
  partnered_ += !port.partner.empty();
  for (std::size_t i = 0; i < rules_.size(); ++i)
    match(states_[i], rules_[i], slot);
  watch_last_values(slot);

  auto outgoing = rules_with(&rule_state::from, slot);
  auto incoming = rules_with(&rule_state::to, slot);
  bool each_outgoing = !connect_plainly_from(slot, outgoing, out);
  bool each_incoming = !connect_plainly_to(slot, incoming, out);
  bool each = each_outgoing || each_incoming || partnered_ > 0;
  for (port_slot other = 0; other < slot_limit() && each; ++other) {
    if (!has_port(other))
      continue;
    auto paired = are_partners(port, slots_[other]->description);
    if (each_outgoing || paired)
      apply(slot, other, resolve(slot, other, outgoing), now, out);
    if ((each_incoming || paired) && other != slot)
      apply(other, slot, resolve(other, slot, incoming), now, out);
  }
  return slot;
}

bool route_table::make_only_plain(const std::vector<std::size_t>& rules) const {
  return std::ranges::all_of(rules, [this](std::size_t index) {
    const auto& effect = *states_[index].effect;
    return effect.plain && !effect.rule.block && !effect.rule.chase;
  });
}

/// What apply() does for each pair of a new source and a destination, at once: whichever of these
/// rules counts for a pair, it makes a plain route. With everybody to everybody else, as is usual,
/// the pairs are many. False, and nothing is done, if each pair has to be looked at.
bool route_table::connect_plainly_from(port_slot slot, const std::vector<std::size_t>& rules,
                                       outcome& out) {
  if (!make_only_plain(rules))
    return false;
  auto& added = slots_[slot]->plain;
  bool echo = false;
  for (auto index : rules) {
    const auto& state = states_[index];
    added.put_in(state.to);
    echo = echo || (state.effect->rule.echo && state.to.test(slot));
  }
  added.set(slot, echo);
  added.for_each([&](port_slot to) {
    out.changes.push_back({route_change::kind::appeared, slot, to});
  });
  return true;
}

/// The same for a new destination and all other sources.
bool route_table::connect_plainly_to(port_slot slot, const std::vector<std::size_t>& rules,
                                     outcome& out) {
  if (!make_only_plain(rules))
    return false;
  port_set sources;
  for (auto index : rules)
    sources.put_in(states_[index].from);
  sources.set(slot, false);
  sources.for_each([&](port_slot from) {
    auto& source = *slots_[from];
    count_plain(source, from);
    source.plain.set(slot);
    out.changes.push_back({route_change::kind::appeared, from, slot});
  });
  return true;
}

void route_table::remove_port(port_slot slot, hub_time now, outcome& out) {
  if (!has_port(slot))
    return;
  release(slot, now, out);
  count_all_plain();
  for (port_slot other = 0; other < slot_limit(); ++other) {
    if (!has_port(other))
      continue;
    forget_destination(other, slot, out);
    if (other != slot)
      forget_destination(slot, other, out);
  }
  for (auto& state : states_) {
    state.from.set(slot, false);
    state.to.set(slot, false);
  }
  partnered_ -= !slots_[slot]->description.partner.empty();
  slots_[slot].reset();
}

void route_table::forget_destination(port_slot from, port_slot to, outcome& out) {
  auto& source = *slots_[from];
  if (connects(from, to))
    out.changes.push_back({route_change::kind::vanished, from, to});
  source.plain.set(to, false);
  source.cut.set(to, false);
  auto lost = routes_to(source.routes, to);
  made_routes_ -= lost.size();
  source.routes.erase(lost.begin(), lost.end());
  std::erase_if(source.retired, [&](const auto& old) { return old->to() == to; });
}

void route_table::release(port_slot from, hub_time now, outcome& out) {
  if (!has_port(from))
    return;
  auto& source = *slots_[from];
  auto first = out.made.size();
  source.sounding.release(now, out.made);
  auto count = static_cast<std::uint32_t>(out.made.size() - first);
  if (count > 0)
    source.plain.for_each([&](port_slot to) {
      out.deliveries.push_back({from, to, static_cast<std::uint32_t>(first), count});
    });
  for (auto* list : {&source.routes, &source.retired})
    for (auto& through : *list) {
      auto start = out.made.size();
      through->release(now, out.made);
      out.deliver_since(start, from, through->to());
    }
  source.retired.clear();
}

void route_table::silence(port_slot to, hub_time now, outcome& out) {
  for (port_slot from = 0; from < slot_limit(); ++from) {
    if (!has_port(from))
      continue;
    auto& source = *slots_[from];
    auto first = out.made.size();
    if (source.plain.test(to)) {
      auto held = source.sounding;
      held.release(now, out.made);
    }
    for (auto* list : {&source.routes, &source.retired})
      for (auto& through : *list)
        if (through->to() == to)
          through->release(now, out.made);
    out.deliver_since(first, from, to);
  }
}

// -- events -------------------------------------------------------------------------------------

[[gnu::hot]] void route_table::take(port_slot from, std::span<const event> batch, hub_time now,
                                    outcome& out) {
  if (!has_port(from))
    return;
  auto& source = *slots_[from];
  auto spelled_out = spell_out(source, batch);
  if (source.last)
    for (const auto& e : batch)
      source.last->observe(e.message);
  if (source.plain.any()) {
    out.unchanged = &source.plain;
    source.uncounted += batch.size();
  }
  if (!source.retired.empty()) {
    for (auto& through : source.retired)
      run(*through, from, spelled_out, now, out);
    finish_retired(from, now, out);
  }
  for (auto& through : source.routes)
    run(*through, from, spelled_out, now, out);
}

/// Takes note of what the source holds. For routes, which may not let a channel mode message pass,
/// what it ends is spelled out before it: an All Notes Off is never lost in a filter.
[[gnu::hot]] std::span<const event> route_table::spell_out(port_state& source,
                                                           std::span<const event> batch) {
  bool plain_only = source.routes.empty() && source.retired.empty();
  if (plain_only || !has_mode_message(batch)) {
    for (const auto& e : batch)
      source.sounding.track(e.message);
    return batch;
  }
  spelled_out_.clear();
  for (const auto& e : batch) {
    source.sounding.list_ended_by(e.message, e.at, spelled_out_);
    spelled_out_.push_back(e);
    source.sounding.track(e.message);
  }
  return spelled_out_;
}

void route_table::run(route& through, port_slot from, std::span<const event> batch, hub_time now,
                      outcome& out) {
  auto first = out.made.size();
  through.process(batch, now, out.made);
  out.deliver_since(first, from, through.to());
  plan(*slots_[from], through.next_deadline());
}

/// Lets go of replaced routes whose keys are all up.
void route_table::finish_retired(port_slot from, hub_time now, outcome& out) {
  auto& retired = slots_[from]->retired;
  std::erase_if(retired, [&](const auto& old) {
    if (!old->is_finished())
      return false;
    auto first = out.made.size();
    old->release(now, out.made);
    out.deliver_since(first, from, old->to());
    return true;
  });
}

void route_table::plan(port_state& source, hub_time deadline) noexcept {
  source.next_deadline = std::min(source.next_deadline, deadline);
  next_deadline_ = std::min(next_deadline_, deadline);
}

void route_table::on_deadline(hub_time now, outcome& out) {
  if (now < next_deadline_)
    return;
  next_deadline_ = never;
  for (port_slot from = 0; from < slot_limit(); ++from) {
    if (!has_port(from))
      continue;
    auto& source = *slots_[from];
    if (source.next_deadline <= now) {
      source.next_deadline = never;
      for (auto* list : {&source.retired, &source.routes})
        for (auto& through : *list) {
          auto first = out.made.size();
          if (through->next_deadline() <= now)
            through->on_deadline(now, out.made);
          out.deliver_since(first, from, through->to());
          plan(source, through->next_deadline());
        }
      finish_retired(from, now, out);
    }
    next_deadline_ = std::min(next_deadline_, source.next_deadline);
  }
}

std::vector<route_info> route_table::routes_from(port_slot from) const {
  std::vector<route_info> found;
  if (!has_port(from))
    return found;
  const auto& source = *slots_[from];
  source.plain.for_each([&](port_slot to) {
    found.push_back({from, to, rule_of(from, to, nullptr), true, 0, {}});
  });
  for (const auto& made : source.routes)
    found.push_back({from, made->to(), rule_of(from, made->to(), made->effect().get()), false,
                     made->events_out(), made->counters()});
  std::stable_sort(found.begin(), found.end(),
                   [](const route_info& a, const route_info& b) { return a.to < b.to; });
  return found;
}

} // namespace tutti::routing
