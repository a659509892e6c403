// Every time-out and interval of a session, in one place.
// Decides: the defaults, with their reasons.
// Leaves: keeping them (handshake, clock_sync, rtp_sender).
// Spec: Apple "MIDI Network Driver Protocol" where it says so; else what real peers were seen to
// need. Thread: values.
#pragma once

#include <chrono>

namespace tutti::protocol {

struct session_timing {
  using duration = std::chrono::nanoseconds;
  using ms = std::chrono::milliseconds;

  /// IN is sent again while unanswered, this often and this many times (Apple: 1 s, 12 times).
  duration invitation_interval = ms(1000);
  int invitation_attempts = 12;
  /// An accepted control IN whose data IN does not follow: longer than all attempts together.
  duration half_open_limit = ms(13'000);
  /// A peer's IN that comes within this time after our own invitation made the session has crossed
  /// it on the way. Room for one repetition; shorter than any peer takes to miss us and to invite
  /// anew, which it may do from another address.
  duration crossing_limit = ms(2500);

  /// Wait before inviting again after no answer, an unreachable address or a lost session. A peer
  /// that is back after a power cut is to play again within 5 s, also where nothing announces it.
  duration retry_first = ms(1000);
  /// The same after silence in a session: it may be back already. Not at once, or the invitation
  /// would meet the goodbye at the other port.
  duration retry_vanished = ms(200);
  duration retry_most = ms(3500);
  /// Wait after a NO: a person said so, do not nag.
  duration retry_refused = ms(30'000);

  /// CK burst after connecting: macOS passes no MIDI until about six exchanges are done.
  duration clock_burst_interval = ms(250);
  int clock_burst_count = 8;
  /// CK after the burst. Peers drop us after 45 to 60 s without one.
  duration clock_interval = ms(10'000);

  /// Silence after which a peer that was playing, or holds notes, is asked for a sign of life, and
  /// how often; its death is certain at `active_limit`.
  duration active_silence = ms(800);
  duration active_probe_interval = ms(200);
  duration active_limit = ms(2900);
  /// How long after its last MIDI a peer counts as playing.
  duration active_memory = ms(5000);
  /// The same for an idle peer that we invite. If it has started anew, or is elsewhere, it is to
  /// play again within 5 s; if it was only out of reach, the session is back as soon as it is.
  duration invited_silence = ms(2000);
  duration invited_limit = ms(4000);
  /// The same for an idle peer that invited us: nobody but itself can bring it back.
  duration idle_probe_interval = ms(500);
  duration idle_limit = ms(15'000);
  /// A peer that never answered a CK of ours dies of silence alone.
  duration silence_limit = ms(60'000);
};

} // namespace tutti::protocol
