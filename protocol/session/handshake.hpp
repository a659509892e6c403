// The invitation: how two participants become a session and part again.
// Decides: what IN, OK, NO and BY are answered with, repeats, time-outs, back-off, collisions.
// Leaves: who may come in (the listener asks the policy before on_invited), clocks and MIDI.
// Spec: Apple "MIDI Network Driver Protocol", session initiation. Thread: values.
//
//   initiator   idle -> inviting_control -> inviting_data -> connected
//                 ^ waiting (back-off) <- NO, no answer, unreachable, BY, silence: for ever
//   responder   idle -> accepted -> connected -> ended
//
// Both ends may invite at once: each accepts the other's invitation on the same handshake, so one
// session results, whichever direction completes first.
#pragma once

#include "protocol/session/session_output.hpp"
#include "protocol/session/timing.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace tutti::protocol {

/// Our side of a session, the same towards every peer.
struct session_identity {
  std::string name; ///< what peers see
  std::uint32_t ssrc = 0;
};

enum class handshake_state : std::uint8_t {
  idle,
  inviting_control,
  inviting_data,
  waiting,  ///< will invite again
  accepted, ///< the peer's control port is accepted, its data port is awaited
  connected,
  ended, ///< nothing more will come of this
};

/// Stable names, as the API tells them.
constexpr const char* to_string(handshake_state state) noexcept {
  switch (state) {
  case handshake_state::idle: return "idle";
  case handshake_state::inviting_control:
  case handshake_state::inviting_data: return "inviting";
  case handshake_state::waiting: return "waiting";
  case handshake_state::accepted: return "accepted";
  case handshake_state::connected: return "connected";
  case handshake_state::ended: return "ended";
  }
  return "unknown";
}

class handshake {
public:
  /// `seed`: for tokens and the jitter of retries.
  handshake(const session_identity& identity, const session_timing& timing,
            std::uint64_t seed) noexcept
      : identity_(&identity)
      , timing_(&timing)
      , random_(seed) {}

  /// Invite the peer, now and again after every failure until leave().
  void invite(hub_time now, session_output& out);
  /// An IN that the policy admits, on either port. New tokens and SSRCs are a peer's restart.
  void on_invited(const invitation& received, channel from, hub_time now, session_output& out);
  /// An OK on either port.
  void on_accepted(const invitation& received, channel from, hub_time now, session_output& out);
  /// A NO.
  void on_refused(const invitation& received, hub_time now, session_output& out);
  /// A BY whose SSRC is the peer's.
  void on_goodbye(hub_time now, session_output& out);
  /// Nobody listens at the peer's address.
  void on_unreachable(hub_time now, session_output& out);
  /// The peer is dead: says BY in case it is not, then waits or ends.
  void on_silence(hub_time now, session_output& out);
  /// Do not invite again: a session that stands goes on, everything else ends.
  void give_up(session_output& out);
  /// Say BY and end.
  void leave(session_output& out);

  void on_deadline(hub_time now, session_output& out);
  hub_time next_deadline() const noexcept { return deadline_; }

  handshake_state state() const noexcept { return state_; }
  bool connected() const noexcept { return state_ == handshake_state::connected; }
  /// We invited and keep inviting; false for a peer that only ever invited us.
  bool keeps_inviting() const noexcept { return keeps_inviting_; }
  /// The session that stands was initiated by us.
  bool initiator() const noexcept { return initiator_; }
  /// The peer's SSRC, 0 before it is known.
  std::uint32_t peer_ssrc() const noexcept { return peer_ssrc_; }
  const std::string& peer_name() const noexcept { return peer_name_; }
  /// Token of the invitation that the peer sent, for matching its data IN; 0 if it sent none.
  std::uint32_t peer_token() const noexcept { return peer_token_.value_or(0); }
  /// Token of our open or completed invitation.
  std::uint32_t own_token() const noexcept { return own_token_; }

private:
  void begin_round(hub_time now, session_output& out);
  void send_invitation(hub_time now, session_output& out);
  void answer(const invitation& received, channel to, session_output& out);
  void connect(bool initiator, hub_time now, session_output& out);
  /// Back to waiting for those we invite, else to the end.
  void fail(notice_kind why, std::chrono::nanoseconds retry, hub_time now, session_output& out);
  void say_goodbye(session_output& out);
  void learn(const invitation& received);
  std::chrono::nanoseconds back_off() noexcept;
  std::chrono::nanoseconds with_jitter(std::chrono::nanoseconds wait) noexcept;
  std::uint32_t random() noexcept;

  const session_identity* identity_;
  const session_timing* timing_;
  std::uint64_t random_;
  handshake_state state_ = handshake_state::idle;
  bool keeps_inviting_ = false;
  bool initiator_ = false;
  std::uint32_t own_token_ = 0;
  std::optional<std::uint32_t> peer_token_; ///< of its invitation; none if it sent none
  std::uint32_t peer_ssrc_ = 0;
  std::string peer_name_;
  int attempts_left_ = 0;
  int failures_ = 0;
  hub_time connected_at_{};
  hub_time deadline_ = hub_time::max();
};

} // namespace tutti::protocol
