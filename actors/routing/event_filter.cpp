#include "actors/routing/event_filter.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

using config::filter_criteria;
using config::message_kinds;

message_kinds kinds(std::initializer_list<message_kind> list) {
  message_kinds set;
  for (auto kind : list)
    set.set(std::size_t(kind));
  return set;
}

/// Upper seven bits of a MIDI 2.0 voice message's velocity or value.
constexpr unsigned upper_seven(const ump& m) noexcept {
  return m.words[1] >> 25;
}

} // namespace

compiled_criteria::compiled_criteria(const filter_criteria& criteria)
    : kinds_(criteria.types.value_or(message_kinds().set()))
    , channels_(criteria.channels.value_or(config::channel_set().set()))
    , groups_(criteria.groups.value_or(config::channel_set().set()))
    , notes_(criteria.notes.value_or(config::value_set().set()))
    , velocities_(criteria.velocities.value_or(config::value_set().set()))
    , controllers_(criteria.controllers.value_or(config::value_set().set()))
    , programs_(criteria.programs.value_or(config::value_set().set()))
    , values_(criteria.values.value_or(config::value_set().set()))
    , prefixes_(criteria.sysex)
    , asks_velocity_(criteria.velocities.has_value()) {
}

compiled_criteria compiled_criteria::lenient(const filter_criteria& criteria) {
  return compiled_criteria(criteria);
}

compiled_criteria compiled_criteria::strict(const filter_criteria& criteria) {
  using enum message_kind;
  compiled_criteria result(criteria);
  auto narrow = [&](bool asked, std::initializer_list<message_kind> spoken_of) {
    if (asked)
      result.kinds_ &= kinds(spoken_of);
  };
  narrow(criteria.channels.has_value(),
         {note, poly_pressure, controller, program, channel_pressure, pitch_bend});
  narrow(criteria.notes.has_value(), {note, poly_pressure});
  narrow(criteria.velocities.has_value(), {note});
  narrow(criteria.controllers.has_value(), {controller});
  narrow(criteria.programs.has_value(), {program});
  narrow(criteria.values.has_value(), {controller, poly_pressure, channel_pressure, pitch_bend});
  narrow(!criteria.sysex.empty(), {sysex});
  return result;
}

bool compiled_criteria::meets(const ump& m) const noexcept {
  auto type = m.type();
  if (type == message_type::midi1_voice || type == message_type::midi2_voice)
    return meets_voice(m);
  // Utility messages (type 0) have no group, and nothing that is asked speaks of them but the type.
  return kinds_[std::size_t(kind_of(m))] && (type == message_type::utility || groups_[m.group()]);
}

bool compiled_criteria::meets_voice(const ump& m) const noexcept {
  if (!groups_[m.group()] || !channels_[m.channel()] || !kinds_[std::size_t(kind_of(m))])
    return false;
  bool wide = m.type() == message_type::midi2_voice;
  unsigned first = m.data1();
  auto second = [&] { return wide ? upper_seven(m) : m.data2(); };
  switch (m.status() >> 4) {
  case 0x8: return notes_[first];
  case 0x9: return notes_[first] && (velocities_[second()] || (!wide && second() == 0));
  case 0xA: return notes_[first] && values_[second()];
  case 0xB: return controllers_[first] && values_[second()];
  case 0xC: return programs_[wide ? m.words[1] >> 24 & 0x7F : first];
  case 0xD: return values_[wide ? upper_seven(m) : first];
  case 0xE: return values_[second()];
  default: return true;
  }
}

std::optional<bool> compiled_criteria::meets_prefix(std::span<const std::uint8_t> octets,
                                                    bool complete) const noexcept {
  if (prefixes_.empty())
    return true;
  bool open = false;
  for (const auto& prefix : prefixes_) {
    auto common = std::min(prefix.size(), octets.size());
    bool fits = std::equal(prefix.begin(), prefix.begin() + std::ptrdiff_t(common), octets.begin(),
                           [](const auto& asked, auto octet) { return !asked || *asked == octet; });
    if (fits && common == prefix.size())
      return true;
    open = open || (fits && !complete);
  }
  return open ? std::nullopt : std::optional(false);
}

