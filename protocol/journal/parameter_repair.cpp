// Chapter M: parameters are selected and entered again until ours are the peer's.
#include "protocol/journal/channel_repair.hpp"

#include <algorithm>
#include <cstdlib>

namespace tutti::protocol {

namespace {

/// A journal may ask for at most this many button presses at once, however far the counts differ.
constexpr int max_presses = 128;

std::uint8_t msb_controller(parameter_kind kind) noexcept {
  return kind == parameter_kind::registered ? 101 : 99;
}
std::uint8_t lsb_controller(parameter_kind kind) noexcept {
  return kind == parameter_kind::registered ? 100 : 98;
}
parameter_kind kind_of(bool non_registered) noexcept {
  return non_registered ? parameter_kind::non_registered : parameter_kind::registered;
}

} // namespace

void channel_repair::repair_parameters(const chapter_m& chapter) {
  parameter_log_reader reader(chapter);
  parameter_log log;
  auto any = false;
  while (reader.next(log)) {
    any = true;
    if (!context_.skips(log.s))
      repair_parameter(log);
  }
  repair_selection(chapter, any ? &log : nullptr);
}

void channel_repair::repair_parameter(const parameter_log& log) {
  auto kind = kind_of(log.non_registered);
  auto entered = log.entry_msb || log.entry_lsb;
  if (!entered && !log.buttons && !log.value_tool)
    return;
  auto wanted_lsb = log.entry_lsb ? log.entry_lsb->value : parameter::none;
  const auto* ours = own().parameters().find(kind, log.msb, log.lsb);
  auto our_msb = ours != nullptr ? ours->entry_msb : parameter::none;
  auto our_lsb = ours != nullptr ? ours->entry_lsb : parameter::none;
  auto msb_differs = log.entry_msb && our_msb != log.entry_msb->value;
  auto lsb_differs = entered && our_lsb != wanted_lsb;
  if (msb_differs || lsb_differs) {
    select({kind, false, log.msb, log.lsb});
    if (log.entry_msb && (msb_differs || !log.entry_lsb))
      control(journal_chapter::m, 6, log.entry_msb->value);
    if (log.entry_lsb)
      control(journal_chapter::m, 38, log.entry_lsb->value);
  }
  ours = own().parameters().find(kind, log.msb, log.lsb);
  auto missing = (log.buttons ? log.buttons->clicks : 0) - (ours != nullptr ? ours->buttons : 0);
  if (missing == 0)
    return;
  select({kind, false, log.msb, log.lsb});
  for (auto i = std::min(std::abs(missing), max_presses); i > 0; --i)
    control(journal_chapter::m, missing > 0 ? 96 : 97, 0);
}

/// What is selected in the end: the pending MSB, the last log's parameter, or nothing.
void channel_repair::repair_selection(const chapter_m& chapter, const parameter_log* last) {
  if (chapter.pending) {
    parameter_number wanted{kind_of(chapter.pending_non_registered), true, chapter.pending_msb, 0};
    // A pending MSB has an LSB of 0, unless a last log with this MSB says otherwise.
    if (last != nullptr && kind_of(last->non_registered) == wanted.kind && last->msb == wanted.msb)
      wanted.lsb = last->lsb;
    select_pending(wanted);
  } else if (chapter.in_progress) {
    if (last != nullptr)
      select({kind_of(last->non_registered), false, last->msb, last->lsb});
  } else {
    select_null();
  }
}

// Halfway between two parameters lies now and then the null parameter, which clears the other half.
// Then a second pass gets there.
void channel_repair::select(const parameter_number& wanted) {
  for (int pass = 0; pass < 2 && selection() != wanted; ++pass) {
    control(journal_chapter::m, msb_controller(wanted.kind), wanted.msb);
    control(journal_chapter::m, lsb_controller(wanted.kind), wanted.lsb);
  }
}

void channel_repair::select_pending(const parameter_number& wanted) {
  if (selection() == wanted)
    return;
  control(journal_chapter::m, msb_controller(wanted.kind), wanted.msb);
  if (selection() == wanted)
    return;
  control(journal_chapter::m, lsb_controller(wanted.kind), wanted.lsb);
  control(journal_chapter::m, msb_controller(wanted.kind), wanted.msb);
}

void channel_repair::select_null() {
  auto kind = selection().kind;
  if (kind == parameter_kind::none)
    return;
  control(journal_chapter::m, msb_controller(kind), 127);
  if (selection().kind != parameter_kind::none)
    control(journal_chapter::m, lsb_controller(kind), 127);
}

} // namespace tutti::protocol
