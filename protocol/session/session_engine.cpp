#include "protocol/session/session_engine.hpp"

#include <algorithm>

namespace tutti::protocol {

session_engine::session_engine(const session_identity& identity, const session_timing& timing,
                               std::uint64_t seed)
    : identity_(&identity)
    , seed_(seed)
    , handshake_(identity, timing, seed)
    , clock_(timing) {
}

void session_engine::invite(hub_time now, session_output& out) {
  handshake_.invite(now, out);
  clock_.set_invited(handshake_.keeps_inviting(), now);
}

void session_engine::give_up(hub_time now, session_output& out) {
  handshake_.give_up(out);
  clock_.set_invited(handshake_.keeps_inviting(), now);
}

void session_engine::on_invited(const invitation& received, channel from, hub_time now,
                                session_output& out) {
  auto notices = out.notices.size();
  handshake_.on_invited(received, from, now, out);
  if (connected())
    clock_.on_heard(now);
  follow_handshake(notices, now, out);
}

[[gnu::hot]] void session_engine::on_datagram(channel from, byte_view datagram, hub_time now,
                                              session_output& out) {
  if (!looks_like_apple_command(datagram))
    return on_rtp(datagram, now, out);
  auto command = decode_apple_command(datagram);
  if (!command) {
    ++errors_[static_cast<std::size_t>(command.error())];
    return;
  }
  auto notices = out.notices.size();
  std::visit([&](const auto& received) { on_command(received, from, now, out); }, *command);
  follow_handshake(notices, now, out);
}

void session_engine::on_command(const invitation& received, channel from, hub_time now,
                                session_output& out) {
  switch (received.kind) {
  case invitation_kind::invite: break; // the listener asks its policy and calls on_invited
  case invitation_kind::accept: handshake_.on_accepted(received, from, now, out); break;
  case invitation_kind::refuse: handshake_.on_refused(received, now, out); break;
  case invitation_kind::goodbye:
    // By SSRC, not by token: macOS writes 0 there.
    if (is_from_peer(received.ssrc) && !is_overtaken(received))
      handshake_.on_goodbye(now, out);
    break;
  }
}

// The goodbye to a session before, whose half on the data port comes after the new invitation.
bool session_engine::is_overtaken(const invitation& goodbye) const noexcept {
  return handshake_.state() == handshake_state::accepted && goodbye.token != 0 &&
         goodbye.token != handshake_.peer_token();
}

void session_engine::on_command(const clock_exchange& received, channel from, hub_time now,
                                session_output& out) {
  if (!connected() || !is_from_peer(received.ssrc))
    return;
  clock_.on_heard(now);
  if (auto answer = clock_.on_exchange(received, identity_->ssrc, now))
    out.send(from, *answer);
  if (clock_.synchronised() && !told_synchronised_) {
    told_synchronised_ = true;
    out.notices.push_back({notice_kind::synchronised, {}});
  }
}

void session_engine::on_command(const receiver_feedback& received, channel, hub_time now,
                                session_output&) {
  if (!connected() || !is_from_peer(received.ssrc))
    return;
  clock_.on_heard(now);
  sender_.on_feedback(received, now);
}

void session_engine::on_command(const bitrate_limit& received, channel, hub_time now,
                                session_output&) {
  if (!connected() || !is_from_peer(received.ssrc))
    return;
  clock_.on_heard(now);
  sender_.set_limit(received.bits_per_second, now);
}

[[gnu::hot]] void session_engine::on_rtp(byte_view datagram, hub_time now, session_output& out) {
  if (!connected()) {
    ++not_connected_;
    return;
  }
  auto packet = decode_rtp_packet(datagram);
  if (!packet) {
    ++errors_[static_cast<std::size_t>(packet.error())];
    return;
  }
  if (!is_from_peer(packet->header.ssrc))
    return;
  clock_.on_heard(now);
  receiver_.on_packet(*packet, clock_, now, errors_, out);
  clock_.on_midi(receiver_.holds_notes(), now);
}

void session_engine::on_unreachable(hub_time now, session_output& out) {
  handshake_.on_unreachable(now, out);
  if (connected())
    clock_.on_unreachable(now);
}

[[gnu::hot]] void session_engine::on_events(const midi_lists& lists, std::span<const event> events,
                                            hub_time now, session_output& out) {
  if (!connected()) {
    unsent_events_ += events.size();
    return;
  }
  sender_.send(lists, events, now, out);
}

void session_engine::on_deadline(hub_time now, session_output& out) {
  auto notices = out.notices.size();
  handshake_.on_deadline(now, out);
  if (connected()) {
    if (clock_.is_dead(now)) {
      handshake_.on_silence(now, out);
    } else {
      if (auto question = clock_.poll(identity_->ssrc, now))
        out.send(channel::data, *question);
      receiver_.on_deadline(identity_->ssrc, now, out);
      sender_.on_deadline(now, out);
    }
  }
  follow_handshake(notices, now, out);
}

void session_engine::leave(hub_time, session_output& out) {
  handshake_.leave(out);
}

[[gnu::hot]] hub_time session_engine::next_deadline() const noexcept {
  auto next = handshake_.next_deadline();
  if (connected())
    next = std::min(
        {next, clock_.next_deadline(), receiver_.next_deadline(), sender_.next_deadline()});
  return next;
}

bool session_engine::is_from_peer(std::uint32_t ssrc) noexcept {
  if (ssrc == handshake_.peer_ssrc())
    return true;
  ++foreign_ssrc_;
  return false;
}

void session_engine::follow_handshake(std::size_t first_notice, hub_time now, session_output& out) {
  for (auto i = first_notice; i < out.notices.size(); ++i) {
    if (out.notices[i].kind != notice_kind::connected)
      continue;
    told_synchronised_ = false;
    // A stream of its own for every life of the session; the multiplier spreads the seeds.
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    receiver_.start();
    sender_.start(identity_->ssrc, static_cast<std::uint16_t>(seed_ >> 40));
    clock_.start(handshake_.initiator(), now);
    clock_.set_invited(handshake_.keeps_inviting(), now);
    if (auto question = clock_.poll(identity_->ssrc, now))
      out.send(channel::data, *question);
  }
}

session_status session_engine::status() const {
  session_status status;
  status.state = handshake_.state();
  status.initiator = handshake_.initiator();
  status.peer_ssrc = handshake_.peer_ssrc();
  status.peer_name = handshake_.peer_name();
  status.synchronised = clock_.synchronised();
  status.round_trip = clock_.round_trip();
  status.round_trip_jitter = clock_.round_trip_jitter();
  status.clock_offset_ticks = clock_.offset_ticks();
  status.clock_exchanges = clock_.exchanges();
  status.bitrate_limit = sender_.limit();
  status.received = receiver_.counters();
  status.sequence = receiver_.sequence();
  status.repairs = receiver_.repairs();
  status.decoder = receiver_.decoder();
  status.sent = sender_.counters();
  status.journal = sender_.journal();
  status.errors = errors_;
  status.foreign_ssrc = foreign_ssrc_;
  status.not_connected = not_connected_;
  status.unsent_events = unsent_events_;
  return status;
}

} // namespace tutti::protocol
