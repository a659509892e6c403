#include "protocol/parameter_state.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

std::int16_t step(std::int16_t buttons, int by) noexcept {
  int sum = buttons + by;
  return static_cast<std::int16_t>(
      std::clamp<int>(sum, -parameter_state::max_buttons, parameter_state::max_buttons));
}

} // namespace

bool parameter_state::apply(std::uint8_t controller, std::uint8_t value, std::uint32_t mark) {
  if (is_parameter_select(controller)) {
    select(controller, value, mark);
    return true;
  }
  if (!is_parameter_data(controller) || selection_.kind == parameter_kind::none)
    return false;
  enter(controller, value, mark);
  return true;
}

// MSB and LSB come in either order, and each may be left out: as in an instrument's registers the
// other half stays, unless nothing or the other kind was selected before; then it counts as 0.
void parameter_state::select(std::uint8_t controller, std::uint8_t value, std::uint32_t mark) {
  auto kind = controller >= 100 ? parameter_kind::registered : parameter_kind::non_registered;
  auto is_msb = controller % 2 == 1;
  if (provisional_)
    parameters_.pop_back();
  provisional_ = false;
  // The null parameter's MSB begins anew, so that closing a transaction names no other parameter.
  if (selection_.kind != kind || (is_msb && value == 127 && selection_.lsb != 127))
    selection_ = {kind, false, 0, 0};
  (is_msb ? selection_.msb : selection_.lsb) = value;
  selection_.pending = is_msb;
  selection_mark_ = mark;
  if (selection_.msb == 127 && selection_.lsb == 127) {
    selection_ = {};
    return;
  }
  // Chapter M tells of a pending MSB only the MSB. If the other half is not 0, or if the last log
  // could be mistaken for it, the parameter needs a log of its own, and so an entry.
  auto ambiguous = !parameters_.empty() && parameters_.back().kind == kind &&
                   parameters_.back().msb == selection_.msb && parameters_.back().lsb != 0;
  if (!is_msb || selection_.lsb != 0 || ambiguous) {
    auto before = parameters_.size();
    touch(mark);
    provisional_ = is_msb && parameters_.size() > before;
  }
}

void parameter_state::enter(std::uint8_t controller, std::uint8_t value, std::uint32_t mark) {
  selection_.pending = provisional_ = false;
  auto& target = touch(mark);
  if (controller == 96 || controller == 97) {
    auto by = controller == 96 ? 1 : -1;
    target.buttons = step(target.buttons, by);
    target.fresh_buttons = step(target.fresh_buttons, by);
    target.buttons_are_old = false;
    return;
  }
  target.buttons = target.fresh_buttons = 0;
  if (controller == 6) {
    target.entry_msb = value;
    target.entry_msb_is_old = false;
    target.entry_lsb = parameter::none;
  } else {
    target.entry_lsb = value;
    target.entry_lsb_is_old = false;
  }
}

/// The selected parameter's entry, made if need be and moved to the end of the list.
parameter& parameter_state::touch(std::uint32_t mark) {
  parameter entry{.kind = selection_.kind, .msb = selection_.msb, .lsb = selection_.lsb};
  auto found = std::find_if(parameters_.rbegin(), parameters_.rend(),
                            [&](const parameter& p) { return p.same_number(entry); });
  if (found != parameters_.rend()) {
    auto position = std::prev(found.base());
    std::rotate(position, position + 1, parameters_.end());
  } else {
    if (parameters_.size() == max_parameters)
      parameters_.erase(parameters_.begin());
    parameters_.push_back(entry);
  }
  parameters_.back().mark = mark;
  return parameters_.back();
}

void parameter_state::reset_controllers() noexcept {
  selection_ = {};
  provisional_ = false;
  for (auto& entry : parameters_) {
    entry.entry_msb_is_old = entry.entry_lsb_is_old = entry.buttons_are_old = true;
    entry.fresh_buttons = 0;
  }
}

void parameter_state::clear() noexcept {
  selection_ = {};
  provisional_ = false;
  parameters_.clear();
}

const parameter* parameter_state::find(parameter_kind kind, std::uint8_t msb,
                                       std::uint8_t lsb) const noexcept {
  for (const auto& entry : parameters_)
    if (entry.kind == kind && entry.msb == msb && entry.lsb == lsb)
      return &entry;
  return nullptr;
}

bool operator==(const parameter_state& a, const parameter_state& b) noexcept {
  auto covers = [](const parameter_state& all, const parameter_state& some) {
    return std::all_of(some.parameters_.begin(), some.parameters_.end(), [&](const parameter& p) {
      if (!p.has_value())
        return true;
      const auto* same = all.find(p.kind, p.msb, p.lsb);
      return same != nullptr && same->same_value(p);
    });
  };
  return a.selection_ == b.selection_ && covers(a, b) && covers(b, a);
}

} // namespace tutti::protocol
