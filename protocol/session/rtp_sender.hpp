// Our RTP-MIDI stream to one peer: lists become packets with sequence number, time and journal.
// Decides: sequence numbers, timestamps that never go back, when guard packets are due, what a
// bitrate limit (RL) delays or drops.
// Leaves: which events share a list (list_encoder), the journal's contents (journal/).
// Spec: RFC 6295 sections 2 to 5 and appendix C.2.2; Apple RL. Thread: values.
#pragma once

#include "protocol/journal/guard_policy.hpp"
#include "protocol/journal/journal_sender.hpp"
#include "protocol/list_encoder.hpp"
#include "protocol/session/send_limit.hpp"
#include "protocol/session/session_output.hpp"

#include <cstdint>
#include <span>

namespace tutti::protocol {

struct rtp_sender_counters {
  std::uint64_t packets = 0; ///< guard packets included
  std::uint64_t events = 0;
  std::uint64_t guard_packets = 0;
  std::uint64_t feedback = 0;         ///< RS understood
  std::uint64_t feedback_ignored = 0; ///< RS whose halves name nothing that is open
  std::uint64_t limit_drops = 0;      ///< events that the peer's bitrate limit cost
};

class rtp_sender {
public:
  /// A fresh stream starting at `first_sequence`.
  void start(std::uint32_t ssrc, std::uint16_t first_sequence);

  /// Sends a batch: its lists and the events that they code.
  void send(const midi_lists& lists, std::span<const event> events, hub_time now,
            session_output& out);
  /// Does ahead what can be known of the next packet.
  void prepare() { journal_.prepare(next_); }
  /// RS: the peer has everything up to the number in its field.
  void on_feedback(const receiver_feedback& received, hub_time now);
  /// RL: from now on no more than this; 0 lifts the limit.
  void set_limit(std::uint32_t bits_per_second, hub_time now);

  void on_deadline(hub_time now, session_output& out);
  hub_time next_deadline() const noexcept;

  const rtp_sender_counters& counters() const noexcept { return counters_; }
  const journal_sender_counters& journal() const noexcept { return journal_.counters(); }
  std::uint32_t limit() const noexcept { return limit_.bits_per_second(); }

private:
  /// Writes one packet with this list, due at `times`; `events` are those that it codes.
  void send_packet(byte_view list, const midi_list& times, std::span<const event> events,
                   hub_time now, session_output& out);
  void send_held_back(hub_time now, session_output& out);

  std::uint32_t ssrc_ = 0;
  std::uint32_t next_ = 0;         ///< extended number of the next packet
  std::uint32_t acknowledged_ = 0; ///< extended number of the last packet the peer reported
  std::uint32_t last_command_ = 0; ///< time of the last command sent, in ticks
  bool sent_any_ = false;
  journal_sender journal_;
  guard_policy guard_;
  send_limit limit_;
  midi_lists held_back_lists_;
  rtp_sender_counters counters_;
};

} // namespace tutti::protocol
