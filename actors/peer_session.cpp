// The peer session: one remote participant.
// Decides: nothing about the protocol; it performs what its engine asks for: datagrams to the
// sockets, events to the router, notices to the log. An invitation goes to all addresses that the
// peer may have, one after the other with a head start, and the first that answers has won.
// Leaves: the protocol (protocol/session), who the peer is (listener), routing (router).
#include "actors/failure.hpp"
#include "actors/peer_session_state.hpp"
#include "actors/unanswered.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace tutti {

using protocol::channel;
using protocol::hub_time;
using protocol::notice_kind;

void peer_session_state::start(session_context_ptr context_to_use, port_key key,
                               const peer_address& address, router_actor router,
                               listener_actor listener, std::string partner) {
  context_ = std::move(context_to_use);
  partner_ = partner.empty() ? context_->partner : std::move(partner);
  key_ = key;
  address_ = address;
  router_ = std::move(router);
  listener_ = std::move(listener);
  out_ = &context_->scratch;
  engine_ = std::make_unique<protocol::session_engine>(context_->identity, context_->timing,
                                                       context_->seed + key);
}

[[gnu::hot]] hub_time peer_session_state::now() const {
  return hub_time(self->clock().now().time_since_epoch());
}

[[gnu::hot]] void peer_session_state::on_datagrams(channel from, const datagram_chain& chain) {
  hub_time arrived(chain.block->arrived);
  arrived_ = arrived;
  std::size_t count = 0;
  for (auto i = chain.first; i != io::datagram_block::end; i = chain.block->slots[i].next) {
    ++count;
    auto was_inviting = is_inviting();
    const auto& sender = chain.block->slots[i].from;
    if (was_inviting && is_refusal_of_one(from, sender, chain.block->bytes(i)))
      continue;
    engine_->on_datagram(from, chain.block->bytes(i), arrived, *out_);
    if (was_inviting && engine_->state() == protocol::handshake_state::inviting_data)
      address_ = {sender, sender.with_port(static_cast<std::uint16_t>(sender.port + 1))};
  }
  perform();
  arrived_ = {};
  if (from == channel::data && count > io::receive_burst / 2)
    stop_flood(chain.block->slots[chain.first].from);
  if (engine_->clock().exchanges() != std::exchange(exchanges_, engine_->clock().exchanges()))
    round_trips_.observe(engine_->clock().round_trip());
}

[[gnu::hot]] void peer_session_state::on_batch(const batch_ptr& batch) {
  auto time = now();
  engine_->on_events(batch->lists(), batch->events(), time, *out_);
  if (batch->arrived() != hub_time{})
    context_->transit.observe(time - batch->arrived());
  perform();
  if (context_->data->send_now_if_last())
    engine_->prepare();
}

// Ticks cannot be taken back. One that an earlier plan has overtaken does nothing, or each would
// plan a successor, and there would be ever more of them.
void peer_session_state::on_tick() {
  if (now() < planned_)
    return;
  planned_ = hub_time::max();
  engine_->on_deadline(now(), *out_);
  perform();
}

void peer_session_state::leave() {
  engine_->leave(now(), *out_);
  perform();
}

[[gnu::hot]] void peer_session_state::perform() {
  if (race_ || is_inviting())
    follow_race();
  for (const auto& datagram : out_->datagrams.items())
    send(datagram);
  if (race_)
    run_race();
  reply_to_ = {};
  // A restart comes before the events of the peer's new life, everything else after its events.
  auto begins_life = [](const protocol::session_notice& notice) {
    return notice.kind == notice_kind::restarted || notice.kind == notice_kind::connected;
  };
  for (const auto& notice : out_->notices)
    if (begins_life(notice))
      on_notice(notice);
  if (!out_->events.empty()) {
    auto batch = make_batch(out_->events, arrived_);
    if (attached_)
      self->send(router_, atom::midi_v, key_, std::move(batch));
    else if (arriving_)
      early_.push_back(std::move(batch));
  }
  for (const auto& notice : out_->notices)
    if (!begins_life(notice))
      on_notice(notice);
  out_->clear();
  if (engine_->state() == protocol::handshake_state::ended)
    return self->quit();
  plan_tick();
}

