#include "actors/routing/loop_guard.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

using namespace std::chrono_literals;

/// A message that has not come for this long is forgotten.
constexpr auto episode = 1s;

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

std::uint64_t content_of(const ump& m) noexcept {
  auto low = m.words[0] | std::uint64_t(m.words[1]) << 32;
  auto high = m.words[2] | std::uint64_t(m.words[3]) << 32;
  return mix(low + mix(high + 0x9e3779b97f4a7c15u));
}

/// What would leave something sounding if it were lost.
bool lets_go(const ump& m) noexcept {
  return is_note_off(m) ||
         (is_controller(m) && m.data1() >= 64 && m.data1() < 70 && m.data2() < 64) ||
         (is_controller(m) && m.data1() >= all_sound_off);
}

} // namespace

/// The entry of this content; the one of its set that came longest ago makes room for a new one.
loop_guard::suspect& loop_guard::find(std::uint64_t content, hub_time now) {
  auto* set = &table_[content % sets * ways];
  auto* oldest = set;
  for (std::size_t i = 0; i < ways; ++i) {
    if (set[i].content == content) {
      auto& s = set[i];
      bool over = now - s.last > episode && s.now != state::tested;
      if (over && (s.now == state::watched || now >= s.until)) {
        s = {};
        s.content = content;
        s.began = s.second = now;
      }
      return s;
    }
    if (oldest->now == state::tested || (set[i].now != state::tested && set[i].last < oldest->last))
      oldest = &set[i];
  }
  std::erase(under_test_, oldest);
  *oldest = {};
  oldest->content = content;
  oldest->began = oldest->second = now;
  return *oldest;
}

bool loop_guard::holds_back(port_slot from, const ump& message, hub_time now) {
  if (message.is_sysex())
    return take_sysex(from, message, now);
  if (message.type() == message_type::utility || message.type() == message_type::sysex8)
    return false;
  auto& s = find(content_of(message), now);
  s.last = now;
  if (s.now == state::tested)
    return hold(s, from, now);
  if (s.now == state::acquitted) {
    if (now < s.until)
      return false;
    s.now = state::watched;
    s.began = s.second = now;
    s.total = s.in_second = 0;
    s.ports = {};
  }
  if (!count(s, from, message, now))
    return false;
  put_to_test(s, from, message, now);
  return hold(s, from, now);
}

/// Counts an arrival; true if the message is suspicious now.
bool loop_guard::count(suspect& s, port_slot from, const ump& message, hub_time now) {
  if (now - s.second >= 1s) {
    s.second = now;
    s.in_second = 0;
  }
  ++s.total;
  ++s.in_second;
  arrivals* here = nullptr;
  for (auto& port : s.ports)
    if (!here && (port.count == 0 || port.port == from))
      here = &port;
  if (here) {
    here->port = from;
    ++here->count;
  }
  bool is_clock = message.is_system() && message.status() == 0xF8;
  if (s.in_second >= (is_clock ? limits_.clocks_per_second : limits_.repeats_per_second))
    return true;
  if (is_clock || s.in_second + s.total < limits_.returns)
    return false;
  // A ring: more comes back than went in, from a port that the others' copies were sent to.
  auto originals = s.ports[0].count;
  if (here && here != &s.ports[0] && here->count >= limits_.returns + 2 * originals &&
      s.total - here->count >= limits_.returns)
    return true;
  return is_note_on(message) && is_busy(s, from, now);
}

/// Many different notes that all repeat fast: nobody plays that.
bool loop_guard::is_busy(const suspect& s, port_slot from, hub_time now) {
  if (from >= heat_.size())
    heat_.resize(from + 1);
  auto& port = heat_[from];
  if (now - port.second >= 1s)
    port = {now, 0};
  if (s.in_second == limits_.busy_repeats)
    ++port.notes;
  return s.in_second >= limits_.busy_repeats && port.notes >= limits_.busy_notes;
}

/// SysEx is known only at its end, too late to hold it back; what repeats whole so often is a loop.
bool loop_guard::take_sysex(port_slot from, const ump& message, hub_time now) {
  using protocol::sysex_form;
  if (from >= sysex_.size())
    sysex_.resize(from + 1);
  auto form = message.form();
  auto& hash = sysex_[from];
  if (form == sysex_form::start || form == sysex_form::complete)
    hash = 0;
  hash = mix(hash + (message.words[0] & 0xF0FFFFu) + (std::uint64_t(message.words[1]) << 32) + 1);
  if (form != sysex_form::end && form != sysex_form::complete)
    return false;
  auto& s = find(hash, now);
  s.last = now;
  if (s.now == state::watched && count(s, from, message, now)) {
    s.accused = from;
    s.now = state::acquitted; // once is enough
    s.until = now + limits_.first_retry;
    convicted_.push_back({from, every_port});
    plan(now);
  }
  return false;
}

