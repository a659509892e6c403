// What a channel's history is coded into: memory that is large enough for all that a channel can
// hold, so that nothing is checked or moved while it is written.
// Decides: the shape of logs and lists. Leaves: what is in them (channel_history_coding,
// note_history_coding). Thread: values.
#pragma once

#include "protocol/journal/channel_history.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tutti::protocol {

/// The octets of all chapters, and the places of S bits that are to be 0 after the newest packet.
struct channel_history::coding {
  static constexpr std::size_t max_logs = 128;
  static constexpr std::size_t list_chapter = 1 + 2 * max_logs;
  static constexpr std::size_t parameter_chapter = 3 + 10 * parameter_state::max_parameters;
  /// P, C, M, W, N, E, T and A at their longest.
  static constexpr std::size_t max_octets = 3 + list_chapter + parameter_chapter + 2 +
                                            (1 + list_chapter + 16) + list_chapter + 1 +
                                            list_chapter;

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

} // namespace tutti::protocol