[[gnu::hot]] void peer_session_state::plan_tick() {
  auto due = engine_->next_deadline();
  if (race_)
    if (auto next = race_->attempts.next_deadline())
      due = std::min(due, hub_time(next->time_since_epoch()));
  // Those that heard the same message have something to do at the same time, so one wake-up serves
  // them all.
  if (due < planned_)
    due = std::chrono::ceil<std::chrono::milliseconds>(due);
  if (due >= planned_)
    return;
  planned_ = due;
  auto wait = std::max(planned_ - now(), std::chrono::nanoseconds(0));
  self->delayed_send(self, wait, atom::tick_v);
}

[[gnu::hot]] void peer_session_state::send(const protocol::datagram_list::item& datagram) {
  auto bytes = out_->datagrams.view(datagram);
  auto on_control = datagram.channel == channel::control;
  auto& socket = on_control ? *context_->control : *context_->data;
  auto is_invitation = race_ && on_control && bytes.size() > 3 && bytes[2] == 'I';
  if (is_invitation) {
    race_->invitation.assign(bytes.begin(), bytes.end());
    for (const auto& candidate : candidates_)
      if (race_->attempts.is_racing(candidate))
        socket.send(candidate, bytes);
    return;
  }
  auto is_answer = reply_to_.port != 0 && bytes.size() > 3 && bytes[2] == 'O';
  const auto& to = is_answer ? reply_to_ : on_control ? address_.control : address_.data;
  if (to.port != 0)
    socket.send(to, bytes);
}

// Who has joined may send as much as it likes, but not in the name of others.
void peer_session_state::stop_flood(const io::endpoint& sender) {
  if (!engine_->connected() || engine_->foreign_ssrc() == 0)
    return;
  if (!flood_)
    flood_ = std::make_unique<flood>();
  if (!flood_->watch.floods(engine_->foreign_ssrc(), now()))
    return;
  flood_->from = sender;
  context_->data->drop_foreign(sender, engine_->peer_ssrc(), flood_watch::rest);
  if (flood_->watch.is_new())
    io::log_warning("{} floods session \"{}\" with MIDI of other participants, which is dropped",
                    who(), context_->identity.name);
}

// Whoever it is now, its SSRC is another.
void peer_session_state::end_flood_rest() {
  if (!flood_ || !flood_->watch.rests(now()))
    return;
  flood_->watch.end_rest(now());
  context_->data->drop_foreign(flood_->from, 0, {});
}

namespace {

peer_session_actor::behavior_type
peer_session(peer_session_actor::stateful_pointer<peer_session_state> self,
             session_context_ptr context, port_key key, const peer_address& address,
             router_actor router, listener_actor listener, std::string partner) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), key, address, std::move(router), std::move(listener),
              std::move(partner));
  return {
      [&state](atom::midi, const batch_ptr& batch) {
        state.on_batch(batch);
        return unanswered();
      },
      [&state](atom::datagram, channel from, const datagram_chain& chain) {
        state.on_datagrams(from, chain);
        return unanswered();
      },
      [&state](atom::invited, const protocol::invitation& received, channel from,
               const io::endpoint& sender) { state.on_invited(received, from, sender); },
      [&state](atom::invite, const std::vector<io::endpoint>& candidates) {
        state.invite(candidates);
      },
      [&state](atom::abandon, farewell how) { state.abandon(how); },
      [&state](atom::attach) { state.attach(); },
      [&state](atom::nobody, const io::endpoint& where) { state.on_unreachable(where); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

peer_session_actor spawn_peer_session(caf::actor_system& system, session_context_ptr context,
                                      port_key key, peer_address address, router_actor router,
                                      listener_actor listener, std::string partner) {
  return system.spawn(peer_session, std::move(context), key, address, std::move(router),
                      std::move(listener), std::move(partner));
}

} // namespace tutti
