// How a session begins, at which of the peer's addresses, and how it is ended.
#include "actors/peer_session_state.hpp"

#include <algorithm>

namespace tutti {

using protocol::channel;

// The answer goes to where the invitation came from. A session that stands stays where it is: the
// peer invited us over another of its addresses while we invited it.
void peer_session_state::on_invited(const protocol::invitation& received, channel from,
                                    const io::endpoint& sender) {
  auto stood = engine_->connected();
  auto restarts = out_->notices.size();
  engine_->on_invited(received, from, now(), *out_);
  auto stands = stood && engine_->connected() && out_->notices.size() == restarts;
  reply_to_ = sender;
  if (!stands)
    (from == channel::control ? address_.control : address_.data) = sender;
  perform();
}

void peer_session_state::invite(const std::vector<io::endpoint>& candidates) {
  auto moved = std::exchange(candidates_, candidates) != candidates;
  switch (engine_->state()) {
  case protocol::handshake_state::connected:
    // Whatever the news are, a question tells whether the session is still what it was.
    engine_->invite(now(), *out_);
    engine_->on_unreachable(now(), *out_);
    break;
  case protocol::handshake_state::inviting_control:
    if (moved)
      engine_->invite(now(), *out_);
    break;
  case protocol::handshake_state::inviting_data: break;
  default: engine_->invite(now(), *out_);
  }
  perform();
}

void peer_session_state::abandon(farewell how) {
  if (how == farewell::silent)
    return self->quit(); // the listener has told the router
  candidates_.clear();
  if (how == farewell::goodbye)
    engine_->leave(now(), *out_);
  else
    engine_->give_up(now(), *out_);
  perform();
}

// One of several addresses may be dead while another is not.
void peer_session_state::on_unreachable(const io::endpoint& where) {
  if (race_) {
    race_->attempts.fail(where, race_time());
    if (!race_->attempts.exhausted())
      return perform();
  } else if (where != address_.control && where != address_.data) {
    return;
  }
  engine_->on_unreachable(now(), *out_);
  perform();
}

// -- the race for the address that answers first --

// A NO counts for the address that it came from, until none is left.
bool peer_session_state::is_refusal_of_one(channel from, const io::endpoint& sender,
                                           protocol::byte_view datagram) {
  if (from != channel::control || !race_ || !race_->attempts.is_racing(sender))
    return false;
  auto command = protocol::decode_apple_command(datagram);
  auto answer = command ? std::get_if<protocol::invitation>(&*command) : nullptr;
  if (!answer || answer->kind != protocol::invitation_kind::refuse ||
      answer->token != engine_->invitation_state().own_token())
    return false;
  race_->attempts.fail(sender, race_time());
  return !race_->attempts.exhausted();
}

// Every round of the engine's invitations is a race of its own. Where the peer was last is first.
void peer_session_state::follow_race() {
  auto token = engine_->invitation_state().own_token();
  if (!is_inviting()) {
    race_.reset();
  } else if (!race_ || race_->token != token) {
    auto runners = candidates_;
    auto last = std::find(runners.begin(), runners.end(), address_.control);
    if (last != runners.end())
      std::rotate(runners.begin(), last, last + 1);
    const auto& timing = context_->timing;
    io::attempt_limits limits;
    limits.patience = std::chrono::duration_cast<std::chrono::milliseconds>(
        timing.invitation_interval * (timing.invitation_attempts + 1));
    race_.reset(new race{{runners, limits, race_time()}, token, {}});
  }
}

void peer_session_state::run_race() {
  if (race_->invitation.empty())
    return;
  while (auto to = race_->attempts.next(race_time()))
    context_->control->send(*to, race_->invitation);
}

} // namespace tutti
