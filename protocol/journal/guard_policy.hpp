// When an empty packet is due that carries nothing but the journal, so that the loss of the last
// packet of a burst is noticed before the next key is played.
// Decides: the times. A burst's first guard comes after 30 ms, the next ones at slowly growing
// intervals for about half a second (ten guards: at 20 % loss one note-off in 50 million outlives
// them), then the intervals double up to one second until feedback covers what was sent.
// Leaves: sending (the engine), the journal (journal_sender).
// Spec: RFC 4696 section 4.2 (non-normative), RFC 6295 section 4. Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <chrono>
#include <cstdint>

namespace tutti::protocol {

class guard_policy {
public:
  static constexpr auto first_interval = std::chrono::milliseconds(30);
  static constexpr auto last_interval = std::chrono::milliseconds(1000);
  /// Guards of one burst whose intervals grow by a tenth; later intervals double.
  static constexpr std::uint32_t dense_guards = 10;
  /// A peer that acknowledged nothing through this many guards is taken for one that never will.
  static constexpr std::uint32_t patience = 32;
  /// Guards per burst for such a peer, each interval three times the one before.
  static constexpr std::uint32_t guards_for_silent_peer = 3;

  /// A packet with MIDI worth guarding left (journal_sender::worth_guarding()).
  void on_sent_midi(hub_time now) noexcept;
  /// Feedback came. `all_covered`: nothing worth guarding is left unacknowledged.
  void on_feedback(bool all_covered) noexcept;
  /// An empty packet with the journal left.
  void on_guard_sent(hub_time now) noexcept;
  /// Forget everything, as for a new stream.
  void reset() noexcept { *this = {}; }

  /// When the next guard is due; hub_time::max() if none is.
  hub_time next_deadline() const noexcept { return due_; }
  /// The peer has never sent feedback and is no longer expected to.
  bool peer_is_silent() const noexcept { return !heard_ && guards_sent_ >= patience; }

private:
  hub_time due_ = hub_time::max();
  hub_clock::duration interval_{};
  std::uint32_t guards_of_burst_ = 0;
  std::uint32_t guards_sent_ = 0; ///< since the stream began, while no feedback came
  bool heard_ = false;
};

} // namespace tutti::protocol
