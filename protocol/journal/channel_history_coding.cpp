// Coding: from the history to the chapters of a channel journal. This runs for every packet, so
// only chapters that something happened to are coded anew. N, E and A are in
// note_history_coding.cpp.
#include "protocol/journal/channel_coding.hpp"
#include "protocol/journal/parameter_chapter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tutti::protocol {

namespace {

constexpr std::size_t index_of(std::uint8_t chapter) noexcept {
  return static_cast<std::size_t>(std::countl_zero(chapter));
}

} // namespace

std::uint8_t channel_history::held_chapters(const journal_moment& moment) const noexcept {
  std::uint8_t held = 0;
  for (auto bits = held_; bits != 0; bits &= static_cast<std::uint8_t>(bits - 1)) {
    auto position = static_cast<std::size_t>(std::countr_zero(bits));
    if (!precedes(held_until_[position], moment.previous))
      held |= static_cast<std::uint8_t>(1u << position);
  }
  return held;
}

[[gnu::hot]] void channel_history::refresh(const journal_moment& moment) {
  auto held = held_ != 0 ? held_chapters(moment) : std::uint8_t{0};
  recent_counts_ = newest_ == moment.previous || held != 0;
  if (coded_has_young_ && precedes(coded_young_, moment.young_from) && (changed_ & toc::n) == 0)
    age_notes(moment.young_from);
  auto to_code = chapters_to_code(held);
  if (to_code == 0)
    return;
  coding out;
  out.newest = held == 0 ? newest_ : moment.previous;
  out.young_from = moment.young_from;
  out.held = held;
  std::array<std::uint16_t, 8> ends;
  auto wanted = contents();
  auto encode = [&](std::uint8_t chapter, void (channel_history::*write_chapter)(coding&) const) {
    if ((wanted & chapter & to_code) != 0)
      (this->*write_chapter)(out);
    else if ((wanted & chapter) != 0)
      out.copy(coded_chapter(chapter));
    ends[index_of(chapter)] = static_cast<std::uint16_t>(out.size);
  };
  encode(toc::p, &channel_history::encode_program);
  encode(toc::c, &channel_history::encode_controllers);
  encode(toc::m, &channel_history::encode_parameters);
  encode(toc::w, &channel_history::encode_wheel);
  encode(toc::n, &channel_history::encode_notes);
  if ((wanted & toc::n) != 0 &&
      ((to_code & toc::n) != 0 ? out.has_extras() : (coded_contents_ & toc::e) != 0))
    wanted |= toc::e;
  encode(toc::e, &channel_history::encode_extras);
  encode(toc::t, &channel_history::encode_pressure);
  encode(toc::a, &channel_history::encode_note_pressures);
  coded_.assign(out.octets.begin(), out.octets.begin() + static_cast<std::ptrdiff_t>(out.size));
  recent_.assign(out.recent.begin(),
                 out.recent.begin() + static_cast<std::ptrdiff_t>(out.recent_size));
  coded_ends_ = ends;
  coded_contents_ = wanted;
  coded_held_ = held;
  coded_newest_ = out.newest;
  changed_ = 0;
  if ((to_code & toc::n) != 0) {
    coded_has_young_ = out.has_young;
    coded_young_ = out.oldest_young;
    young_item_ = out.young_item;
    young_log_ = out.young_log;
  }
}

// A chapter that nothing happened to keeps its octets and has no S bit that is 0, unless the newest
// packet is still the same. P, W and T are coded as fast as copied.
[[gnu::hot]] std::uint8_t channel_history::chapters_to_code(std::uint8_t held) const noexcept {
  if (held != 0 || coded_held_ != 0)
    return 0xFF;
  if (changed_ == 0)
    return 0;
  return coded_newest_ == newest_ ? 0xFF : changed_ | toc::p | toc::w | toc::t;
}

std::span<const std::uint8_t> channel_history::coded_chapter(std::uint8_t chapter) const noexcept {
  auto begin = chapter_begin(chapter);
  return std::span(coded_).subspan(begin, static_cast<std::size_t>(chapter_end(chapter) - begin));
}

std::uint16_t channel_history::chapter_begin(std::uint8_t chapter) const noexcept {
  return chapter == toc::p ? std::uint16_t{0} : coded_ends_[index_of(chapter) - 1];
}

std::uint16_t channel_history::chapter_end(std::uint8_t chapter) const noexcept {
  return coded_ends_[index_of(chapter)];
}

std::size_t channel_history::chapter_size(std::uint8_t chapter) const noexcept {
  auto last = chapter == toc::n ? toc::e : chapter;
  return static_cast<std::size_t>(chapter_end(last) - chapter_begin(chapter));
}

[[gnu::hot]] bool channel_history::write(std::uint8_t channel,
                                         std::span<std::uint8_t> room) const noexcept {
  auto s = !recent_counts_ || recent_.empty();
  write_channel_header(room, s, channel, coded_contents_, coded_.size());
  auto body = room.subspan(channel_header_size);
  std::memcpy(body.data(), coded_.data(), coded_.size());
  if (!s)
    for (auto position : recent_)
      body[position] &= 0x7F;
  return s;
}

