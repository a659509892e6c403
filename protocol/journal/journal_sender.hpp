// What one peer may not have heard yet, kept so that the recovery journal of each packet is cheap.
// Decides: which chapters and logs a journal has, their S bits, what is left out when there is no
// room, and how long what nobody acknowledges is kept.
// Leaves: numbering and sending packets, reading feedback (the engine), guard times (guard_policy).
// Spec: RFC 6295 section 5, appendices A, B and C.2.2.2 (closed loop). Thread: values.
//
// For packet I:
//     auto octets = journal.encode(room, I, now);   without packet I's own commands
//     for each command of packet I: journal.record(message, I);
// and on feedback: journal.acknowledge(r).
#pragma once

#include "protocol/event.hpp"
#include "protocol/journal/sequence_times.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace tutti::protocol {

class channel_history;
class system_history;
struct journal_moment;
struct journal_selection;

struct journal_sender_options {
  /// A note younger than this is coded as "play it when it was lost" (Y of Chapter N).
  hub_clock::duration note_on_age = std::chrono::milliseconds(250);
  /// A peer that acknowledged nothing for this long after its first packet is taken for one that
  /// sends no feedback.
  hub_clock::duration silence = std::chrono::seconds(10);
  /// Octets of journal for such a peer. What does not fit is forgotten, oldest first, and the
  /// checkpoint moves up: the open-loop policy of appendix C.2.2.3.
  std::size_t silent_peer_octets = 256;
};

struct journal_sender_counters {
  std::uint64_t journals = 0;  ///< written
  std::uint64_t octets = 0;    ///< of them all
  std::uint64_t shortened = 0; ///< without something that had no room, see encode()
  std::uint64_t forgotten = 0; ///< times that history was given up for a silent peer
};

class journal_sender {
public:
  /// With less room than this a journal may never become complete.
  static constexpr std::size_t least_room = 600;

  explicit journal_sender(journal_sender_options options = {});
  ~journal_sender();
  journal_sender(journal_sender&&) noexcept;
  journal_sender& operator=(journal_sender&&) noexcept;

  /// Takes note of a command of packet `sequence`, which was just sent. Constant work; allocates
  /// only when a channel sees more distinct notes or controllers at once than ever before.
  /// SysEx comes in chunks. Messages that MIDI 1.0 does not have are ignored.
  void record(const ump& message, std::uint32_t sequence);

  /// Writes the journal for packet `sequence`, with the commands from the checkpoint to
  /// `sequence` - 1, and gives its octets; 0 if there is nothing to say (then J=0).
  ///
  /// When it does not fit into `room`, whole chapters are left out. Kept first are the small ones
  /// of the system, D, V, Q and F, SysEx that resets, and the numbers of other SysEx; then C with
  /// mode messages and M with selections, on which later commands build; then N with E, W, P, C, M,
  /// T, A, and the contents of SysEx. Such a journal names its own packet as the checkpoint, that
  /// is, it claims to cover nothing, and what was left out stays in the history until a packet that
  /// has it is acknowledged.
  std::size_t encode(std::span<std::uint8_t> room, std::uint32_t sequence, hub_time now);

  /// Codes ahead for packet `sequence` what can be known of its journal, so that encode() takes
  /// less time; for when there is nothing better to do.
  void prepare(std::uint32_t sequence);

  /// The peer has received packet `sequence` (and what came before it, or repaired it). Older
  /// feedback than the last is ignored. Work in proportion to what is dropped.
  void acknowledge(std::uint32_t sequence);

  /// Nothing is unacknowledged; a journal would be empty.
  bool empty() const noexcept;
  /// Something is unacknowledged whose loss could be heard: anything but Active Sensing.
  bool worth_guarding() const noexcept;
  /// First packet of the history: one after the last acknowledged.
  std::uint32_t checkpoint() const noexcept { return checkpoint_; }
  /// Octets that this object holds on the heap.
  std::size_t memory() const noexcept;

  const journal_sender_counters& counters() const noexcept { return counters_; }

private:
  void start(std::uint32_t sequence);
  std::size_t shorten_for_silent_peer(std::span<std::uint8_t> room, std::size_t octets,
                                      std::uint32_t sequence, const journal_moment& moment);
  system_history& system();
  std::uint32_t claimed_checkpoint() const noexcept;
  std::size_t encode_all(std::span<std::uint8_t> room, std::uint32_t sequence,
                         const journal_moment& moment);
  std::size_t encode_some(std::span<std::uint8_t> room, std::uint32_t sequence,
                          const journal_moment& moment);
  void hold_rest(const journal_selection& chosen, std::uint32_t until);
  void drop_through(std::uint32_t sequence);

  journal_sender_options options_;
  std::array<std::unique_ptr<channel_history>, 16> channels_;
  std::unique_ptr<system_history> system_;
  sequence_times times_;
  std::uint32_t checkpoint_ = 0;
  std::uint16_t active_ = 0; ///< bit n: channel n has history
  bool system_active_ = false;
  bool has_holds_ = false;
  bool started_ = false;
  bool acknowledged_ = false;
  hub_time started_at_ = hub_time::min(); ///< time of the first packet
  journal_sender_counters counters_;
};

} // namespace tutti::protocol
