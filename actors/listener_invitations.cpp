// Who comes in: what the listener does with invitations.
// Decides: whether an IN is of somebody known, of somebody who has moved, or of somebody new, and
// who is told NO. Leaves: the policy (admission), the answer to it (peer_session).
#include "actors/listener_state.hpp"

namespace tutti {

using protocol::channel;
using protocol::invitation;
using protocol::invitation_kind;

namespace {

/// How often those who wait for the operator are looked through.
constexpr std::chrono::seconds pending_interval{5};

} // namespace

// A block, or the rest of one, that an invitation is in.
void listener_state::on_datagrams(channel from, const datagram_chain& chain) {
  const auto& block = chain.block;
  for (auto i = chain.first; i < static_cast<std::uint16_t>(block->count); ++i) {
    if (!demultiplexer::is_invitation(block->bytes(i))) {
      sorter_->sort_in(from, block, i);
      continue;
    }
    sorter_->hand_over(from); // what came before it, perhaps a BY, is the peer's to know first
    on_invitation(from, block->slots[i].from, block->bytes(i));
  }
  sorter_->hand_over(from);
}

void listener_state::on_invitation(channel from, const io::endpoint& sender,
                                   protocol::byte_view datagram) {
  auto command = protocol::decode_apple_command(datagram);
  if (command)
    on_invitation(from, sender, std::get<invitation>(*command));
  else if (command.error() == protocol::decode_error::bad_protocol_version &&
           from == channel::control)
    refuse(sender, protocol::byte_reader(datagram.subspan(8)).u32());
  else
    sorter_->count_stranger();
}

void listener_state::on_invitation(channel from, const io::endpoint& sender,
                                   const invitation& received) {
  if (leaving_)
    return;
  if (from == channel::data) {
    auto peer = peers_.by_invitation(received.ssrc, received.token, sender);
    if (!peer) {
      sorter_->count_stranger();
      return;
    }
    peers_.set_data(*peer, sender);
    self->send(peer->session, atom::invited_v, received, from, sender);
    return;
  }
  auto peer = find_known(sender, received);
  if (!peer && is_doubtful(sender, received))
    return;
  if (!peer && !knocks_.take(sender, now())) {
    sorter_->count_stranger(); // not refused: who is told NO does not try again
    return;
  }
  if (!peer)
    peer = judge(sender, received);
  if (peer)
    accept(*peer, sender, received);
}

// One participant may come from any of its addresses, and on other ports than before.
peer_table::peer* listener_state::find_known(const io::endpoint& sender,
                                             const invitation& received) {
  if (auto peer = peers_.by_address(sender))
    return peer;
  auto peer = peers_.by_host(received.ssrc, sender);
  if (peer && peer->name == received.name)
    return peer;
  peer = peers_.by_expected_name(received.name, sender);
  if (peer)
    return peer;
  peer = peers_.by_identity(received.ssrc, received.name);
  return peer && !peer->targets.empty() ? peer : nullptr;
}

// Somebody of a name that is in session knocks from another host: that participant has moved, or
// has started anew elsewhere, or there are two. The one in session is asked for a sign of life;
// knocking goes on meanwhile, every second.
bool listener_state::is_doubtful(const io::endpoint& sender, const invitation& received) {
  if (received.name.empty())
    return false;
  auto now = self->clock().now();
  auto wait = context_->timing.active_limit + std::chrono::milliseconds(200);
  auto doubtful = false;
  for (auto namesake : peers_.namesakes(received.name, sender)) {
    if (now - namesake->doubted_at >= 10 * wait) {
      namesake->doubted_at = now;
      namesake->heard = false;
      self->send(namesake->session, atom::nobody_v, namesake->address.control);
    }
    doubtful = doubtful || (!namesake->heard && now - namesake->doubted_at < wait);
  }
  return doubtful;
}

/// What the policy says of somebody new.
peer_table::peer* listener_state::judge(const io::endpoint& sender, const invitation& received) {
  auto news = false;
  switch (admission_->judge(sender, received, now(), news)) {
  case admission_verdict::admit:
    if (auto peer = admit(sender))
      return peer;
    [[fallthrough]];
  case admission_verdict::refuse: refuse(sender, received.token); break;
  case admission_verdict::wait:
    if (news) {
      const auto& waiting = admission_->pending().back();
      io::log_info("\"{}\" ({}) asks to join session \"{}\"", waiting.name,
                   to_string(waiting.address), context_->identity.name);
      tell("waiting", waiting);
      if (!std::exchange(ticking_, true))
        self->delayed_send(self, pending_interval, atom::tick_v);
    }
  }
  return nullptr;
}

/// A new peer, or nothing if the session is full.
peer_table::peer* listener_state::admit(const io::endpoint& sender) {
  return peers_.size() < context_->max_peers ? &add_peer({sender, {}}) : nullptr;
}

void listener_state::accept(peer_table::peer& peer, const io::endpoint& sender,
                            const invitation& received) {
  peers_.set_control(peer, sender);
  peers_.set_invitation(peer, received);
  self->send(peer.session, atom::invited_v, received, channel::control, sender);
}

void listener_state::refuse(const io::endpoint& sender, std::uint32_t token) {
  ++refused_;
  answer(invitation_kind::refuse, sender, token);
}

void listener_state::answer(invitation_kind kind, const io::endpoint& to, std::uint32_t token) {
  std::array<std::uint8_t, protocol::max_apple_command> room;
  protocol::byte_writer writer(room);
  protocol::encode_apple_command(invitation{kind, token, context_->identity.ssrc, {}}, writer);
  context_->control->send(to, writer.written());
}

void listener_state::tell(const char* what, const pending_invitation& about) {
  if (context_->notices)
    self->send(context_->notices, atom::tell_v, notice{topic::invitations, what, about});
}

// The invitation itself is answered if it is young enough; else the decision waits for the next.
bool listener_state::decide(std::uint64_t id, bool admitted, decision_term term) {
  auto decided = admission_->decide(id, admitted, term, now());
  if (!decided)
    return false;
  io::log_info("\"{}\" ({}) is {}", decided->name, to_string(decided->address),
               admitted ? "admitted" : "refused");
  tell(admitted ? "admitted" : "refused", *decided);
  if (!admission::is_answerable(*decided, now()) || leaving_)
    return true;
  auto peer = admitted ? admit(decided->address) : nullptr;
  if (peer)
    accept(*peer, decided->address, decided->last);
  else
    refuse(decided->address, decided->last.token);
  return true;
}

bool listener_state::forget(const std::string& host, const std::string& who) {
  return admission_->forget(host, who);
}

void listener_state::remember(const std::vector<admission_decision>& before) {
  for (const auto& one : before)
    admission_->remember(one);
}

void listener_state::on_tick() {
  for (const auto& gone : admission_->expire(now()))
    tell("gone", gone);
  ticking_ = !admission_->pending().empty() && !leaving_;
  if (ticking_)
    self->delayed_send(self, pending_interval, atom::tick_v);
}

} // namespace tutti
