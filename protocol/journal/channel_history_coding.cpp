// Coding: from the history to the chapters of a channel journal. This runs for every packet, so the
// octets go straight to memory that is large enough for all that a channel can hold.
#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/parameter_chapter.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace tutti::protocol {

namespace {

constexpr std::size_t max_logs = 128;
constexpr std::size_t list_chapter = 1 + 2 * max_logs;
constexpr std::size_t parameter_chapter = 3 + 10 * parameter_state::max_parameters;
/// P, C, M, W, N, E, T and A at their longest.
constexpr std::size_t max_octets = 3 + list_chapter + parameter_chapter + 2 +
                                   (1 + list_chapter + 16) + list_chapter + 1 + list_chapter;

/// Each octet with its bits in the opposite order.
constexpr std::uint64_t reversed_octets(std::uint64_t x) noexcept {
  x = (x >> 4 & 0x0F0F0F0F0F0F0F0F) | (x & 0x0F0F0F0F0F0F0F0F) << 4;
  x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
  return (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
}

constexpr bool is_note_on(const history_item& item) noexcept {
  return item.value > 0;
}

constexpr std::size_t index_of(std::uint8_t chapter) noexcept {
  return static_cast<std::size_t>(std::countl_zero(chapter));
}

} // namespace

/// The octets of all chapters, and the places of S bits that are to be 0 after the newest packet.
struct channel_history::coding {
  std::array<std::uint8_t, max_octets> octets;
  std::array<std::uint16_t, 5 * max_logs + 8> recent;
  std::size_t size = 0;
  std::size_t recent_size = 0;
  std::uint32_t newest = 0;
  std::uint32_t young_from = 0;
  std::uint8_t held = 0; ///< chapters whose S bits are all to be 0
  bool has_young = false;
  std::uint32_t oldest_young = 0;
  std::uint16_t young_item = 0; ///< its place among the notes
  std::uint16_t young_log = 0;  ///< and among the note logs
  /// Logs of release velocities for Chapter E, met on the walk for Chapter N.
  std::array<std::uint8_t, 2 * max_logs + 2> velocities;
  std::size_t velocities_size = 0;
  std::size_t recent_velocities = 0; ///< logs of the newest packet; the last ones
  bool has_counts = false;           ///< Chapter E has more to tell

