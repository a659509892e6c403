// Coding of Chapters N, E and A: what a channel's history tells of single notes.
#include "protocol/journal/channel_coding.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tutti::protocol {

namespace {

/// Each octet with its bits in the opposite order.
constexpr std::uint64_t reversed_octets(std::uint64_t x) noexcept {
  x = (x >> 4 & 0x0F0F0F0F0F0F0F0F) | (x & 0x0F0F0F0F0F0F0F0F) << 4;
  x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
  return (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
}

constexpr bool is_note_on(const history_item& item) noexcept {
  return item.value > 0;
}

} // namespace

// A long stream without feedback has all notes in its history, so nothing is done for a note here
// that can be done for all of them at once.
[[gnu::hot]] void channel_history::encode_notes(coding& out) const {
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
[[gnu::hot]] void channel_history::mark_notes(bool held, std::size_t start, std::size_t logs,
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
[[gnu::hot]] std::uint16_t channel_history::put_off_bits(const note_set& offs, std::size_t logs,
                                                         coding& out) {
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
    if (item.value == 0 && item.extra != default_release_velocity && logs <= coding::max_logs)
      out.put_log(item.number, 0x80u | item.extra, is_recent);
  }
}

// Chapter N as it is coded, but for the Y bits of notes that are worth playing no more. The list of
// notes is what it was when they were coded.
[[gnu::hot]] void channel_history::age_notes(std::uint32_t young_from) noexcept {
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
