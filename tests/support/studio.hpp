// A patchbay with ports by name, for tests that read like a session.
// What each destination hears is kept as text and as what is sounding there, by code of its own.
#pragma once

#include "actors/routing/patchbay.hpp"
#include "tests/support/midi_text.hpp"
#include "tests/support/rule_text.hpp"

#include <functional>
#include <map>
#include <set>
#include <sstream>

namespace tutti::test {

/// `kind/session/name`; all ports are sources and destinations unless the name ends with < (only a
/// source) or > (only a destination).
inline routing::port_description describe_port(const std::string& id) {
  routing::port_description port{id, "", "", "", !id.ends_with('>'), !id.ends_with('<')};
  std::istringstream parts(id);
  std::getline(parts, port.kind, '/');
  std::getline(parts, port.session, '/');
  std::getline(parts, port.name);
  return port;
}

/// What a destination holds, told from the messages it got.
class ear {
public:
  void hear(const protocol::ump& m) {
    if (!m.is_channel_voice())
      return;
    unsigned kind = m.status() & 0xF0, place = m.group() * 16u + m.channel();
    bool on = kind == 0x90 && m.data2() != 0;
    if (on)
      held_.insert({place, m.data1()});
    if (kind == 0x80 || (kind == 0x90 && !on))
      held_.erase({place, m.data1()});
    if (kind == 0xB0 && (m.data1() == 64 || m.data1() == 66 || m.data1() == 69))
      set(m.data2() >= 64, place, 1000u + m.data1());
    if (kind == 0xD0)
      set(m.data1() != 0, place, 2000);
    if (kind == 0xE0)
      set(m.data1() != 0 || m.data2() != 64, place, 3000);
    if (kind == 0xB0 && (m.data1() == 120 || m.data1() >= 123))
      std::erase_if(held_, [&](const auto& h) { return h.first == place && h.second < 1000; });
    if (kind == 0xB0 && m.data1() == 121)
      std::erase_if(held_, [&](const auto& h) { return h.first == place && h.second >= 1000; });
  }
  bool silent() const { return held_.empty(); }
  std::string text() const {
    std::string out;
    for (auto [place, what] : held_)
      out += std::to_string(place) + ":" + std::to_string(what) + " ";
    return out;
  }

private:
  void set(bool on, unsigned place, unsigned what) {
    if (on)
      held_.insert({place, what});
    else
      held_.erase({place, what});
  }
  std::set<std::pair<unsigned, unsigned>> held_; ///< place, and note or 1000 and more for the rest
};

class studio {
public:
  explicit studio(std::vector<std::string> rules = {"{}"}, std::uint32_t seed = 1)
      : bay_({}, {}, seed) {
    set_rules(std::move(rules));
  }

  void set_rules(const std::vector<std::string>& rules) { configure(rules, {}); }
  void configure(const std::vector<std::string>& rules, std::vector<config::scene> scenes,
                 const std::string& first = "") {
    std::vector<config::rule> read;
    for (const auto& text : rules)
      read.push_back(rule(text));
    bay_.configure(std::move(read), std::move(scenes), first, now_, out_);
    collect({}, {});
  }

  void up(const std::string& id) { up(describe_port(id)); }
  /// A port that rules do not concern, and perhaps another one's partner.
  void up_without_rules(const std::string& id, const std::string& partner) {
    auto port = describe_port(id);
    port.by_rule = false;
    port.partner = partner;
    up(port);
  }
  void up(const routing::port_description& port) {
    const auto& id = port.id;
    slots_[id] = bay_.add_port(port, now_, out_);
    ids_[slots_[id]] = id;
    collect({}, {});
  }
  void down(const std::string& id) {
    auto slot = slots_.at(id);
    bay_.remove_port(slot, now_, out_);
    collect({}, {});
    slots_.erase(id);
    ids_.erase(slot);
    ears_.erase(id);
  }

  void play(const std::string& id, std::string_view text) { play(id, midi(text, now_)); }
  void play(const std::string& id, std::span<const protocol::event> batch) {
    auto slot = slots_.at(id);
    bay_.take(slot, batch, now_, out_);
    collect(id, batch);
  }
  bool activate(const std::string& scene) {
    bool known = bay_.activate_scene(scene, now_, out_);
    collect({}, {});
    return known;
  }
  void release(const std::string& id) {
    bay_.release(slots_.at(id), now_, out_);
    collect({}, {});
  }

  /// Lets time pass, waking the patchbay at its deadlines.
  void wait(std::chrono::nanoseconds time) {
    auto end = now_ + time;
    while (bay_.next_deadline() <= end) {
      now_ = std::max(now_, bay_.next_deadline());
      bay_.on_deadline(now_, out_);
      collect({}, {});
    }
    now_ = end;
  }

  /// What was heard since the last call, `destination: messages` apart by semicolons, by
  /// destination.
  std::string heard() {
    std::string text;
    for (const auto& [id, list] : heard_)
      text += (text.empty() ? "" : "; ") + id + ": " + to_text(list);
    heard_.clear();
    return text;
  }
  /// Route changes since the last call, in order: +A>B appeared, -A>B vanished, ~A>B changed.
  std::string changes() { return std::exchange(changes_, {}); }
  /// Loop notices since the last call: cut A>B, retry A>B.
  std::string loops() { return std::exchange(loops_, {}); }

  const ear& at(const std::string& id) { return ears_[id]; }
  const std::map<std::string, ear>& ears() const { return ears_; }
  const std::map<std::string, routing::port_slot>& ports() const { return slots_; }
  routing::patchbay& bay() { return bay_; }
  protocol::hub_time now() const { return now_; }
  /// Destinations that got the very batch in the last call to play.
  std::size_t unchanged() const { return unchanged_; }
  /// Called for everything that is heard.
  std::function<void(const std::string& to, const protocol::event&)> on_heard;

private:
  void collect(const std::string& from, std::span<const protocol::event> batch) {
    (void)from;
    unchanged_ = 0;
    // Copied, as what is heard may play again into the same patchbay.
    auto out = std::exchange(out_, {});
    std::vector<routing::port_slot> plain;
    if (out.unchanged)
      out.unchanged->for_each([&](auto slot) { plain.push_back(slot); });
    unchanged_ = plain.size();
    for (const auto& change : out.changes)
      changes_ += (changes_.empty() ? "" : " ") + std::string(1, "+-~"[std::size_t(change.what)]) +
                  ids_[change.from] + ">" + ids_[change.to];
    for (const auto& loop : out.loops)
      loops_ += (loops_.empty() ? "" : ", ") + std::string(loop.cut ? "cut " : "retry ") +
                ids_[loop.from] + " to " + ids_[loop.to];
    for (auto slot : plain)
      hear(slot, batch);
    for (const auto& d : out.deliveries)
      hear(d.to, out.events_of(d));
  }

  void hear(routing::port_slot to, std::span<const protocol::event> events) {
    auto id = ids_.at(to);
    for (const auto& e : events) {
      heard_[id].push_back(e);
      ears_[id].hear(e.message);
      if (on_heard)
        on_heard(id, e);
    }
  }

  routing::patchbay bay_;
  routing::outcome out_;
  protocol::hub_time now_{std::chrono::seconds(1)};
  std::map<std::string, routing::port_slot> slots_;
  std::map<routing::port_slot, std::string> ids_;
  std::map<std::string, ear> ears_;
  std::map<std::string, event_list> heard_;
  std::string changes_, loops_;
  std::size_t unchanged_ = 0;
};

} // namespace tutti::test
