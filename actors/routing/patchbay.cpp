#include "actors/routing/patchbay.hpp"

namespace tutti::routing {

void patchbay::configure(std::vector<config::rule> rules, std::vector<config::scene> scenes,
                         const std::string& first_scene, hub_time now, outcome& out) {
  auto before = scenes_.active();
  scenes_.configure(std::move(rules), std::move(scenes), first_scene);
  table_.set_rules(scenes_.rules(), now, out);
  if (scenes_.active() != before) {
    out.scene_changed = true;
    out.scene = scenes_.active();
  }
}

bool patchbay::activate_scene(const std::string& name, hub_time now, outcome& out) {
  auto before = scenes_.active();
  if (!scenes_.activate(name)) {
    scenes_.activate(before);
    return false;
  }
  if (name != before)
    switch_scene(now, out);
  return true;
}

void patchbay::switch_scene(hub_time now, outcome& out) {
  table_.set_rules(scenes_.rules(), now, out);
  out.scene_changed = true;
  out.scene = scenes_.active();
}

port_slot patchbay::add_port(const port_description& port, hub_time now, outcome& out) {
  auto slot = table_.add_port(port, now, out);
  scenes_.add_port(slot, port);
  return slot;
}

void patchbay::remove_port(port_slot slot, hub_time now, outcome& out) {
  table_.remove_port(slot, now, out);
  scenes_.remove_port(slot);
  guard_.on_port_gone(slot);
}

void patchbay::take(port_slot from, std::span<const event> batch, hub_time now, outcome& out) {
  bool all_pass = true;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!guard_.holds_back(from, batch[i].message, now))
      continue;
    if (all_pass)
      held_back_.assign(batch.size(), false);
    all_pass = false;
    held_back_[i] = true;
  }
  if (all_pass && !scenes_.listens_to(from)) {
    table_.take(from, batch, now, out);
    return;
  }
  if (all_pass)
    held_back_.assign(batch.size(), false);
  take_watched(from, batch, now, out);
}

/// Routes a batch that may be held back in part or ask for a scene: what stands before the message
/// that asks goes by the old rules, the message itself as well, the rest by the new ones.
void patchbay::take_watched(port_slot from, std::span<const event> batch, hub_time now,
                            outcome& out) {
  part_.clear();
  bool whole = true;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto asked = scenes_.triggered_by(from, batch[i].message);
    bool pass = !held_back_[i] && (!asked || asked->pass);
    if (pass)
      part_.push_back(batch[i]);
    whole = whole && pass;
    if (!asked || scenes_.scenes()[asked->scene].name == scenes_.active())
      continue;
    whole = false;
    route_all(from, part_, false, now, out);
    part_.clear();
    scenes_.activate(scenes_.scenes()[asked->scene].name);
    switch_scene(now, out);
  }
  route_all(from, whole ? batch : std::span<const event>(part_), whole, now, out);
}

/// If the events are not the whole batch, those for plain routes are made as well.
void patchbay::route_all(port_slot from, std::span<const event> batch, bool whole, hub_time now,
                         outcome& out) {
  if (batch.empty())
    return;
  if (whole) {
    table_.take(from, batch, now, out);
    return;
  }
  // Plain ones first, as if they had got the batch.
  auto first = static_cast<std::uint32_t>(out.made.size());
  out.made.insert(out.made.end(), batch.begin(), batch.end());
  auto place = out.deliveries.size();
  table_.take(from, batch, now, out);
  if (!out.unchanged)
    return;
  std::vector<delivery> plain;
  out.unchanged->for_each([&](port_slot to) {
    plain.push_back({from, to, first, static_cast<std::uint32_t>(batch.size())});
  });
  out.deliveries.insert(out.deliveries.begin() + std::ptrdiff_t(place), plain.begin(), plain.end());
  out.unchanged = nullptr;
}

void patchbay::on_deadline(hub_time now, outcome& out) {
  table_.on_deadline(now, out);
  if (now < guard_.next_deadline())
    return;
  verdicts_.clear();
  guard_.on_deadline(now, verdicts_);
  for (const auto& [from, to] : verdicts_.cut) {
    if (to != every_port) {
      cut(from, to, now, out);
      continue;
    }
    for (port_slot other = 0; other < table_.slot_limit(); ++other)
      if (table_.connects(from, other))
        cut(from, other, now, out);
  }
  for (const auto& [from, to] : verdicts_.retry) {
    table_.cut(from, to, false, now, out);
    out.loops.push_back({false, from, to});
  }
  for (const auto& [from, message] : verdicts_.replay) {
    event e{message, now};
    route_all(from, std::span(&e, 1), false, now, out);
  }
}

void patchbay::cut(port_slot from, port_slot to, hub_time now, outcome& out) {
  if (!table_.connects(from, to))
    return;
  table_.cut(from, to, true, now, out);
  guard_.on_cut(from, to, now);
  out.loops.push_back({true, from, to});
}

} // namespace tutti::routing
