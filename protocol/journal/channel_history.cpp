// Recording: what each command does to the history. The coding is in channel_history_coding.cpp.
#include "protocol/journal/channel_history.hpp"

#include <algorithm>
#include <bit>

namespace tutti::protocol {

namespace {

/// The lower numbers of `sequences` in serial order.
std::uint32_t older(std::uint32_t a, std::uint32_t b) noexcept {
  return precedes(a, b) ? a : b;
}

/// The chapters that a message may change.
std::uint8_t changed_by(const ump& message) noexcept {
  switch (message.status() & 0xF0) {
  case 0x80:
  case 0x90: return toc::n | toc::e;
  case 0xA0: return toc::a;
  case 0xB0: return message.data1() < 120 ? toc::c | toc::m : 0xFF; // a mode message ends others
  case 0xC0: return toc::p;
  case 0xD0: return toc::t;
  default: return toc::w;
  }
}

void set_bit(std::array<std::uint64_t, 2>& bits, std::uint8_t number, bool on) noexcept {
  auto bit = std::uint64_t{1} << (number & 63);
  auto& half = bits[number >> 6 & 1];
  half = on ? half | bit : half & ~bit;
}

} // namespace

[[gnu::hot]] void channel_history::record(const ump& message, std::uint32_t sequence) {
  auto data1 = message.data1();
  auto data2 = message.data2();
  newest_ = sequence;
  changed_ |= changed_by(message);
  switch (message.status() & 0xF0) {
  case 0x80: note_off(data1, data2, sequence); break;
  case 0x90:
    if (data2 > 0)
      note_on(data1, data2, sequence);
    else
      note_off(data1, 64, sequence);
    break;
  case 0xA0: note_pressures_.put({sequence, data1, data2, 0, 0}); break;
  case 0xB0: control_change(data1, data2, sequence); break;
  case 0xC0: program_change(data1, sequence); break;
  case 0xD0: pressure_ = {true, data1, sequence}; break;
  case 0xE0: wheel_ = {true, static_cast<std::uint16_t>(data2 << 7 | data1), sequence}; break;
  default: break;
  }
}

[[gnu::hot]] void channel_history::note_on(std::uint8_t note, std::uint8_t velocity,
                                           std::uint32_t sequence) {
  notes_.put({sequence, note, velocity, default_release_velocity, 0});
  set_bit(latest_is_on_, note, true);
  set_bit(has_velocity_, note, false);
  auto count = note_count(note);
  if (count < channel_state::max_count)
    set_note_count(note, static_cast<std::uint8_t>(count + 1));
}

[[gnu::hot]] void channel_history::note_off(std::uint8_t note, std::uint8_t velocity,
                                            std::uint32_t sequence) {
  notes_.put({sequence, note, 0, velocity, 0});
  set_bit(latest_is_on_, note, false);
  set_bit(has_velocity_, note, velocity != default_release_velocity);
  auto count = note_count(note);
  if (count > 0)
    set_note_count(note, static_cast<std::uint8_t>(count - 1));
}

std::uint8_t channel_history::note_count(std::uint8_t note) const noexcept {
  if (!is_down(note))
    return 0;
  for (const auto& overlap : overlaps_)
    if (overlap.note == note)
      return overlap.count;
  return 1;
}

void channel_history::set_note_count(std::uint8_t note, std::uint8_t count) {
  set_bit(held_notes_, note, count > 0);
  auto found = std::find_if(overlaps_.begin(), overlaps_.end(),
                            [=](const overlapping_note& o) { return o.note == note; });
  if (found == overlaps_.end()) {
    if (count > 1)
      overlaps_.push_back({note, count});
  } else if (count > 1) {
    found->count = count;
  } else {
    *found = overlaps_.back();
    overlaps_.pop_back();
  }
}

void channel_history::program_change(std::uint8_t program, std::uint32_t sequence) {
  program_ = {true, program, sequence};
  program_chapter_ = {true, program, has_bank_, bank_msb_, bank_is_old_, bank_lsb_};
}

void channel_history::control_change(std::uint8_t number, std::uint8_t value,
                                     std::uint32_t sequence) {
  if (parameters_.apply(number, value, sequence)) {
    selection_in_history_ = selection_in_history_ || is_parameter_select(number);
    return;
  }
  if (number >= 120 && number != 122)
    return mode_message(number, value, sequence);
  auto how = coding_of::value;
  for (std::size_t i = 0; i < pedals.size(); ++i)
    if (pedals[i] == number) {
      turn_pedal(i, value >= 64);
      how = coding_of::pedal;
    }
  if (number == 0) {
    has_bank_ = true;
    bank_is_old_ = false;
    bank_msb_ = value;
    bank_lsb_ = 0;
  } else if (number == 32 && has_bank_) {
    bank_lsb_ = value;
  }
  controllers_.put({sequence, number, value, 0, static_cast<std::uint8_t>(how)});
}

void channel_history::turn_pedal(std::size_t pedal, bool on) noexcept {
  auto bit = static_cast<std::uint8_t>(1u << pedal);
  if (((pedals_on_ & bit) != 0) == on)
    return;
  pedals_on_ ^= bit;
  toggle_counts_[pedal] = (toggle_counts_[pedal] + 1) & 63;
}

void channel_history::mode_message(std::uint8_t number, std::uint8_t value,
                                   std::uint32_t sequence) {
  auto& count = mode_counts_[number - 120];
  count = (count + 1) & 63;
  if (number == 121)
    reset_controllers(sequence);
  else
    end_all_notes();
  if (!controllers_.contains(number))
    ++modes_in_history_;
  controllers_.put({sequence, number, value, 0, static_cast<std::uint8_t>(coding_of::mode)});
}

void channel_history::end_all_notes() noexcept {
  notes_.clear();
  held_notes_ = {};
  overlaps_.clear();
  pressure_.present = false;
  for (auto& item : note_pressures_.items())
    item.flags = 1;
}

// What RP-015 resets needs no log any more, but the toggle counts of pedals must stay known: a
// release by CC 121 is a change like any other.
void channel_history::reset_controllers(std::uint32_t sequence) {
  for (std::uint8_t number : {1, 11, 65, 67})
    controllers_.remove(number);
  for (std::size_t i = 0; i < pedals.size(); ++i) {
    auto number = pedals[i];
    if (!is_reset_by_121(number))
      continue;
    auto was_on = (pedals_on_ >> i & 1) != 0;
    turn_pedal(i, false);
    if (was_on || controllers_.contains(number))
      controllers_.put({sequence, number, 0, 0, static_cast<std::uint8_t>(coding_of::toggle_only)});
  }
  wheel_.present = pressure_.present = false;
  note_pressures_.clear();
  parameters_.reset_controllers();
  bank_is_old_ = true;
}

void channel_history::reset() noexcept {
  notes_.clear();
  controllers_.clear();
  note_pressures_.clear();
  parameters_.clear();
  overlaps_.clear();
  held_notes_ = {};
  mode_counts_ = {};
  toggle_counts_ = {};
  program_.present = wheel_.present = pressure_.present = false;
  selection_in_history_ = has_bank_ = bank_is_old_ = false;
  changed_ = 0xFF;
  modes_in_history_ = pedals_on_ = bank_msb_ = bank_lsb_ = held_ = 0;
}

bool channel_history::has_parameter_history() const noexcept {
  return selection_in_history_ || !recent_parameters().empty();
}

/// The parameters with a command in the history: the end of the list, as it is in order.
[[gnu::hot]] std::span<const parameter> channel_history::recent_parameters() const noexcept {
  const auto& all = parameters_.parameters();
  auto begin = all.end();
  while (begin != all.begin() &&
         (!has_parameters_before_ || precedes(parameters_after_, std::prev(begin)->mark)))
    --begin;
  return {begin, all.end()};
}

[[gnu::hot]] std::uint8_t channel_history::contents() const noexcept {
  auto bit = [](bool present, std::uint8_t chapter) { return present ? chapter : 0; };
  return static_cast<std::uint8_t>(
      bit(program_.present, toc::p) | bit(!controllers_.empty(), toc::c) |
      bit(has_parameter_history(), toc::m) | bit(wheel_.present, toc::w) |
      bit(!notes_.empty(), toc::n) | bit(pressure_.present, toc::t) |
      bit(!note_pressures_.empty(), toc::a));
}

std::uint32_t channel_history::oldest() const noexcept {
  auto oldest = newest_;
  for (const auto* list : {&notes_, &controllers_, &note_pressures_})
    if (!list->empty())
      oldest = older(oldest, list->items().front().sequence);
  for (const auto* single : {&program_, &wheel_, &pressure_})
    if (single->present)
      oldest = older(oldest, single->sequence);
  if (selection_in_history_)
    oldest = older(oldest, parameters_.selection_mark());
  if (auto recent = recent_parameters(); !recent.empty())
    oldest = older(oldest, recent.front().mark);
  return oldest;
}

void channel_history::hold(std::uint8_t chapters, std::uint32_t sequence) noexcept {
  held_ |= chapters;
  for (auto bits = chapters; bits != 0; bits &= static_cast<std::uint8_t>(bits - 1))
    held_until_[static_cast<std::size_t>(std::countr_zero(bits))] = sequence;
}

void channel_history::drop_through(std::uint32_t sequence) noexcept {
  auto dropped = false;
  auto may_drop = [&](std::uint8_t chapter) {
    if ((held_ & chapter) == 0)
      return true;
    if (precedes(sequence, held_until_[static_cast<std::size_t>(std::countr_zero(chapter))]))
      return false;
    held_ &= static_cast<std::uint8_t>(~chapter);
    dropped = true;
    return true;
  };
  auto drop_single = [&](single_command& command, std::uint8_t chapter) {
    if (command.present && may_drop(chapter) && !precedes(sequence, command.sequence)) {
      command.present = false;
      dropped = true;
    }
  };
  drop_single(program_, toc::p);
  drop_single(wheel_, toc::w);
  drop_single(pressure_, toc::t);
  if (!notes_.empty() && may_drop(toc::n))
    dropped |= notes_.drop_through(sequence);
  if (!note_pressures_.empty() && may_drop(toc::a))
    dropped |= note_pressures_.drop_through(sequence);
  if (!controllers_.empty() && may_drop(toc::c) && controllers_.drop_through(sequence)) {
    dropped = true;
    modes_in_history_ = 0;
    for (const auto& item : controllers_.items())
      modes_in_history_ += item.flags == static_cast<std::uint8_t>(coding_of::mode);
  }
  if (has_parameter_history() && may_drop(toc::m)) {
    if (selection_in_history_ && !precedes(sequence, parameters_.selection_mark()))
      selection_in_history_ = false;
    has_parameters_before_ = true;
    parameters_after_ = sequence;
    dropped = true;
  }
  if (dropped)
    changed_ = 0xFF;
  if (empty())
    held_ = 0;
}

std::size_t channel_history::memory() const noexcept {
  return sizeof(*this) + notes_.memory() + controllers_.memory() + note_pressures_.memory() +
         parameters_.memory() + overlaps_.capacity() * sizeof(overlapping_note) +
         coded_.capacity() + recent_.capacity() * sizeof(std::uint16_t);
}

} // namespace tutti::protocol
