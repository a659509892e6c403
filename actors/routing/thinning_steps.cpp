#include "actors/routing/thinning_steps.hpp"

namespace tutti::routing {
namespace {

/// Controllers that act each time they come, whatever their value was before.
constexpr bool acts_each_time(unsigned controller) noexcept {
  return controller == 6 || controller == 38 || controller == 96 || controller == 97 ||
         controller >= all_sound_off;
}

} // namespace

bool duplicate_step::repeats(last_value& last, std::uint16_t value, hub_time now) const {
  bool same = last.value == value + 1 && (!window_ || now - last.at < *window_);
  if (!same)
    last = {static_cast<std::uint16_t>(value + 1), now};
  return same;
}

/// A second Note On of the same velocity within the window while the key is down, and the second
/// Note Off that belongs to it.
bool duplicate_step::repeats_note(const ump& m, hub_time now) {
  auto& key = keys_.at(row_of(m))[m.data1()];
  if (is_note_on(m)) {
    if (key.velocity == m.data2() && now - key.on < *window_)
      return true;
    key.velocity = m.data2();
    key.on = now;
    return false;
  }
  if (key.velocity == 0 && key.off != hub_time{} && now - key.off < *window_)
    return true;
  key.velocity = 0;
  key.off = now;
  return false;
}

bool duplicate_step::repeats_controller(const ump& m, hub_time now) {
  if (m.data1() == reset_controllers)
    forget(row_of(m));
  if (acts_each_time(m.data1()))
    return false;
  bool same = repeats(controllers_.at(row_of(m))[m.data1()], m.data2(), now);
  // After another bank the same program is another one.
  if (!same && (m.data1() == 0 || m.data1() == 32))
    singles_.at(row_of(m))[program] = {};
  return same;
}

void duplicate_step::forget(unsigned row) {
  if (auto* values = controllers_.find(row))
    values->fill({});
  if (auto* values = poly_pressures_.find(row))
    values->fill({});
  if (auto* values = singles_.find(row))
    (*values)[pressure] = (*values)[bend] = {};
}

void duplicate_step::apply(const event& e, events& out, hub_time now) {
  const auto& m = e.message;
  bool same = false;
  if (m.is_channel_voice()) {
    auto row = row_of(m);
    switch (m.status() >> 4) {
    case 0x8:
    case 0x9: same = window_ && repeats_note(m, now); break;
    case 0xA: same = repeats(poly_pressures_.at(row)[m.data1()], m.data2(), now); break;
    case 0xB: same = repeats_controller(m, now); break;
    case 0xC: same = repeats(singles_.at(row)[program], m.data1(), now); break;
    case 0xD: same = repeats(singles_.at(row)[pressure], m.data1(), now); break;
    case 0xE: same = repeats(singles_.at(row)[bend], bend_of(m), now); break;
    default: break;
    }
  } else if (m.is_system() && m.status() == 0xFF) {
    controllers_.clear();
    poly_pressures_.clear();
    singles_.clear();
  }
  if (!same)
    out.push_back(e);
}

bool rate_limit_step::place(const ump& m, interval& at) const noexcept {
  if (!m.is_channel_voice())
    return false;
  at.row = static_cast<std::uint8_t>(row_of(m));
  at.column = m.data1();
  switch (m.status() >> 4) {
  case 0xA: at.which = poly_pressure; return pressures_;
  case 0xB: at.which = controller; return controllers_[m.data1()];
  case 0xD:
    at.which = single;
    at.column = 0;
    return pressures_;
  case 0xE:
    at.which = single;
    at.column = 1;
    return bends_;
  default: return false;
  }
}

rate_limit_step::value_slot& rate_limit_step::find(const interval& at) {
  switch (at.which) {
  case controller: return controller_slots_.at(at.row)[at.column];
  case poly_pressure: return poly_slots_.at(at.row)[at.column];
  case single: break;
  }
  return single_slots_.at(at.row)[at.column];
}

void rate_limit_step::apply(const event& e, events& out, hub_time now) {
  interval at{};
  if (!place(e.message, at)) {
    out.push_back(e);
    return;
  }
  auto& slot = find(at);
  if (slot.open) {
    waiting_ += slot.waiting ? 0 : 1;
    slot.waiting = true;
    slot.last = e;
    return;
  }
  slot.open = true;
  at.over = now + interval_;
  intervals_.push(at);
  out.push_back(e);
}

void rate_limit_step::on_deadline(hub_time now, events& out) {
  while (!intervals_.empty() && intervals_.front().over <= now) {
    auto at = intervals_.front();
    intervals_.pop();
    auto& slot = find(at);
    slot.open = slot.waiting;
    if (!slot.waiting)
      continue;
    slot.waiting = false;
    --waiting_;
    out.push_back({slot.last.message, now, true});
    at.over = now + interval_;
    intervals_.push(at);
  }
}

} // namespace tutti::routing
