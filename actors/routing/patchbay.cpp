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
  scenes_.add_port(slot, table_.port(slot));
  return slot;
}

void patchbay::remove_port(port_slot slot, hub_time now, outcome& out) {
  scenes_.remove_port(slot);
  table_.remove_port(slot, now, out);
  guard_.on_port_gone(slot);
}

[[gnu::hot]] void patchbay::take(port_slot from, std::span<const event> batch, hub_time now,
                                 outcome& out) {
  bool whole = !scenes_.listens_to(from);
  swallowed_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!guard_.take(from, batch[i].message, now))
      continue;
    swallowed_.resize(batch.size());
    swallowed_[i] = true;
    whole = false;
  }
  if (whole)
    table_.take(from, batch, now, out);
  else
    take_part_by_part(from, batch, now, out);
  if (guard_.has_suspected())
    probe_loops(now, out);
  if (guard_.has_proof())
    cut_loops(now, out);
}

/// Routes a batch of which some event may be swallowed or ask for a scene: what stands before the
/// message that asks goes by the old rules, the message itself as well, the rest by the new ones.
void patchbay::take_part_by_part(port_slot from, std::span<const event> batch, hub_time now,
                                 outcome& out) {
  part_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto asked = scenes_.triggered_by(from, batch[i].message);
    bool pass = (swallowed_.empty() || !swallowed_[i]) && (!asked || asked->pass);
    if (pass)
      part_.push_back(batch[i]);
    if (!asked || scenes_.scenes()[asked->scene].name == scenes_.active())
      continue;
    route_part(from, part_, now, out);
    part_.clear();
    scenes_.activate(scenes_.scenes()[asked->scene].name);
    switch_scene(now, out);
  }
  if (part_.size() == batch.size())
    table_.take(from, batch, now, out);
  else
    route_part(from, part_, now, out);
}

/// Routes some events of a batch; for plain routes, too, they are made anew.
void patchbay::route_part(port_slot from, std::span<const event> part, hub_time now, outcome& out) {
  if (part.empty())
    return;
  auto first = static_cast<std::uint32_t>(out.made.size());
  out.made.insert(out.made.end(), part.begin(), part.end());
  auto place = static_cast<std::ptrdiff_t>(out.deliveries.size());
  table_.take(from, part, now, out);
  if (!out.unchanged)
    return;
  // Plain ones first, as if they had got the batch.
  std::vector<delivery> plain;
  out.unchanged->for_each([&](port_slot to) {
    plain.push_back({from, to, first, static_cast<std::uint32_t>(part.size())});
  });
  out.deliveries.insert(out.deliveries.begin() + place, plain.begin(), plain.end());
  out.unchanged = nullptr;
}

/// Sends a probe to every destination of a suspected port that may get System Exclusive from it. It
/// comes from no port, lest it breaks into a message that is on its way.
void patchbay::probe_loops(hub_time now, outcome& out) {
  const auto some_sysex = loop_guard::some_probe();
  for (const auto& [from, message] : guard_.suspected())
    for (port_slot to = 0; to < table_.slot_limit(); ++to) {
      if (!table_.passes(from, to, some_sysex))
        continue;
      auto probe = guard_.make_probe(to, message, now);
      if (!probe)
        continue;
      auto first = out.made.size();
      out.made.push_back({*probe, now});
      out.deliver_since(first, no_port, to);
    }
}

void patchbay::cut_loops(hub_time now, outcome& out) {
  auto passing = [this](port_slot from, port_slot to, const ump& message) {
    return table_.passes(from, to, message);
  };
  for (const auto& [from, to] : guard_.find_loops(passing, now)) {
    table_.cut(from, to, true, now, out);
    out.loops.push_back({true, from, to});
  }
}

void patchbay::on_deadline(hub_time now, outcome& out) {
  table_.on_deadline(now, out);
  std::vector<port_pair> retry;
  guard_.on_deadline(now, retry);
  for (const auto& [from, to] : retry) {
    table_.cut(from, to, false, now, out);
    out.loops.push_back({false, from, to});
  }
}

} // namespace tutti::routing