void loop_guard::put_to_test(suspect& s, port_slot from, const ump& message, hub_time now) {
  auto repeats = std::max<std::uint32_t>(s.in_second, 1);
  auto period = std::max<std::chrono::nanoseconds>(now - s.second, 1ns) / repeats;
  if (s.in_second < limits_.returns)
    period = (now - s.began) / std::max<std::uint32_t>(s.total, 1);
  auto length =
      std::clamp<std::chrono::nanoseconds>(4 * period, limits_.shortest_test, limits_.longest_test);
  s.now = state::tested;
  s.accused = from;
  s.halfway = now + length / 2;
  s.until = now + length;
  s.still = 0;
  s.expected =
      static_cast<std::uint32_t>(length / 2 / std::max<std::chrono::nanoseconds>(period, 1ns));
  s.message = message;
  s.held_count = 0;
  under_test_.push_back(&s);
  plan(s.until);
}

bool loop_guard::hold(suspect& s, port_slot from, hub_time now) {
  if (from == s.accused && now >= s.halfway)
    ++s.still;
  auto end = s.held_from.begin() + s.held_count;
  if (std::find(s.held_from.begin(), end, from) == end && s.held_count < s.held_from.size())
    s.held_from[s.held_count++] = from;
  return true;
}

void loop_guard::judge(suspect& s, hub_time now, loop_verdicts& out) {
  bool is_loop = s.still < std::max<std::uint32_t>(1, s.expected / 4);
  if (is_loop)
    convict(s, out);
  if (lets_go(s.message))
    for (std::uint8_t i = 0; i < s.held_count; ++i)
      out.replay.push_back({s.held_from[i], s.message});
  auto content = s.content;
  s = {};
  s.content = content;
  s.last = s.began = s.second = now;
  if (!is_loop) {
    s.now = state::acquitted;
    s.until = now + limits_.acquittal;
  }
}

/// The ports that the message came back from are the loop's; the way from one to the other is cut.
void loop_guard::convict(const suspect& s, loop_verdicts& out) const {
  std::vector<port_slot> returning;
  std::uint32_t most = 0;
  for (const auto& port : s.ports)
    most = std::max(most, port.count);
  for (const auto& port : s.ports)
    if (port.count > 0 && port.count * 2 >= most)
      returning.push_back(port.port);
  if (returning.size() < 2) {
    out.cut.push_back({s.accused, every_port});
    return;
  }
  for (auto from : returning)
    for (auto to : returning)
      if (from != to)
        out.cut.push_back({from, to});
}

void loop_guard::on_cut(port_slot from, port_slot to, hub_time now) {
  auto known = std::find_if(cuts_.begin(), cuts_.end(), [&](const cut_pair& pair) {
    return pair.from == from && pair.to == to;
  });
  if (known == cuts_.end())
    known = cuts_.insert(cuts_.end(), {from, to, false, {}, {}});
  if (known->closed)
    return;
  known->closed = true;
  known->pause =
      known->pause == 0ns ? limits_.first_retry : std::min(known->pause * 2, limits_.longest_retry);
  // Pairs that were cut together are not tried together, so that the innocent ones stay open.
  auto stagger =
      std::count_if(cuts_.begin(), cuts_.end(), [](const cut_pair& pair) { return pair.closed; }) -
      1;
  known->until = now + known->pause + stagger * limits_.first_retry / 4;
  plan(known->until);
}

void loop_guard::on_port_gone(port_slot port) {
  std::erase_if(cuts_, [&](const cut_pair& pair) { return pair.from == port || pair.to == port; });
  for (auto& s : table_) {
    bool involved = std::any_of(s.ports.begin(), s.ports.end(),
                                [&](const arrivals& a) { return a.count > 0 && a.port == port; });
    if (involved || (s.now == state::tested && s.accused == port)) {
      std::erase(under_test_, &s);
      s = {};
    }
  }
  if (port < heat_.size())
    heat_[port] = {};
  if (port < sysex_.size())
    sysex_[port] = 0;
}

void loop_guard::on_deadline(hub_time now, loop_verdicts& out) {
  if (now < next_deadline_)
    return;
  next_deadline_ = never;
  out.cut.insert(out.cut.end(), convicted_.begin(), convicted_.end());
  convicted_.clear();
  std::erase_if(under_test_, [&](suspect* s) {
    if (s->until > now) {
      plan(s->until);
      return false;
    }
    judge(*s, now, out);
    return true;
  });
  for (auto& pair : cuts_) {
    if (!pair.closed)
      continue;
    if (pair.until <= now) {
      pair.closed = false;
      out.retry.push_back({pair.from, pair.to});
    } else {
      plan(pair.until);
    }
  }
}

} // namespace tutti::routing
