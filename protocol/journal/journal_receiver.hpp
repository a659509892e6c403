// One peer's state as it reached us, and what a journal says that we missed.
// Decides: which commands a loss cost, from the journal of the packet after it; gives them as
// ordinary events. Never plays again what was played.
// Leaves: order and loss of packets (sequence_tracker), reading lists (event_decoder).
// Spec: RFC 6295 sections 4 and 5, appendices A and B; RFC 4696 section 5. Thread: values.
//
// For each accepted packet:
//     auto outcome = journal.repair(packet.journal, arrival, late, now, events, counters, errors);
//     for each event of the packet's list: journal.deliver(event.message, arrival.sequence);
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"
#include "protocol/event.hpp"
#include "protocol/journal/received_state.hpp"
#include "protocol/midi_state.hpp"
#include "protocol/sequence_tracker.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

using decode_error_counters = std::array<std::uint64_t, decode_error_count>;

enum class journal_chapter : std::uint8_t { p, c, m, w, n, e, t, a, d, v, q, f, x };
inline constexpr std::size_t journal_chapter_count = 13;

/// Repairs of one peer since its stream began.
struct repair_counters {
  /// Events emitted, by the chapter that asked for them. Those of E count under N.
  std::array<std::uint64_t, journal_chapter_count> events{};
  std::uint64_t journals = 0;      ///< examined
  std::uint64_t uncovered = 0;     ///< losses whose journal did not reach back far enough
  std::uint64_t without = 0;       ///< losses with no journal at all
  std::uint64_t skipped_notes = 0; ///< lost Note Ons that are too old to be played
  std::uint64_t lost_sysex = 0;    ///< SysEx that the journal names but does not hold

  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (auto count : events)
      sum += count;
    return sum;
  }
};

/// What a loss did to a SysEx that was being received in segments.
enum class open_sysex : std::uint8_t {
  untouched, ///< the list may go on with it, if one is open
  abandoned, ///< a `cancelled` chunk is the first of the repairs; the list decoder must forget it
  reopened,  ///< the last repairs opened one; the list may bring its further segments
};

struct journal_receiver_options {
  std::uint8_t group = 0; ///< UMP group of the repairs
  /// After a loss that the journal does not cover: end the sounding notes that it does not name.
  bool end_unconfirmed_notes = true;
};

struct journal_header;
struct repair_context;

class journal_receiver {
public:
  explicit journal_receiver(journal_receiver_options options = {}) noexcept
      : options_(options) {}

  /// Takes note of an event that packet `sequence` brought. Constant work.
  void deliver(const ump& message, std::uint32_t sequence) { state_.deliver(message, sequence); }

  /// Call for every accepted packet before its list, with its journal (empty if J=0). Appends what
  /// is missing to `repairs`, times `now`; almost always there is nothing to do, and that costs
  /// nothing. `late`: the packet is too old for its notes to be started now. A broken journal or
  /// chapter is counted in `errors` and costs what stands behind the break in it.
  open_sysex repair(byte_view journal, const packet_arrival& arrival, bool late, hub_time now,
                    std::vector<event>& repairs, repair_counters& counters,
                    decode_error_counters& errors);

  /// What the peer has told so far, repairs included. Notes that were lost and too old to be played
  /// count as held.
  const midi_state& state() const noexcept { return state_.midi(); }
  /// Octets that this object holds on the heap.
  std::size_t memory() const noexcept { return state_.memory(); }

private:
  open_sysex examine(const journal_header& header, byte_reader& reader, repair_context& context);
  void judge_coverage(const packet_arrival& arrival, repair_context& context);
  open_sysex abandon_sysex(repair_context& context);
  void end_unconfirmed_notes(repair_context& context);

  journal_receiver_options options_;
  received_state state_;
  /// After a loss that the journal did not cover: further journals are examined, too, until one
  /// claims to be whole. journal_sender spreads over several packets what one has no room for.
  bool examine_more_ = false;
  /// The peer has once named an earlier packet than its own as the checkpoint. Some never do, and
  /// then the checkpoint tells nothing.
  bool names_checkpoints_ = false;
};

} // namespace tutti::protocol