  void put(unsigned octet) noexcept { octets[size++] = static_cast<std::uint8_t>(octet); }
  void put_log(unsigned first, unsigned second, bool is_recent) noexcept {
    if (is_recent)
      mark(size);
    octets[size] = static_cast<std::uint8_t>(0x80 | first);
    octets[size + 1] = static_cast<std::uint8_t>(second);
    size += 2;
  }
  void mark(std::size_t position) noexcept {
    recent[recent_size++] = static_cast<std::uint16_t>(position);
  }
  void copy(std::span<const std::uint8_t> chapter) noexcept {
    std::copy(chapter.begin(), chapter.end(), octets.begin() + static_cast<std::ptrdiff_t>(size));
    size += chapter.size();
  }
  /// Chapter E has something to add to N.
  bool has_extras() const noexcept { return has_counts || velocities_size > 0; }
  /// Note logs of all Note Ons in `items`; without branches, as there may be many.
  void put_note_ons(std::span<const history_item> items, unsigned y) noexcept {
    auto to = octets.data() + size;
    for (const auto& item : items) {
      to[0] = 0x80 | item.number;
      to[1] = static_cast<std::uint8_t>(y | item.value);
      to += item.value != 0 ? 2 : 0;
    }
    size = static_cast<std::size_t>(to - octets.data());
  }
  /// Logs of all release velocities in `items` that need telling.
  void put_velocities(std::span<const history_item> items) noexcept {
    auto to = velocities.data() + velocities_size;
    for (const auto& item : items) {
      to[0] = 0x80 | item.number;
      to[1] = 0x80 | item.extra;
      to += item.extra != default_release_velocity ? 2 : 0;
    }
    velocities_size = static_cast<std::size_t>(to - velocities.data());
  }
  /// Writes the head of a chapter C, E or A that began at `start` and now has all its logs; marks
  /// it if one of them was marked, that is, if there are more marks than `marks`.
  void finish_list(std::size_t start, std::size_t marks) noexcept {
    auto logs = (size - start - 1) / 2;
    assert(logs >= 1 && logs <= max_logs);
    octets[start] = static_cast<std::uint8_t>(0x80 | (logs - 1));
    if (recent_size > marks)
      mark(start);
  }
};

std::uint8_t channel_history::held_chapters(const journal_moment& moment) const noexcept {
  std::uint8_t held = 0;
  for (auto bits = held_; bits != 0; bits &= static_cast<std::uint8_t>(bits - 1)) {
    auto position = static_cast<std::size_t>(std::countr_zero(bits));
    if (!precedes(held_until_[position], moment.previous))
      held |= static_cast<std::uint8_t>(1u << position);
  }
  return held;
}

void channel_history::refresh(const journal_moment& moment) {
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

// Chapter N as it is coded, but for the Y bits of notes that are worth playing no more. The list of
// notes is what it was when they were coded.
void channel_history::age_notes(std::uint32_t young_from) noexcept {
  auto items = notes_.items();
  auto logs = chapter_begin(toc::n) + 2u;
  auto is_young = [&] { return !precedes(items[young_item_].sequence, young_from); };
  for (; young_item_ < items.size() && !(is_note_on(items[young_item_]) && is_young());
       ++young_item_)
    if (is_note_on(items[young_item_]))
      coded_[logs + 2u * young_log_++ + 1] &= 0x7F;
  coded_has_young_ = young_item_ < items.size();
  if (coded_has_young_)
    coded_young_ = items[young_item_].sequence;
}

// A chapter that nothing happened to keeps its octets and has no S bit that is 0, unless the newest
// packet is still the same. P, W and T are coded as fast as copied.
std::uint8_t channel_history::chapters_to_code(std::uint8_t held) const noexcept {
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

bool channel_history::write(std::uint8_t channel, std::span<std::uint8_t> room) const noexcept {
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
  auto second_tool = items.size() + pedals.size() + mode_counts_.size() <= max_logs;
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

// A long stream without feedback has all notes in its history, so nothing is done for a note here
// that can be done for all of them at once.
void channel_history::encode_notes(coding& out) const {
  auto held = (out.held & toc::n) != 0;
  auto items = notes_.items();
  auto all = notes_.numbers();
  auto start = out.size;
  out.size += 2;
  // They are in order of their packets.
  auto first_young =
      std::partition_point(items.begin(), items.end(), [&](const history_item& item) {
        return precedes(item.sequence, out.young_from);
      });
  out.put_note_ons({items.begin(), first_young}, 0);
  auto old_logs = static_cast<std::uint16_t>((out.size - start - 2) / 2);
  out.put_note_ons({first_young, items.end()}, 0x80);
  auto logs = (out.size - start - 2) / 2;
  auto young = std::find_if(first_young, items.end(), is_note_on);
  out.has_young = young != items.end();
  if (out.has_young) {
    out.oldest_young = young->sequence;
    out.young_item = static_cast<std::uint16_t>(young - items.begin());
    out.young_log = old_logs;
  }
  if ((all[0] & has_velocity_[0]) != 0 || (all[1] & has_velocity_[1]) != 0)
    out.put_velocities(items);
  mark_notes(held, start, logs, out);
  note_set offs;
  for (std::size_t half = 0; half < offs.size(); ++half) {
    offs[half] = all[half] & ~latest_is_on_[half];
    out.has_counts |= (offs[half] & held_notes_[half]) != 0;
  }
  for (const auto& overlap : overlaps_)
    out.has_counts |= notes_.contains(overlap.note);
  auto head = put_off_bits(offs, logs, out);
  out.octets[start] = static_cast<std::uint8_t>(head >> 8);
  out.octets[start + 1] = static_cast<std::uint8_t>(head);
}

/// Marks what the newest packet brought, or everything if the chapter is held: note logs, the head
/// for its Note Offs, and velocities, which encode_extras() marks.
void channel_history::mark_notes(bool held, std::size_t start, std::size_t logs,
                                 coding& out) const {
  auto items = notes_.items();
  auto off = held && logs < items.size();
  auto log = out.size; // the end of the last one
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (!held && item->sequence != out.newest)
      break;
    if (is_note_on(*item)) {
      out.mark(log -= 2);
    } else {
      off = true;
      out.recent_velocities += item->extra != default_release_velocity;
    }
  }
  if (off)
    out.mark(start);
}

/// The octets from the one of the lowest note to that of the highest; gives the chapter's head.
std::uint16_t channel_history::put_off_bits(const note_set& offs, std::size_t logs, coding& out) {
  if ((offs[0] | offs[1]) == 0)
    return chapter_n_head(true, logs, 15, 1);
  auto low = offs[0] != 0 ? std::countr_zero(offs[0]) / 8 : 8 + std::countr_zero(offs[1]) / 8;
  auto high = offs[1] != 0 ? 15 - std::countl_zero(offs[1]) / 8 : 7 - std::countl_zero(offs[0]) / 8;
  // Bit 7 is the lowest note of an octet.
  std::array<std::uint64_t, 2> words{reversed_octets(offs[0]), reversed_octets(offs[1])};
  for (auto i = low; i <= high; ++i)
    out.put(static_cast<std::uint8_t>(words[static_cast<std::size_t>(i / 8)] >> (i % 8 * 8)));
  return chapter_n_head(true, logs, static_cast<std::uint8_t>(low),
                        static_cast<std::uint8_t>(high));
}

/// Counts for notes that have more Note Ons down than the latest event tells, and release
/// velocities; the latter are left out if there would be more than 128 logs.
void channel_history::encode_extras(coding& out) const {
  auto held = (out.held & toc::n) != 0;
  auto start = out.size;
  auto marks = out.recent_size;
  out.put(0);
  if (out.has_counts) {
    encode_counts(held, out);
  } else {
    std::memcpy(out.octets.data() + out.size, out.velocities.data(), out.velocities_size);
    auto count = held ? out.velocities_size / 2 : out.recent_velocities;
    out.size += out.velocities_size;
    for (; count > 0; --count)
      out.mark(out.size - 2 * count);
  }
  out.finish_list(start, marks);
}

/// The logs of Chapter E where some are counts.
void channel_history::encode_counts(bool held, coding& out) const {
  auto count_of = [&](const history_item& item) {
    auto count = note_count(item.number);
    return count > (item.value > 0 ? 1 : 0) ? count : std::uint8_t{0};
  };
  auto logs = out.velocities_size / 2;
  for (const auto& item : notes_.items())
    logs += count_of(item) > 0;
  for (const auto& item : notes_.items()) {
    auto is_recent = held || item.sequence == out.newest;
    if (auto count = count_of(item); count > 0)
      out.put_log(item.number, count, is_recent);
    if (item.value == 0 && item.extra != default_release_velocity && logs <= max_logs)
      out.put_log(item.number, 0x80u | item.extra, is_recent);
  }
}

void channel_history::encode_pressure(coding& out) const {
  if (pressure_.sequence == out.newest || (out.held & toc::t) != 0)
    out.mark(out.size);
  out.put(0x80u | pressure_.value);
}

void channel_history::encode_note_pressures(coding& out) const {
  auto held = (out.held & toc::a) != 0;
  auto start = out.size;
  auto marks = out.recent_size;
  out.put(0);
  for (const auto& item : note_pressures_.items())
    out.put_log(item.number, (item.flags != 0 ? 0x80u : 0u) | item.value,
                held || item.sequence == out.newest);
  out.finish_list(start, marks);
}

} // namespace tutti::protocol
