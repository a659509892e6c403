#include "actors/routing/loop_guard.hpp"

#include <optional>

namespace tutti::routing {
namespace {

using namespace std::chrono_literals;
using protocol::sysex_form;

/// A message that has not come for this long is forgotten.
constexpr auto episode = 1s;

// A probe is F0 7D 54, four times seven bits of its number, F7.
constexpr std::uint8_t non_commercial = 0x7D, mark = 0x54;
constexpr unsigned probe_octets = 6;
constexpr std::uint32_t probe_numbers = 1u << 28;
/// A probe that comes back is known as one for so many further ones, however late it is.
constexpr std::uint32_t remembered_probes = 1u << 16;

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

std::uint64_t hash_words(const ump& m) noexcept {
  auto low = m.words[0] | std::uint64_t(m.words[1]) << 32;
  auto high = m.words[2] | std::uint64_t(m.words[3]) << 32;
  return mix(low + mix(high + 0x9e3779b97f4a7c15u));
}

bool is_clock(const ump& m) noexcept {
  return m.is_system() && m.status() == 0xF8;
}

ump write_probe(std::uint32_t id) {
  std::array<std::uint8_t, probe_octets> octets{non_commercial, mark};
  for (unsigned i = 0; i < 4; ++i)
    octets[2 + i] = static_cast<std::uint8_t>(id >> (21 - 7 * i) & 0x7F);
  return protocol::make_sysex(sysex_form::complete, octets);
}

std::optional<std::uint32_t> read_probe(const ump& m) {
  if (!m.is_sysex() || m.form() != sysex_form::complete || m.sysex_size() != probe_octets ||
      m.sysex_octet(0) != non_commercial || m.sysex_octet(1) != mark)
    return std::nullopt;
  std::uint32_t id = 0;
  for (unsigned i = 0; i < 4; ++i)
    id = id << 7 | m.sysex_octet(2 + i);
  return id;
}

} // namespace

/// The entry of this content; the one of its set that came longest ago makes room for a new one.
[[gnu::hot]] loop_guard::content& loop_guard::find(std::uint64_t hash, hub_time now) {
  auto* set = &table_[hash % sets * ways];
  auto* place = set;
  for (std::size_t i = 0; i < ways; ++i) {
    if (set[i].hash == hash) {
      if (now - set[i].last <= episode)
        return set[i];
      place = &set[i];
      break;
    }
    if (set[i].last < place->last)
      place = &set[i];
  }
  *place = {};
  place->hash = hash;
  place->second = now;
  return *place;
}

loop_guard::port_state& loop_guard::state_of(port_slot port) {
  if (port >= ports_.size())
    ports_.resize(port + 1);
  return ports_[port];
}

[[gnu::hot]] bool loop_guard::take(port_slot from, const ump& message, hub_time now) {
  if (!limits_.enabled)
    return false;
  if (is_own_probe(from, message, now))
    return true;
  auto hash = hash_of(from, message);
  if (hash == 0)
    return false;
  auto& c = find(hash, now);
  c.last = now;
  if (is_suspicious(c, from, message, now))
    suspect(c, from, message, now);
  return false;
}

// A late one proves nothing, but must not run in the circle that it was to find.
[[gnu::hot]] bool loop_guard::is_own_probe(port_slot from, const ump& message, hub_time now) {
  auto id = read_probe(message);
  if (!id || (next_probe_ - 1 - *id) % probe_numbers >= issued_)
    return false;
  auto sent =
      std::find_if(probes_.begin(), probes_.end(), [&](const probe& p) { return p.id == *id; });
  if (sent == probes_.end() || now - sent->sent > limits_.probe_life)
    return true;
  way found{sent->to, from, sent->because_of};
  if (std::none_of(ways_.begin(), ways_.end(), [&](const way& w) { return w.is_same(found); })) {
    ways_.push_back(found);
    has_proof_ = true;
  }
  return true;
}

/// What a message is known by; a SysEx message as a whole, at its end. 0: not watched.
[[gnu::hot]] std::uint64_t loop_guard::hash_of(port_slot from, const ump& message) {
  if (message.type() == message_type::utility || message.type() == message_type::sysex8)
    return 0;
  if (!message.is_sysex())
    return hash_words(message) | 1;
  auto form = message.form();
  auto& hash = state_of(from).sysex;
  if (form == sysex_form::start || form == sysex_form::complete)
    hash = 0;
  // The form is left out: how a message was cut into chunks may change on the way.
  hash = mix(hash + (message.words[0] & 0xF0FFFFu) + (std::uint64_t(message.words[1]) << 32) + 1);
  return form == sysex_form::end || form == sysex_form::complete ? hash | 1 : 0;
}

/// Counts an arrival. Nothing if the message came from too many ports to tell this one apart.
[[gnu::hot]] loop_guard::arrivals* loop_guard::count_arrival(content& c, port_slot from,
                                                             hub_time now) {
  if (now - c.second >= 1s) {
    c.second = now;
    for (auto& port : c.ports)
      port.in_second = 0;
  }
  ++c.total;
  auto here = std::find_if(c.ports.begin(), c.ports.end(),
                           [&](const arrivals& a) { return a.count == 0 || a.port == from; });
  if (here == c.ports.end())
    return nullptr;
  *here = {from, here->count + 1, here->in_second + 1};
  return &*here;
}

/// Counts an arrival and judges by the counts.
[[gnu::hot]] bool loop_guard::is_suspicious(content& c, port_slot from, const ump& message,
                                            hub_time now) {
  auto here = count_arrival(c, from, now);
  if (!here)
    return false;
  if (is_clock(message))
    return here->in_second >= limits_.clocks_per_second;
  if (here->in_second >= limits_.repeats_per_second)
    return true;
  if (c.total < limits_.returns)
    return false;
  // A ring: more comes back than went in, from a port that the others' copies were sent to.
  if (here != c.ports.begin() && here->count >= limits_.returns + 2 * c.ports[0].count &&
      c.total - here->count >= limits_.returns)
    return true;
  // A circle so slow that it cannot be told from a rhythm.
  if (message.is_channel_voice() && here->count >= limits_.persistent)
    return true;
  // Many different notes that all repeat fast: nobody plays that.
  if (!is_note_on(message) || here->in_second < limits_.busy_repeats)
    return false;
  auto& port = state_of(from);
  if (now - port.second >= 1s) {
    port.second = now;
    port.busy_notes = 0;
  }
  port.busy_notes += here->in_second == limits_.busy_repeats ? 1 : 0;
  return port.busy_notes >= limits_.busy_notes;
}

/// Has the port probed, and those that the same message came from, unless it rests.
void loop_guard::suspect(const content& c, port_slot from, const ump& message, hub_time now) {
  auto& port = state_of(from);
  if (now < port.rests_until)
    return;
  port.rest = port.rest == 0ns ? limits_.first_rest : std::min(port.rest * 2, limits_.longest_rest);
  port.rests_until = now + port.rest;
  suspected_.push_back({from, message});
  for (const auto& a : c.ports)
    if (a.count > 0 && a.port != from)
      suspected_.push_back({a.port, message});
}

ump loop_guard::some_probe() {
  return write_probe(0);
}

std::optional<ump> loop_guard::make_probe(port_slot to, const ump& because_of, hub_time now) {
  std::erase_if(probes_, [&](const probe& p) { return now - p.sent > limits_.probe_life; });
  if (probes_.empty())
    ways_.clear();
  bool known =
      std::any_of(probes_.begin(), probes_.end(), [&](const probe& p) { return p.to == to; });
  if (known || probes_.size() >= limits_.probes)
    return std::nullopt;
  auto id = next_probe_++ % probe_numbers;
  issued_ = std::min(issued_ + 1, remembered_probes);
  probes_.push_back({id, to, now, because_of});
  return write_probe(id);
}

/// Ways outside and routes inside make a graph; what closes a circle in it is cut.
std::vector<port_pair> loop_guard::find_loops(const passes& passing, hub_time now) {
  has_proof_ = false;
  std::vector<port_pair> cut;
  auto leads = [&](const way& a, const way& b) {
    return passing(a.in, b.out, a.because_of) &&
           std::find(cut.begin(), cut.end(), port_pair{a.in, b.out}) == cut.end();
  };
  for (const auto& start : ways_) {
    // Every way that can be reached from this one; the one that leads back to it closes a circle.
    for (bool again = true; again;) {
      again = false;
      std::vector<way> reached{start};
      for (std::size_t i = 0; i < reached.size() && !again; ++i) {
        if (leads(reached[i], start)) {
          cut.push_back({reached[i].in, start.out});
          again = true;
          break;
        }
        for (const auto& next : ways_)
          if (leads(reached[i], next) &&
              std::none_of(reached.begin(), reached.end(),
                           [&](const way& w) { return w.is_same(next); }))
            reached.push_back(next);
      }
    }
  }
  for (const auto& pair : cut)
    note_cut(pair, now);
  return cut;
}

void loop_guard::note_cut(const port_pair& pair, hub_time now) {
  auto known =
      std::find_if(cuts_.begin(), cuts_.end(), [&](const cut_pair& c) { return c.pair == pair; });
  if (known == cuts_.end())
    known = cuts_.insert(cuts_.end(), {pair, false, {}, {}});
  known->closed = true;
  known->pause =
      known->pause == 0ns ? limits_.first_retry : std::min(known->pause * 2, limits_.longest_retry);
  known->until = now + known->pause;
  plan(known->until);
  // Suspicion was right, so it need not rest.
  state_of(pair.from).rest = 0ns;
  state_of(pair.from).rests_until = {};
}

void loop_guard::on_deadline(hub_time now, std::vector<port_pair>& retry) {
  if (now < next_deadline_)
    return;
  next_deadline_ = never;
  for (auto& cut : cuts_) {
    if (!cut.closed)
      continue;
    if (cut.until <= now) {
      cut.closed = false;
      retry.push_back(cut.pair);
    } else {
      plan(cut.until);
    }
  }
}

void loop_guard::on_port_gone(port_slot port) {
  auto concerns = [port](const port_pair& pair) { return pair.from == port || pair.to == port; };
  std::erase_if(cuts_, [&](const cut_pair& c) { return concerns(c.pair); });
  std::erase_if(probes_, [&](const probe& p) { return p.to == port; });
  std::erase_if(ways_, [&](const way& w) { return w.in == port || w.out == port; });
  std::erase_if(suspected_, [&](const suspicion& s) { return s.from == port; });
  for (auto& c : table_)
    if (std::any_of(c.ports.begin(), c.ports.end(),
                    [&](const arrivals& a) { return a.count > 0 && a.port == port; }))
      c = {};
  if (port < ports_.size())
    ports_[port] = {};
}

} // namespace tutti::routing