bool note_memory::decide(const ump& m, bool met) {
  auto row = row_of(m);
  if (is_note_on(m)) {
    if (met)
      passed_.at(row)[0].set(m.data1());
    return met;
  }
  auto* notes = passed_.find(row);
  bool passed = notes && (*notes)[0][m.data1()];
  if (passed && is_note_off(m))
    (*notes)[0].reset(m.data1());
  return is_note_off(m) ? passed : met;
}

event_filter::event_filter(const config::filter& filter)
    : include_(compiled_criteria::lenient(filter.include))
    , asks_velocity_(include_.asks_velocity())
    , asks_prefix_(include_.asks_prefix()) {
  for (const auto& criteria : filter.exclude) {
    exclude_.push_back(compiled_criteria::strict(criteria));
    asks_velocity_ = asks_velocity_ || exclude_.back().asks_velocity();
    asks_prefix_ = asks_prefix_ || exclude_.back().asks_prefix();
  }
  if (asks_prefix_)
    open_.resize(16);
}

bool event_filter::passes(const ump& m) const noexcept {
  return include_.meets(m) &&
         std::none_of(exclude_.begin(), exclude_.end(), [&](const auto& e) { return e.meets(m); });
}

void event_filter::process(std::span<const event> in, events& out) {
  for (const auto& e : in) {
    if (asks_prefix_ && e.message.is_sysex()) {
      take_sysex(e, out);
      continue;
    }
    bool pass = passes(e.message);
    if (asks_velocity_ && has_note(e.message))
      pass = notes_.decide(e.message, pass);
    if (pass)
      out.push_back(e);
  }
}

event_filter::open_sysex::state event_filter::decide(const open_sysex& message, const ump& chunk,
                                                     bool complete) const {
  std::span octets(message.octets.data(), message.count);
  // Past the longest prefix everything is known.
  complete = complete || message.count == message.octets.size();
  auto judge = [&](const compiled_criteria& criteria) -> std::optional<bool> {
    return criteria.meets(chunk) ? criteria.meets_prefix(octets, complete) : std::optional(false);
  };
  auto included = judge(include_);
  bool open = !included;
  if (included == false)
    return open_sysex::state::dropped;
  for (const auto& criteria : exclude_) {
    auto excluded = judge(criteria);
    if (excluded == true)
      return open_sysex::state::dropped;
    open = open || !excluded;
  }
  return open ? open_sysex::state::undecided : open_sysex::state::passing;
}

void event_filter::take_sysex(const event& chunk, events& out) {
  using enum open_sysex::state;
  const auto& m = chunk.message;
  auto& message = open_[m.group()];
  auto form = m.form();
  bool starts = form == protocol::sysex_form::start || form == protocol::sysex_form::complete;
  bool ends = form != protocol::sysex_form::start && form != protocol::sysex_form::proceed;
  if (starts) {
    message.now = undecided;
    message.count = 0;
    message.held.clear();
  }
  bool cancelled = form == protocol::sysex_form::cancelled;
  if (message.now == undecided && !cancelled) {
    for (unsigned i = 0; i < m.sysex_size() && message.count < message.octets.size(); ++i)
      message.octets[message.count++] = m.sysex_octet(i);
    message.held.push_back(chunk);
    message.now = decide(message, m, ends);
    if (message.now == passing)
      out.insert(out.end(), message.held.begin(), message.held.end());
    if (message.now != undecided)
      message.held.clear();
  } else if (message.now == passing) {
    out.push_back(chunk);
  }
  if (ends) {
    message.now = closed;
    message.held.clear();
  }
}

} // namespace tutti::routing
