// What log, router, listener and the API are told of a session.
#include "actors/peer_session_state.hpp"
#include "io/log.hpp"

namespace tutti {

using protocol::notice_kind;

void peer_session_state::on_notice(const protocol::session_notice& notice) {
  tell(to_string(notice.kind));
  auto retry = std::chrono::duration<double>(notice.retry_in).count();
  auto again = retry > 0 ? fmt::format("; inviting again in {:.1f} s", retry) : std::string();
  const auto& session = context_->identity.name;
  switch (notice.kind) {
  case notice_kind::connected:
    end_flood_rest();
    complained_ = false;
    io::log_info("{} joined session \"{}\"", who(), session);
    arrive();
    break;
  case notice_kind::synchronised:
    io::log_debug("{}: clock synchronised, round trip {:.2f} ms", who(),
                  std::chrono::duration<double, std::milli>(engine_->status().round_trip).count());
    break;
  case notice_kind::restarted:
    end_flood_rest();
    io::log_info("{} started anew in session \"{}\"", who(), session);
    detach();
    break;
  case notice_kind::left:
    io::log_info("{} left session \"{}\"{}", who(), session, again);
    detach();
    break;
  case notice_kind::vanished:
    io::log_warning("{} fell silent in session \"{}\" and is taken as gone{}", who(), session,
                    again);
    detach();
    break;
  case notice_kind::closed:
    io::log_info("said goodbye to {} in session \"{}\"", who(), session);
    detach();
    break;
  case notice_kind::refused:
  case notice_kind::unanswered:
  case notice_kind::unreachable: {
    auto what = notice.kind == notice_kind::refused      ? "refused our invitation"
                : notice.kind == notice_kind::unanswered ? "does not answer our invitation"
                                                         : "cannot be reached";
    // The first failure is news; that it goes on is not.
    if (!complained_)
      io::log_warning("{} {}{}", who(), what, again);
    else
      io::log_debug("{} {}{}", who(), what, again);
    complained_ = true;
    self->send(listener_, atom::failed_v, key_);
    break;
  }
  case notice_kind::abandoned:
    io::log_info("{} did not complete its invitation to session \"{}\"{}", who(), session, again);
    break;
  }
}

// Over which ways ever it came, a participant is one port: the listener knows the others.
void peer_session_state::arrive() {
  arriving_ = true;
  self->send(listener_, atom::reached_v, key_, engine_->peer_ssrc(), engine_->peer_name(),
             address_);
}

void peer_session_state::attach() {
  if (!std::exchange(arriving_, false))
    return; // it has gone in the meantime
  auto display = engine_->peer_name().empty() ? to_string(address_.control) : engine_->peer_name();
  port_description description{port_kind::rtp, context_->identity.name, std::move(display)};
  description.by_rule = partner_.empty();
  description.partner = partner_;
  self->send(router_, atom::attach_v, key_, std::move(description),
             midi_sink(peer_session_actor(self)));
  attached_ = true;
  for (auto& batch : std::exchange(early_, {}))
    self->send(router_, atom::midi_v, key_, std::move(batch));
}

void peer_session_state::detach() {
  if (attached_)
    self->send(router_, atom::detach_v, key_);
  if (attached_ || arriving_)
    self->send(listener_, atom::failed_v, key_);
  attached_ = arriving_ = false;
  early_.clear();
}

void peer_session_state::tell(const char* what) {
  if (context_->notices)
    self->send(context_->notices, atom::tell_v, notice{topic::peers, what, status()});
}

std::string peer_session_state::who() const {
  auto address = to_string(address_.control);
  auto known = engine_->peer_name();
  return known.empty() ? "peer " + address : fmt::format("peer \"{}\" ({})", known, address);
}

peer_info peer_session_state::status() const {
  peer_info info;
  info.key = key_;
  info.session = context_->identity.name;
  info.name = engine_->peer_name();
  info.address = address_;
  info.invited_by_us = engine_->invitation_state().keeps_inviting();
  info.status = engine_->status();
  info.round_trips = round_trips_;
  return info;
}

} // namespace tutti