bool channel_history::write_some(std::uint8_t channel, std::uint8_t wanted,
                                 byte_writer& writer) const {
  if ((wanted & toc::n) != 0)
    wanted |= toc::e;
  wanted &= coded_contents_;
  auto start = writer.size();
  writer.u24(0);
  auto s = true;
  for (std::uint8_t chapter = toc::p; chapter != 0; chapter >>= 1) {
    if ((wanted & chapter) == 0)
      continue;
    auto begin = chapter_begin(chapter);
    auto end = chapter_end(chapter);
    auto at = writer.size();
    writer.bytes(byte_view(coded_).subspan(begin, static_cast<std::size_t>(end - begin)));
    for (auto position : recent_)
      if (recent_counts_ && position >= begin && position < end && writer.ok()) {
        writer.patch(at + position - begin, coded_[position] & 0x7F);
        s = false;
      }
  }
  if (!writer.ok())
    return s;
  std::array<std::uint8_t, channel_header_size> head{};
  write_channel_header(head, s, channel, wanted, writer.size() - start - head.size());
  for (std::size_t i = 0; i < head.size(); ++i)
    writer.patch(start + i, head[i]);
  return s;
}

void channel_history::encode_program(coding& out) const {
  auto chapter = program_chapter_;
  byte_writer writer(std::span(out.octets).subspan(out.size));
  encode_chapter_p(chapter, writer);
  if (program_.sequence == out.newest || (out.held & toc::p) != 0)
    out.mark(out.size);
  out.size += writer.size();
}

void channel_history::encode_controllers(coding& out) const {
  auto items = controllers_.items();
  auto held = (out.held & toc::c) != 0;
  // LEN tells of at most 128 logs: with nearly all controllers in use a second tool is left out.
  auto second_tool = items.size() + pedals.size() + mode_counts_.size() <= coding::max_logs;
  auto start = out.size;
  auto marks = out.recent_size;
  out.put(0);
  for (const auto& item : items) {
    auto is_recent = held || item.sequence == out.newest;
    auto put = [&](controller_tool tool, std::uint8_t value) {
      auto octets = log_octets(controller_log{true, item.number, tool, value});
      out.put_log(octets >> 8, octets & 0xFF, is_recent);
    };
    switch (static_cast<coding_of>(item.flags)) {
    case coding_of::value: put(controller_tool::value, item.value); break;
    case coding_of::pedal:
      put(controller_tool::value, item.value);
      if (second_tool)
        put(controller_tool::toggle, toggle_count(item.number));
      break;
    case coding_of::toggle_only: put(controller_tool::toggle, toggle_count(item.number)); break;
    case coding_of::mode:
      put(controller_tool::count, mode_counts_[item.number - 120]);
      if (item.value != 0 && second_tool)
        put(controller_tool::value, item.value);
      break;
    }
  }
  out.finish_list(start, marks);
}

std::uint8_t channel_history::toggle_count(std::uint8_t pedal) const noexcept {
  auto found = std::find(pedals.begin(), pedals.end(), pedal);
  return toggle_counts_[static_cast<std::size_t>(found - pedals.begin())];
}

void channel_history::encode_parameters(coding& out) const {
  auto entries = recent_parameters();
  auto held = (out.held & toc::m) != 0;
  const auto& selection = parameters_.selection();
  chapter_m chapter;
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

  auto start = out.size;
  auto marks = out.recent_size;
  auto head_size = chapter.pending ? 3u : 2u;
  byte_writer logs(std::span(out.octets).subspan(start + head_size));
  for (const auto& entry : entries) {
    if (held || entry.mark == out.newest)
      out.mark(start + head_size + logs.size());
    encode_parameter_log(log_of(entry), chapter.has_short_logs(), logs);
  }
  chapter.logs = logs.written();
  auto selected_now = selection_in_history_ && parameters_.selection_mark() == out.newest;
  if (held || selected_now || out.recent_size > marks)
    out.mark(start);
  std::array<std::uint8_t, 3> head{};
  byte_writer head_writer(head);
  encode_chapter_m_head(chapter, head_writer);
  std::copy_n(head.begin(), head_size, out.octets.begin() + static_cast<std::ptrdiff_t>(start));
  out.size = start + head_size + logs.size();
}

parameter_log channel_history::log_of(const parameter& entry) {
  parameter_log log;
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
  return log;
}

void channel_history::encode_wheel(coding& out) const {
  auto is_recent = wheel_.sequence == out.newest || (out.held & toc::w) != 0;
  out.put_log(wheel_.value & 0x7Fu, wheel_.value >> 7 & 0x7Fu, is_recent);
}

void channel_history::encode_pressure(coding& out) const {
  if (pressure_.sequence == out.newest || (out.held & toc::t) != 0)
    out.mark(out.size);
  out.put(0x80u | pressure_.value);
}

} // namespace tutti::protocol
