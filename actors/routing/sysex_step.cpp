#include "actors/routing/sysex_step.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

using protocol::sysex_form;

constexpr std::size_t chunk_octets = 6;

bool fits(const std::optional<std::uint8_t>& asked, std::uint8_t octet) {
  return !asked || *asked == octet;
}

} // namespace

void sysex_step::apply(const event& e, events& out, hub_time) {
  using enum open_message::state;
  const auto& m = e.message;
  if (!m.is_sysex()) {
    out.push_back(e);
    return;
  }
  if (m.group() >= open_.size())
    open_.resize(m.group() + 1u);
  auto& message = open_[m.group()];
  auto form = m.form();
  if (form == sysex_form::start || form == sysex_form::complete) {
    message.now = matching;
    message.seen.clear();
    message.held.clear();
    message.unsent.clear();
    message.started = false;
  }
  if (message.now == matching && form != sysex_form::cancelled)
    message.held.push_back(e);
  else if (message.now == passing || message.now == none)
    out.push_back(e);
  if (form == sysex_form::cancelled) {
    if (message.now == replaced && message.started)
      out.push_back(e);
    message.now = none;
    return;
  }
  for (unsigned i = 0; i < m.sysex_size(); ++i)
    if (message.now == matching || message.now == replaced)
      take_octet(message, m.sysex_octet(i), e, out);
  if (form == sysex_form::end || form == sysex_form::complete)
    finish(message, e, out);
}

void sysex_step::take_octet(open_message& message, std::uint8_t octet, const event& e,
                            events& out) {
  const auto& find = settings_->find;
  if (message.now == open_message::state::replaced) {
    if (settings_->replace_rest)
      put(message, octet, e, out);
    return;
  }
  auto at = message.seen.size();
  if (at < find.size() && fits(find[at], octet)) {
    message.seen.push_back(octet);
    return;
  }
  if (at == find.size() && settings_->find_rest) {
    begin_replacement(message, e, out);
    if (settings_->replace_rest)
      put(message, octet, e, out);
    return;
  }
  message.now = open_message::state::passing;
  out.insert(out.end(), message.held.begin(), message.held.end());
  message.held.clear();
}

void sysex_step::begin_replacement(open_message& message, const event& e, events& out) {
  message.now = open_message::state::replaced;
  message.held.clear();
  std::size_t wild = 0;
  for (const auto& octet : settings_->replace) {
    if (octet) {
      put(message, *octet, e, out);
      continue;
    }
    while (settings_->find[wild])
      ++wild;
    put(message, message.seen[wild++], e, out);
  }
}

void sysex_step::put(open_message& message, std::uint8_t octet, const event& e, events& out) {
  // A full chunk waits for the next octet, for the last one has another form.
  if (message.unsent.size() == chunk_octets) {
    auto form = message.started ? sysex_form::proceed : sysex_form::start;
    out.push_back({make_sysex(form, message.unsent, e.message.group()), e.at, e.starts_list});
    message.started = true;
    message.unsent.clear();
  }
  message.unsent.push_back(octet);
}

void sysex_step::finish(open_message& message, const event& e, events& out) {
  using enum open_message::state;
  if (message.now == matching && message.seen.size() == settings_->find.size())
    begin_replacement(message, e, out);
  if (message.now == matching)
    out.insert(out.end(), message.held.begin(), message.held.end());
  if (message.now == replaced) {
    auto form = message.started ? sysex_form::end : sysex_form::complete;
    out.push_back({make_sysex(form, message.unsent, e.message.group()), e.at, e.starts_list});
  }
  message.now = none;
  message.held.clear();
}

} // namespace tutti::routing
