#include "protocol/session/handshake.hpp"

#include <algorithm>

namespace tutti::protocol {

void handshake::invite(hub_time now, session_output& out) {
  if (state_ == handshake_state::ended)
    return;
  keeps_inviting_ = true;
  failures_ = 0; // whoever asks for it has a reason to hope
  begin_round(now, out);
}

void handshake::begin_round(hub_time now, session_output& out) {
  if (state_ == handshake_state::connected || state_ == handshake_state::accepted)
    return; // the peer was faster: its invitation serves as well
  own_token_ = random() | 1;
  attempts_left_ = timing_->invitation_attempts;
  state_ = handshake_state::inviting_control;
  send_invitation(now, out);
}

void handshake::on_invited(const invitation& received, channel from, hub_time now,
                           session_output& out) {
  if (state_ == handshake_state::ended)
    return;
  auto same_peer = received.ssrc == peer_ssrc_ && received.token == peer_token_;
  if (from == channel::data) {
    if (!same_peer)
      return; // no control IN of this invitation: its sender will try again from the start
    answer(received, channel::data, out);
    if (state_ != handshake_state::connected)
      connect(false, now, out);
    return;
  }
  auto inviting =
      state_ == handshake_state::inviting_control || state_ == handshake_state::inviting_data;
  if (state_ == handshake_state::connected && !same_peer) {
    // Soon after our own invitation made the session, this is the peer's that crossed it on the
    // way.
    auto crossing = initiator_ && !peer_token_ && received.ssrc == peer_ssrc_ &&
                    now - connected_at_ < timing_->crossing_limit;
    if (!crossing) {
      out.notices.push_back({notice_kind::restarted, {}});
      state_ = handshake_state::accepted;
    }
  } else if (!inviting && state_ != handshake_state::connected) {
    state_ = handshake_state::accepted;
  }
  peer_token_ = received.token;
  learn(received);
  if (state_ == handshake_state::accepted)
    deadline_ = now + timing_->half_open_limit;
  answer(received, channel::control, out);
}

void handshake::on_accepted(const invitation& received, channel from, hub_time now,
                            session_output& out) {
  if (received.token != own_token_)
    return;
  if (from == channel::control && state_ == handshake_state::inviting_control) {
    learn(received);
    state_ = handshake_state::inviting_data;
    attempts_left_ = timing_->invitation_attempts;
    send_invitation(now, out);
  } else if (from == channel::data && state_ == handshake_state::inviting_data) {
    learn(received);
    connect(true, now, out);
  }
}

void handshake::on_refused(const invitation& received, hub_time now, session_output& out) {
  auto inviting =
      state_ == handshake_state::inviting_control || state_ == handshake_state::inviting_data;
  if (inviting && received.token == own_token_)
    fail(notice_kind::refused, timing_->retry_refused, now, out);
}

void handshake::on_goodbye(hub_time now, session_output& out) {
  if (state_ == handshake_state::connected) {
    failures_ = 0;
    fail(notice_kind::left, back_off(), now, out);
  } else if (state_ == handshake_state::accepted) {
    fail(notice_kind::abandoned, back_off(), now, out);
  } else if (state_ == handshake_state::inviting_data) {
    fail(notice_kind::refused, timing_->retry_refused, now, out);
  }
}

void handshake::on_unreachable(hub_time now, session_output& out) {
  if (state_ == handshake_state::inviting_control || state_ == handshake_state::inviting_data)
    fail(notice_kind::unreachable, back_off(), now, out);
}

void handshake::on_silence(hub_time now, session_output& out) {
  if (state_ != handshake_state::connected)
    return;
  say_goodbye(out);
  failures_ = 0;
  fail(notice_kind::vanished, with_jitter(timing_->retry_vanished), now, out);
}

void handshake::give_up(session_output& out) {
  keeps_inviting_ = false;
  if (state_ == handshake_state::connected || state_ == handshake_state::accepted)
    return;
  if (state_ == handshake_state::inviting_data)
    say_goodbye(out); // the control half was accepted
  state_ = handshake_state::ended;
  deadline_ = hub_time::max();
}

void handshake::leave(session_output& out) {
  if (state_ == handshake_state::ended)
    return;
  if (state_ == handshake_state::connected || state_ == handshake_state::accepted ||
      state_ == handshake_state::inviting_data)
    say_goodbye(out);
  if (state_ == handshake_state::connected)
    out.notices.push_back({notice_kind::closed, {}});
  state_ = handshake_state::ended;
  keeps_inviting_ = false;
  deadline_ = hub_time::max();
}

void handshake::on_deadline(hub_time now, session_output& out) {
  if (now < deadline_)
    return;
  switch (state_) {
  case handshake_state::inviting_control:
  case handshake_state::inviting_data:
    if (attempts_left_ > 0)
      return send_invitation(now, out);
    if (state_ == handshake_state::inviting_data)
      say_goodbye(out); // the control half was accepted
    return fail(notice_kind::unanswered, back_off(), now, out);
  case handshake_state::waiting: return begin_round(now, out);
  case handshake_state::accepted: return fail(notice_kind::abandoned, back_off(), now, out);
  default: deadline_ = hub_time::max();
  }
}

void handshake::send_invitation(hub_time now, session_output& out) {
  --attempts_left_;
  deadline_ = now + timing_->invitation_interval;
  auto to = state_ == handshake_state::inviting_data ? channel::data : channel::control;
  out.send(to, invitation{invitation_kind::invite, own_token_, identity_->ssrc, identity_->name});
}

void handshake::answer(const invitation& received, channel to, session_output& out) {
  out.send(to,
           invitation{invitation_kind::accept, received.token, identity_->ssrc, identity_->name});
}

void handshake::connect(bool initiator, hub_time now, session_output& out) {
  connected_at_ = now;
  state_ = handshake_state::connected;
  initiator_ = initiator;
  failures_ = 0;
  deadline_ = hub_time::max();
  out.notices.push_back({notice_kind::connected, {}});
}

void handshake::fail(notice_kind why, std::chrono::nanoseconds retry, hub_time now,
                     session_output& out) {
  peer_token_.reset();
  initiator_ = false;
  if (!keeps_inviting_) {
    state_ = handshake_state::ended;
    deadline_ = hub_time::max();
    out.notices.push_back({why, {}});
    return;
  }
  state_ = handshake_state::waiting;
  deadline_ = now + retry;
  out.notices.push_back({why, retry});
}

// On both ports: macOS ends a session only when it has heard it on both.
void handshake::say_goodbye(session_output& out) {
  auto token = initiator_ || !peer_token_ ? own_token_ : *peer_token_;
  invitation goodbye{invitation_kind::goodbye, token, identity_->ssrc, {}};
  out.send(channel::control, goodbye);
  out.send(channel::data, goodbye);
}

void handshake::learn(const invitation& received) {
  peer_ssrc_ = received.ssrc;
  if (!received.name.empty())
    peer_name_ = received.name;
}

// Doubles from retry_first to retry_most.
std::chrono::nanoseconds handshake::back_off() noexcept {
  auto shift = std::min(failures_++, 10);
  return with_jitter(std::min(timing_->retry_first * (1 << shift), timing_->retry_most));
}

// Up to a quarter more, so that many hubs that lost the same peer do not return in step.
std::chrono::nanoseconds handshake::with_jitter(std::chrono::nanoseconds wait) noexcept {
  return wait + wait / 4 * (random() % 1024) / 1024;
}

// SplitMix64; tokens need to differ, not to be secret.
std::uint32_t handshake::random() noexcept {
  auto z = random_ += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return static_cast<std::uint32_t>(z ^ z >> 31);
}

} // namespace tutti::protocol
