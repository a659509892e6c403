// One remote participant: invitation, clock, MIDI both ways, feedback, goodbye.
// Decides: what each datagram, batch and deadline leads to.
// Leaves: sockets and addresses (listener, peer_session), who may come in (listener), routing.
// Spec: Apple "MIDI Network Driver Protocol"; RFC 6295. Thread: values; owned by one peer session.
//
// Inputs take `now` and fill a session_output; nothing else goes out. A test is: call, look,
// compare.
#pragma once

#include "protocol/session/clock_sync.hpp"
#include "protocol/session/handshake.hpp"
#include "protocol/session/rtp_receiver.hpp"
#include "protocol/session/rtp_sender.hpp"
#include "protocol/session/session_output.hpp"
#include "protocol/session/timing.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace tutti::protocol {

/// What is known of a peer, for the API, the log and the metrics.
struct session_status {
  handshake_state state = handshake_state::idle;
  bool initiator = false;
  std::uint32_t peer_ssrc = 0;
  std::string peer_name;
  bool synchronised = false;
  std::chrono::nanoseconds round_trip{};
  std::chrono::nanoseconds round_trip_jitter{};
  std::uint64_t clock_offset_ticks = 0;
  std::uint32_t clock_exchanges = 0;
  std::uint32_t bitrate_limit = 0; ///< bits per second that the peer asked for; 0 none
  rtp_receiver_counters received;
  sequence_counters sequence;
  repair_counters repairs;
  event_decoder_counters decoder;
  rtp_sender_counters sent;
  journal_sender_counters journal;
  decode_error_counters errors{};
  std::uint64_t foreign_ssrc = 0;  ///< RTP or commands under another SSRC than the peer's
  std::uint64_t not_connected = 0; ///< RTP outside of an established session
  std::uint64_t unsent_events = 0; ///< events for a peer that is not connected
};

class session_engine {
public:
  /// `seed`: for tokens, the first sequence number and the jitter of retries.
  session_engine(const session_identity& identity, const session_timing& timing,
                 std::uint64_t seed);

  /// Invite the peer, for ever, until leave().
  void invite(hub_time now, session_output& out);
  /// Do not invite again: a session that stands goes on, everything else ends.
  void give_up(hub_time now, session_output& out);
  /// An IN of this peer that the policy admits.
  void on_invited(const invitation& received, channel from, hub_time now, session_output& out);
  /// Any datagram from this peer's addresses, except IN, which asks the policy first.
  void on_datagram(channel from, byte_view datagram, hub_time now, session_output& out);
  /// The network says that nobody listens at the peer's address.
  void on_unreachable(hub_time now, session_output& out);
  /// Play a batch to the peer. `lists` are those of `events`.
  void on_events(const midi_lists& lists, std::span<const event> events, hub_time now,
                 session_output& out);
  /// What on_events() led to has left: time for what makes the next one quicker.
  void prepare() { sender_.prepare(); }
  /// Do what is due.
  void on_deadline(hub_time now, session_output& out);
  /// Say goodbye and end.
  void leave(hub_time now, session_output& out);

  /// When on_deadline() has something to do; hub_time::max() if never.
  hub_time next_deadline() const noexcept;

  handshake_state state() const noexcept { return handshake_.state(); }
  bool connected() const noexcept { return handshake_.connected(); }
  bool synchronised() const noexcept { return clock_.synchronised(); }
  std::uint32_t peer_ssrc() const noexcept { return handshake_.peer_ssrc(); }
  const std::string& peer_name() const noexcept { return handshake_.peer_name(); }
  const clock_sync& clock() const noexcept { return clock_; }
  /// Datagrams of other SSRCs than the peer's, so far.
  std::uint64_t foreign_ssrc() const noexcept { return foreign_ssrc_; }
  const handshake& invitation_state() const noexcept { return handshake_; }
  session_status status() const;

private:
  void on_command(const invitation& received, channel from, hub_time now, session_output& out);
  void on_command(const clock_exchange& received, channel from, hub_time now, session_output& out);
  void on_command(const receiver_feedback& received, channel from, hub_time now,
                  session_output& out);
  void on_command(const bitrate_limit& received, channel from, hub_time now, session_output& out);
  void on_rtp(byte_view datagram, hub_time now, session_output& out);
  bool is_from_peer(std::uint32_t ssrc) noexcept;
  bool is_overtaken(const invitation& goodbye) const noexcept;
  /// Starts the streams when the handshake has just connected.
  void follow_handshake(std::size_t first_notice, hub_time now, session_output& out);

  const session_identity* identity_;
  std::uint64_t seed_;
  handshake handshake_;
  clock_sync clock_;
  rtp_receiver receiver_;
  rtp_sender sender_;
  bool told_synchronised_ = false;
  decode_error_counters errors_{};
  std::uint64_t foreign_ssrc_ = 0;
  std::uint64_t not_connected_ = 0;
  std::uint64_t unsent_events_ = 0;
};

} // namespace tutti::protocol
