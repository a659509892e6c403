// One loss, and where its repairs go.
// Decides: how a repair becomes an event: it is counted, timed and taken into our own state.
// Thread: values; lives as long as one call of journal_receiver::repair().
#pragma once

#include "protocol/event.hpp"
#include "protocol/journal/journal_receiver.hpp"
#include "protocol/journal/received_state.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

struct repair_context {
  /// Note Offs that are sent for one note at most, whatever number of Note Ons a peer claims.
  static constexpr int max_note_offs = 16;

  received_state& state;
  std::vector<event>& out;
  repair_counters& counters;
  decode_error_counters& errors;
  hub_time now{};
  std::uint32_t previous = 0;      ///< packet I-1: the latest that the journal tells of
  std::uint32_t checkpoint = 0;    ///< packet C, extended
  bool checkpoint_is_meant = true; ///< false if C is the packet itself, which tells nothing
  bool is_loss = false;            ///< else the journal is examined for what earlier ones lacked
  bool single = false;             ///< exactly packet I-1 was lost: elements with S=1 are skipped
  bool is_whole = true;            ///< all of the journal could be read
  bool late = false;               ///< notes are not to be started any more
  std::uint8_t group = 0;
  std::size_t begin = 0; ///< size of `out` before the first repair
  /// Notes that the journal names as on; filled by Chapter N.
  std::array<std::bitset<128>, 16> confirmed{};

  void count(decode_error error) noexcept { ++errors[static_cast<std::size_t>(error)]; }

  bool skips(bool s) const noexcept { return single && s; }

  void emit(journal_chapter chapter, const ump& message) {
    out.push_back({message, now, out.size() == begin});
    ++counters.events[static_cast<std::size_t>(chapter)];
    state.deliver(message, previous);
  }
  void emit(journal_chapter chapter, std::uint8_t status, std::uint8_t data1 = 0,
            std::uint8_t data2 = 0) {
    emit(chapter, make_short(status, data1, data2, group));
  }
  /// So many Note Offs, none if `count` is not above 0.
  void end_note(std::uint8_t channel, std::uint8_t note, int count, std::uint8_t velocity) {
    for (auto i = std::min(count, max_note_offs); i > 0; --i)
      emit(journal_chapter::n, static_cast<std::uint8_t>(0x80 | channel), note, velocity);
  }
};

} // namespace tutti::protocol
