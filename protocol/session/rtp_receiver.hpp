// A peer's RTP-MIDI stream to us: packets become events, losses are repaired from the journal.
// Decides: what is new, late, doubled or lost; when feedback (RS) is due.
// Leaves: the codecs, the repairs themselves (journal/), who the peer is (session_engine).
// Spec: RFC 6295 sections 2 to 5; RFC 3550 appendix A.1. Thread: values.
#pragma once

#include "protocol/event_decoder.hpp"
#include "protocol/journal/feedback_policy.hpp"
#include "protocol/journal/journal_receiver.hpp"
#include "protocol/sequence_tracker.hpp"
#include "protocol/session/clock_sync.hpp"
#include "protocol/session/session_output.hpp"

#include <cstdint>

namespace tutti::protocol {

struct rtp_receiver_counters {
  std::uint64_t packets = 0; ///< accepted
  std::uint64_t events = 0;  ///< played by the peer, repairs not included
};

class rtp_receiver {
public:
  /// Forget the last stream: a new one begins with its next packet.
  void start();

  /// Takes one packet of the peer: events go to `out`, broken parts into `errors`.
  void on_packet(const rtp_packet& packet, const clock_sync& clock, hub_time now,
                 decode_error_counters& errors, session_output& out);

  /// RS if it is due.
  void on_deadline(std::uint32_t own_ssrc, hub_time now, session_output& out);
  hub_time next_deadline() const noexcept { return feedback_.next_deadline(); }

  /// The peer has notes sounding.
  bool holds_notes() const noexcept { return journal_.state().holds_notes(); }

  const rtp_receiver_counters& counters() const noexcept { return counters_; }
  const sequence_counters& sequence() const noexcept { return sequence_.counters(); }
  const repair_counters& repairs() const noexcept { return repairs_; }
  const event_decoder_counters& decoder() const noexcept { return decoder_.counters(); }

private:
  void decode_list(const rtp_packet& packet, const clock_sync& clock, hub_time now,
                   decode_error_counters& errors, session_output& out);

  sequence_tracker sequence_;
  event_decoder decoder_;
  journal_receiver journal_;
  repair_counters repairs_;
  feedback_policy feedback_;
  rtp_receiver_counters counters_;
};

} // namespace tutti::protocol
