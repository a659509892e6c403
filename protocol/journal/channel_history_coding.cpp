// Coding: from the history to the chapters of a channel journal.
#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/parameter_chapter.hpp"

#include <algorithm>
#include <bit>

namespace tutti::protocol {

namespace {

/// A log that stands for nothing else: value, count and toggle tools follow each other.
void put_log(bool s, std::uint8_t number, controller_tool tool, std::uint8_t value,
             byte_writer& writer) {
  writer.u16(log_octets(controller_log{s, number, tool, value}));
}

} // namespace

bool channel_history::is_held(std::uint8_t chapter, const journal_moment& moment) const noexcept {
  return (held_ & chapter) != 0 &&
         !precedes(held_until_[static_cast<std::size_t>(std::countr_zero(chapter))],
                   moment.previous);
}

std::optional<bool> channel_history::encode(std::uint8_t channel, std::uint8_t wanted,
                                            const journal_moment& moment, byte_writer& writer) {
  auto quiet = newest_ != moment.previous && held_ == 0 && wanted == contents();
  if (quiet && coded_is_valid_ &&
      !(coded_has_young_ && precedes(coded_young_, moment.young_from))) {
    writer.bytes(coded_);
    return true;
  }
  auto start = writer.size();
  writer.u24(0);
  std::uint8_t written = 0;
  auto s = encode_body(wanted, moment, written, writer);
  if (!writer.ok())
    return std::nullopt;
  auto body = writer.size() - start - channel_header_size;
  if (body > max_part_length - channel_header_size)
    return std::nullopt;
  std::array<std::uint8_t, channel_header_size> head{};
  write_channel_header(head, s, channel, written, body);
  for (std::size_t i = 0; i < head.size(); ++i)
    writer.patch(start + i, head[i]);
  if (quiet) {
    auto octets = writer.written().subspan(start);
    coded_.assign(octets.begin(), octets.end());
    coded_is_valid_ = true;
    coded_has_young_ = false;
    for (const auto& item : notes_.items())
      if (item.value > 0 && !precedes(item.sequence, moment.young_from)) {
        coded_has_young_ = true;
        coded_young_ = item.sequence;
        break;
      }
  }
  return s;
}

std::size_t channel_history::chapter_size(std::uint8_t chapter,
                                          const journal_moment& moment) const {
  std::array<std::uint8_t, max_part_length> scratch;
  byte_writer writer(scratch);
  std::uint8_t written = 0;
  encode_body(chapter, moment, written, writer);
  return writer.ok() ? writer.size() : scratch.size();
}

/// Writes the wanted chapters that there is something for, in order, and tells which. Gives the AND
/// of their S.
bool channel_history::encode_body(std::uint8_t wanted, const journal_moment& moment,
                                  std::uint8_t& contents, byte_writer& writer) const {
  contents = static_cast<std::uint8_t>(wanted & this->contents());
  auto s = true;
  if ((contents & toc::p) != 0)
    s &= encode_program(moment, writer);
  if ((contents & toc::c) != 0)
    s &= encode_controllers(moment, writer);
  if ((contents & toc::m) != 0)
    s &= encode_parameters(moment, writer);
  if ((contents & toc::w) != 0)
    s &= encode_wheel(moment, writer);
  if ((contents & toc::n) != 0) {
    auto has_extras = false;
    s &= encode_notes(moment, has_extras, writer);
    if (has_extras) {
      contents |= toc::e;
      s &= encode_extras(moment, writer);
    }
  }
  if ((contents & toc::t) != 0)
    s &= encode_pressure(moment, writer);
  if ((contents & toc::a) != 0)
    s &= encode_note_pressures(moment, writer);
  return s;
}

bool channel_history::encode_program(const journal_moment& moment, byte_writer& writer) const {
  auto chapter = program_chapter_;
  chapter.s = program_.sequence != moment.previous && !is_held(toc::p, moment);
  encode_chapter_p(chapter, writer);
  return chapter.s;
}

bool channel_history::encode_controllers(const journal_moment& moment,
                                         byte_writer& writer) const {
  auto items = controllers_.items();
  auto held = is_held(toc::c, moment);
  // LEN tells of at most 128 logs: with nearly all controllers in use a second tool is left out.
  auto second_tool = items.size() + pedals.size() + mode_counts_.size() <= 128;
  auto start = writer.size();
  writer.u8(0);
  auto chapter_s = true;
  for (const auto& item : items) {
    auto s = item.sequence != moment.previous && !held;
    auto how = static_cast<coding>(item.flags);
    chapter_s &= s;
    if (how == coding::mode) {
      put_log(s, item.number, controller_tool::count, mode_counts_[item.number - 120], writer);
      if (item.value != 0 && second_tool)
        put_log(s, item.number, controller_tool::value, item.value, writer);
      continue;
    }
    if (how != coding::toggle_only)
      put_log(s, item.number, controller_tool::value, item.value, writer);
    if (how == coding::toggle_only || (how == coding::pedal && second_tool)) {
      auto pedal = std::find(pedals.begin(), pedals.end(), item.number) - pedals.begin();
      put_log(s, item.number, controller_tool::toggle,
              toggle_counts_[static_cast<std::size_t>(pedal)], writer);
    }
  }
  auto logs = (writer.size() - start - 1) / 2;
  writer.patch(start, static_cast<std::uint8_t>((chapter_s ? 0x80 : 0) | (logs - 1)));
  return chapter_s;
}

bool channel_history::encode_parameters(const journal_moment& moment, byte_writer& writer) const {
  auto entries = recent_parameters();
  auto held = is_held(toc::m, moment);
  const auto& selection = parameters_.selection();
  chapter_m chapter;
  chapter.s = !held && !(selection_in_history_ &&
                         parameters_.selection_mark() == moment.previous);
  chapter.pending = selection.pending;
  chapter.pending_non_registered = selection.kind == parameter_kind::non_registered;
  chapter.pending_msb = selection.msb;
  chapter.in_progress = selection.kind != parameter_kind::none && !selection.pending;
  auto all = [&](auto&& condition) {
    return !entries.empty() && std::all_of(entries.begin(), entries.end(), condition);
  };
  auto is = [](parameter_kind kind) { return [=](const parameter& p) { return p.kind == kind; }; };
  chapter.only_registered = all(is(parameter_kind::registered));
  chapter.only_non_registered = all(is(parameter_kind::non_registered));
  chapter.only_msb_0 = all([](const parameter& p) { return p.msb == 0; });

  std::array<std::uint8_t, parameter_state::max_parameters * 10> octets;
  byte_writer logs(octets);
  for (const auto& entry : entries) {
    parameter_log log;
    log.s = entry.mark != moment.previous && !held;
    chapter.s &= log.s;
    log.non_registered = entry.kind == parameter_kind::non_registered;
    log.msb = entry.msb;
    log.lsb = entry.lsb;
    log.value_tool = true;
    if (entry.entry_msb != parameter::none)
      log.entry_msb = {entry.entry_msb_is_old, entry.entry_msb};
    if (entry.entry_lsb != parameter::none)
      log.entry_lsb = {entry.entry_lsb_is_old, entry.entry_lsb};
    if (entry.buttons != 0) {
      log.buttons = {entry.buttons_are_old, entry.buttons};
      if (!entry.buttons_are_old && entry.fresh_buttons != entry.buttons)
        log.fresh_buttons = {false, entry.fresh_buttons};
    }
    encode_parameter_log(log, chapter.has_short_logs(), logs);
  }
  chapter.logs = logs.written();
  encode_chapter_m(chapter, writer);
  return chapter.s;
}

bool channel_history::encode_wheel(const journal_moment& moment, byte_writer& writer) const {
  auto s = wheel_.sequence != moment.previous && !is_held(toc::w, moment);
  encode_chapter_w({s, wheel_.value}, writer);
  return s;
}

bool channel_history::encode_notes(const journal_moment& moment, bool& has_extras,
                                   byte_writer& writer) const {
  auto held = is_held(toc::n, moment);
  std::array<std::uint8_t, 16> off_bits{};
  std::uint8_t low = 15;
  std::uint8_t high = 0;
  std::size_t logs = 0;
  auto s = true;
  auto no_recent_off = true;
  auto start = writer.size();
  writer.u16(0);
  for (const auto& item : notes_.items()) {
    auto item_s = item.sequence != moment.previous && !held;
    if (item.value > 0) {
      auto young = !precedes(item.sequence, moment.young_from);
      writer.u16(log_octets(item_s, item.number, young, item.value));
      s &= item_s;
      ++logs;
    } else {
      std::uint8_t octet = item.number >> 3;
      off_bits[octet] |= static_cast<std::uint8_t>(0x80 >> (item.number & 7));
      low = std::min(low, octet);
      high = std::max(high, octet);
      no_recent_off &= item_s;
      has_extras |= item.extra != 64;
    }
  }
  auto any_off = logs < notes_.items().size();
  if (any_off)
    writer.bytes(std::span(off_bits).subspan(low, high - low + std::size_t{1}));
  auto head = chapter_n_head(no_recent_off, logs, any_off ? low : 15, any_off ? high : 1);
  writer.patch(start, static_cast<std::uint8_t>(head >> 8));
  writer.patch(start + 1, static_cast<std::uint8_t>(head));
  if (!overlaps_.empty())
    for (const auto& overlap : overlaps_)
      has_extras |= notes_.contains(overlap.note);
  // A note that is off although a Note On of it is down needs its count as well.
  for (std::size_t octet = low; any_off && octet <= high; ++octet) {
    auto held_octet = static_cast<std::uint8_t>(held_notes_[octet >> 3] >> (octet % 8 * 8));
    for (unsigned bit = 0; bit < 8 && held_octet != 0; ++bit)
      has_extras |= (off_bits[octet] >> (7 - bit) & 1) != 0 && (held_octet >> bit & 1) != 0;
  }
  return s && no_recent_off;
}

/// Counts for notes that have more Note Ons down than the latest event tells, and release
/// velocities; the latter are left out if there would be more than 128 logs.
bool channel_history::encode_extras(const journal_moment& moment, byte_writer& writer) const {
  auto held = is_held(toc::n, moment);
  auto items = notes_.items();
  auto needs_count = [&](const history_item& item) {
    return note_count(item.number) > (item.value > 0 ? 1 : 0);
  };
  auto needs_velocity = [](const history_item& item) { return item.value == 0 && item.extra != 64; };
  std::size_t wanted = 0;
  for (const auto& item : items)
    wanted += static_cast<std::size_t>(needs_count(item)) +
              static_cast<std::size_t>(needs_velocity(item));
  auto start = writer.size();
  writer.u8(0);
  auto s = true;
  for (const auto& item : items) {
    auto item_s = item.sequence != moment.previous && !held;
    auto count = needs_count(item);
    auto velocity = needs_velocity(item) && wanted <= 128;
    if (count)
      writer.u16(log_octets(item_s, item.number, false, note_count(item.number)));
    if (velocity)
      writer.u16(log_octets(item_s, item.number, true, item.extra));
    s &= item_s || !(count || velocity);
  }
  auto logs = (writer.size() - start - 1) / 2;
  writer.patch(start, static_cast<std::uint8_t>((s ? 0x80 : 0) | (logs - 1)));
  return s;
}

bool channel_history::encode_pressure(const journal_moment& moment, byte_writer& writer) const {
  auto s = pressure_.sequence != moment.previous && !is_held(toc::t, moment);
  encode_chapter_t({s, static_cast<std::uint8_t>(pressure_.value)}, writer);
  return s;
}

bool channel_history::encode_note_pressures(const journal_moment& moment,
                                            byte_writer& writer) const {
  auto held = is_held(toc::a, moment);
  auto start = writer.size();
  writer.u8(0);
  auto chapter_s = true;
  auto items = note_pressures_.items();
  for (const auto& item : items) {
    auto s = item.sequence != moment.previous && !held;
    writer.u16(log_octets(s, item.number, item.flags != 0, item.value));
    chapter_s &= s;
  }
  writer.patch(start, static_cast<std::uint8_t>((chapter_s ? 0x80 : 0) | (items.size() - 1)));
  return chapter_s;
}

} // namespace tutti::protocol
