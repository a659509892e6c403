// All chapters but M (parameter_repair.cpp) and the notes' N, E and A (note_repair.cpp).
#include "protocol/journal/channel_repair.hpp"

namespace tutti::protocol {

namespace {

/// Reads a chapter if the table of contents names it; false if it is broken.
template <class Chapter>
bool read(std::uint8_t contents, std::uint8_t bit, byte_reader& reader,
          decoded<Chapter> (&decode)(byte_reader&), std::optional<Chapter>& out,
          std::optional<decode_error>& error) {
  if (error || (contents & bit) == 0)
    return !error;
  auto chapter = decode(reader);
  if (chapter)
    out = *chapter;
  else
    error = chapter.error();
  return !error;
}

constexpr std::uint8_t on_value = 127;

bool is_on(std::uint8_t value) noexcept {
  return value != channel_state::unknown && value >= 64;
}

} // namespace

channel_repair::channel_repair(std::uint8_t channel, repair_context& context)
    : channel_(channel)
    , context_(context) {
}

void channel_repair::send(journal_chapter chapter, std::uint8_t kind, std::uint8_t data1,
                          std::uint8_t data2) {
  context_.emit(chapter, static_cast<std::uint8_t>(kind | channel_), data1, data2);
}

std::optional<decode_error> channel_repair::decode(const channel_journal& journal,
                                                   chapters& found) {
  std::optional<decode_error> error;
  byte_reader reader(journal.body);
  auto contents = journal.contents;
  read(contents, toc::p, reader, decode_chapter_p, found.p, error);
  read(contents, toc::c, reader, decode_chapter_c, found.c, error);
  read(contents, toc::m, reader, decode_chapter_m, found.m, error);
  read(contents, toc::w, reader, decode_chapter_w, found.w, error);
  read(contents, toc::n, reader, decode_chapter_n, found.n, error);
  read(contents, toc::e, reader, decode_chapter_e, found.e, error);
  read(contents, toc::t, reader, decode_chapter_t, found.t, error);
  read(contents, toc::a, reader, decode_chapter_a, found.a, error);
  return error;
}

std::optional<decode_error> channel_repair::repair(const channel_journal& journal) {
  chapters found;
  auto error = decode(journal, found);
  if (found.p && !context_.skips(found.p->s))
    repair_program(*found.p, found.c ? &*found.c : nullptr);
  // The enhanced coding of Chapter C (H) has to be agreed on beforehand, which AppleMIDI cannot.
  context_.state.peer_codes_parameters |= found.m.has_value();
  if (found.c && !context_.skips(found.c->s) && !journal.enhanced)
    repair_controllers(*found.c);
  if (found.m && !context_.skips(found.m->s))
    repair_parameters(*found.m);
  else
    restore_selection();
  if (found.w && !context_.skips(found.w->s) && own().wheel() != found.w->value)
    send(journal_chapter::w, 0xE0, found.w->value & 0x7F,
         static_cast<std::uint8_t>(found.w->value >> 7));
  if (found.t && !context_.skips(found.t->s) && own().pressure() != found.t->pressure)
    send(journal_chapter::t, 0xD0, found.t->pressure);
  if (found.a && !context_.skips(found.a->s))
    repair_note_pressures(*found.a);
  if (found.n)
    repair_notes(*found.n, found.e ? &*found.e : nullptr);
  return error;
}

void channel_repair::repair_program(const chapter_p& chapter, const chapter_c* controllers) {
  auto lsb = chapter.has_bank ? bank_lsb(chapter, controllers) : channel_state::unknown;
  auto lsb_is_told = lsb != channel_state::unknown;
  const auto& tally = context_.state.tally(channel_);
  auto other_bank = chapter.has_bank && (tally.program_bank_msb != chapter.bank_msb ||
                                         (lsb_is_told && tally.program_bank_lsb != lsb));
  if (own().program() == chapter.program && !other_bank)
    return;
  if (chapter.has_bank && own().controller(0) != chapter.bank_msb)
    control(journal_chapter::p, 0, chapter.bank_msb);
  if (lsb_is_told && own().controller(32) != lsb)
    control(journal_chapter::p, 32, lsb);
  send(journal_chapter::p, 0xC0, chapter.program);
}

/// The bank LSB that was in force at the Program Change; unknown if nothing tells it. Chapter P
/// says 0 also if no CC 32 came after the CC 0; but an instrument then keeps the LSB that it had.
/// Chapter C shows which it was.
std::uint8_t channel_repair::bank_lsb(const chapter_p& chapter, const chapter_c* controllers) {
  constexpr auto unknown = channel_state::unknown;
  if (chapter.bank_lsb != 0)
    return chapter.bank_lsb;
  auto msb_listed = false;
  auto before_msb = unknown;
  auto after_msb = unknown;
  for (std::size_t i = 0; controllers != nullptr && i < controllers->logs.size(); ++i) {
    auto log = controllers->logs[i];
    if (log.tool != controller_tool::value)
      continue;
    if (log.number == 0) {
      msb_listed = true;
      before_msb = after_msb;
      after_msb = unknown;
    } else if (log.number == 32) {
      after_msb = log.value;
    }
  }
  if (before_msb != unknown)
    return before_msb;
  if (after_msb == 0)
    return 0;
  auto bank_unchanged = own().controller(0) == chapter.bank_msb;
  if (controllers == nullptr && !context_.checkpoint_is_meant)
    return unknown; // Chapter C may have had no room
  // Else whatever is in force here is in force there.
  return msb_listed || after_msb != unknown || bank_unchanged ? unknown : 0;
}

void channel_repair::repair_controllers(const chapter_c& chapter) {
  for (std::size_t i = 0; i < chapter.logs.size();) {
    controller_logs logs;
    logs.number = chapter.logs[i].number;
    for (; i < chapter.logs.size() && chapter.logs[i].number == logs.number; ++i) {
      auto log = chapter.logs[i];
      logs.s &= log.s;
      auto& tool = log.tool == controller_tool::value   ? logs.value
                   : log.tool == controller_tool::count ? logs.count
                                                        : logs.toggle;
      tool = log.value;
    }
    if (!context_.skips(logs.s))
      repair_controller(logs);
  }
}

/// To send general controllers nothing may be selected. Chapter M, if there is one, selects anew;
/// else it is to be as before.
void channel_repair::restore_selection() {
  if (deselected_.kind != parameter_kind::none)
    deselected_.pending ? select_pending(deselected_) : select(deselected_);
}

void channel_repair::repair_controller(const controller_logs& logs) {
  auto has_parameters = context_.state.peer_codes_parameters;
  auto selects = is_parameter_select(logs.number);
  if (selects || is_parameter_data(logs.number)) {
    // Beside Chapter M these are general controllers, used while no parameter is selected. Senders
    // that know no Chapter M list them as they list any other.
    auto differs =
        logs.value && (has_parameters ? !selects && own().controller(logs.number) != *logs.value
                                      : differs_as_parameter(logs.number, *logs.value));
    if (!differs)
      return;
    if (has_parameters && selection().kind != parameter_kind::none) {
      deselected_ = selection();
      select_null();
    }
    return control(journal_chapter::c, logs.number, *logs.value);
  }
  if (logs.number >= 120 && logs.number != 122)
    return repair_mode(logs);
  if (logs.toggle)
    repair_toggle(logs);
  else
    repair_value(logs);
}

bool channel_repair::differs_as_parameter(std::uint8_t number, std::uint8_t value) const {
  const auto& ours = context_.state.midi().channel_for_change(channel_);
  const auto& chosen = ours.parameters().selection();
  if (is_parameter_select(number)) {
    auto kind = number >= 100 ? parameter_kind::registered : parameter_kind::non_registered;
    auto half = number % 2 == 1 ? chosen.msb : chosen.lsb;
    if (chosen.kind == parameter_kind::none)
      return value != 127; // no parameter is the parameter 127, 127
    return chosen.kind != kind || half != value;
  }
  if (chosen.kind == parameter_kind::none)
    return ours.controller(number) != value;
  const auto* entry = ours.parameters().selected();
  auto known = entry == nullptr ? parameter::none
               : number == 6    ? entry->entry_msb
               : number == 38   ? entry->entry_lsb
                                : parameter::none;
  return (number == 6 || number == 38) && known != value;
}

/// Channel mode messages have no state that a value could be compared with, so their number counts;
/// without it, whether ours is older than what the journal covers.
void channel_repair::repair_mode(const controller_logs& logs) {
  auto& tally = context_.state.tally(channel_);
  auto index = static_cast<std::size_t>(logs.number - 120);
  auto seen = (tally.modes_seen >> index & 1) != 0;
  auto lost = false;
  if (logs.count) {
    const auto* known = tally.controllers.find(logs.number);
    lost = (known != nullptr ? known->count : 0) != *logs.count;
  } else if (logs.value) {
    lost =
        !seen || context_.single ||
        (context_.checkpoint_is_meant && precedes(tally.mode_marks[index], context_.checkpoint)) ||
        (logs.number >= 124 && own().controller(logs.number) != *logs.value);
  }
  if (!lost)
    return;
  if (logs.number == 121)
    deselected_ = {};
  control(journal_chapter::c, logs.number, logs.value.value_or(0));
  if (logs.count)
    tally.controllers.at_or(logs.number, {}).count = *logs.count;
}

void channel_repair::repair_value(const controller_logs& logs) {
  auto& tallies = context_.state.tally(channel_).controllers;
  const auto* tally = tallies.find(logs.number);
  auto counted = logs.count && *logs.count != (tally != nullptr ? tally->count : 0);
  auto differs = logs.value && own().controller(logs.number) != *logs.value;
  if (counted || differs)
    control(journal_chapter::c, logs.number, logs.value.value_or(0));
  if (logs.count)
    tallies.at_or(logs.number, {}).count = *logs.count;
}

/// A pedal that was released and pressed again in what was lost ends as it began, but the release
/// damped notes: it is played, too.
void channel_repair::repair_toggle(const controller_logs& logs) {
  auto before = own().controller(logs.number);
  auto& tallies = context_.state.tally(channel_).controllers;
  const auto* tally = tallies.find(logs.number);
  auto changed = *logs.toggle != (tally != nullptr ? tally->toggles : 0);
  auto ends_on = logs.value ? *logs.value >= 64 : *logs.toggle % 2 == 1;
  auto differs = logs.value ? before != *logs.value : is_on(before) != ends_on;
  auto final_value = logs.value ? *logs.value : ends_on ? on_value : std::uint8_t{0};
  auto released = changed && ends_on && is_on(before);
  if (released)
    control(journal_chapter::c, logs.number, 0);
  if (released || differs)
    control(journal_chapter::c, logs.number, final_value);
  auto& counts = tallies.at_or(logs.number, {});
  counts.toggles = *logs.toggle;
  if (logs.count)
    counts.count = *logs.count;
}

} // namespace tutti::protocol
