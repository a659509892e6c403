// The peer session: one remote participant.
// Decides: nothing about the protocol; it performs what its engine asks for: datagrams to the
// sockets, events to the router, notices to the log.
// Leaves: the protocol (protocol/session), who the peer is (listener), routing (router).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tutti {

namespace {

using protocol::channel;
using protocol::hub_time;
using protocol::notice_kind;

struct peer_session_state {
  explicit peer_session_state(peer_session_actor::pointer pointer)
      : self(pointer) {}

  void start(session_context_ptr context_to_use, port_key key, const peer_address& address,
             router_actor router, std::string partner);
  void on_datagrams(channel from, const datagram_chain& chain);
  void on_batch(const batch_ptr& batch);
  void on_invited(const protocol::invitation& received, channel from);
  void invite();
  void on_unreachable();
  void on_tick();
  void leave();
  peer_info status() const;

  static inline const char* name = "peer_session";

  peer_address address_;

private:
  hub_time now() const;
  /// Carries out what the engine left in *out_, and plans the next tick.
  void perform();
  void on_notice(const protocol::session_notice& notice);
  void attach();
  void detach();
  void plan_tick();
  std::string who() const;

  peer_session_actor::pointer self;
  session_context_ptr context_;
  port_key key_ = 0;
  router_actor router_;
  std::string partner_; ///< id of the local port that it is for; empty: none
  std::unique_ptr<protocol::session_engine> engine_;
  protocol::session_output* out_ = nullptr; ///< the context's; empty between messages
  hub_time planned_ = hub_time::max();
  bool attached_ = false;
  bool complained_ = false; ///< the last failed invitation was logged
};

void peer_session_state::start(session_context_ptr context_to_use, port_key key,
                               const peer_address& address, router_actor router,
                               std::string partner) {
  context_ = std::move(context_to_use);
  partner_ = partner.empty() ? context_->partner : std::move(partner);
  key_ = key;
  address_ = address;
  router_ = std::move(router);
  out_ = &context_->scratch;
  engine_ = std::make_unique<protocol::session_engine>(context_->identity, context_->timing,
                                                       context_->seed + key);
}

hub_time peer_session_state::now() const {
  return hub_time(self->clock().now().time_since_epoch());
}

void peer_session_state::on_datagrams(channel from, const datagram_chain& chain) {
  hub_time arrived(chain.block->arrived);
  for (auto i = chain.first; i != io::datagram_block::end; i = chain.block->slots[i].next)
    engine_->on_datagram(from, chain.block->bytes(i), arrived, *out_);
  perform();
}

void peer_session_state::on_batch(const batch_ptr& batch) {
  engine_->on_events(batch->lists(), batch->events(), now(), *out_);
  perform();
}

void peer_session_state::on_invited(const protocol::invitation& received, channel from) {
  engine_->on_invited(received, from, now(), *out_);
  perform();
}

void peer_session_state::invite() {
  engine_->invite(now(), *out_);
  perform();
}

void peer_session_state::on_unreachable() {
  engine_->on_unreachable(now(), *out_);
  perform();
}

void peer_session_state::on_tick() {
  planned_ = hub_time::max();
  engine_->on_deadline(now(), *out_);
  perform();
}

void peer_session_state::leave() {
  engine_->leave(now(), *out_);
  perform();
}

void peer_session_state::perform() {
  for (const auto& datagram : out_->datagrams.items()) {
    auto on_control = datagram.channel == channel::control;
    const auto& to = on_control ? address_.control : address_.data;
    auto& socket = on_control ? *context_->control : *context_->data;
    if (to.port != 0)
      socket.send(to, out_->datagrams.view(datagram));
  }
  // A restart comes before the events of the peer's new life, everything else after its events.
  for (const auto& notice : out_->notices)
    if (notice.kind == notice_kind::restarted || notice.kind == notice_kind::connected)
      on_notice(notice);
  if (!out_->events.empty())
    self->send(router_, atom::midi_v, key_, make_batch(out_->events));
  for (const auto& notice : out_->notices)
    if (notice.kind != notice_kind::restarted && notice.kind != notice_kind::connected)
      on_notice(notice);
  out_->clear();
  if (engine_->state() == protocol::handshake_state::ended)
    return self->quit();
  plan_tick();
}

void peer_session_state::plan_tick() {
  auto due = engine_->next_deadline();
  if (due >= planned_)
    return;
  planned_ = due;
  auto wait = std::max(due - now(), std::chrono::nanoseconds(0));
  self->delayed_send(self, wait, atom::tick_v);
}

void peer_session_state::on_notice(const protocol::session_notice& notice) {
  auto retry = std::chrono::duration<double>(notice.retry_in).count();
  auto again = retry > 0 ? fmt::format("; inviting again in {:.1f} s", retry) : std::string();
  const auto& session = context_->identity.name;
  switch (notice.kind) {
  case notice_kind::connected:
    complained_ = false;
    io::log_info("{} joined session \"{}\"", who(), session);
    attach();
    break;
  case notice_kind::synchronised:
    io::log_debug("{}: clock synchronised, round trip {:.2f} ms", who(),
                  std::chrono::duration<double, std::milli>(engine_->status().round_trip).count());
    break;
  case notice_kind::restarted:
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
    break;
  }
  case notice_kind::abandoned:
    io::log_info("{} did not complete its invitation to session \"{}\"{}", who(), session, again);
    break;
  }
}

void peer_session_state::attach() {
  auto display = engine_->peer_name().empty() ? to_string(address_.control) : engine_->peer_name();
  port_description description{port_kind::rtp, context_->identity.name, std::move(display)};
  description.by_rule = partner_.empty();
  description.partner = partner_;
  self->send(router_, atom::attach_v, key_, std::move(description),
             midi_sink(peer_session_actor(self)));
  attached_ = true;
}

void peer_session_state::detach() {
  if (attached_)
    self->send(router_, atom::detach_v, key_);
  attached_ = false;
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
  return info;
}

peer_session_actor::behavior_type
peer_session(peer_session_actor::stateful_pointer<peer_session_state> self,
             session_context_ptr context, port_key key, const peer_address& address,
             router_actor router, std::string partner) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), key, address, std::move(router), std::move(partner));
  return {
      [&state](atom::midi, const batch_ptr& batch) { state.on_batch(batch); },
      [&state](atom::datagram, channel from, const datagram_chain& chain) {
        state.on_datagrams(from, chain);
      },
      [&state](atom::invited, const protocol::invitation& received, channel from) {
        state.on_invited(received, from);
      },
      [&state](atom::invite) { state.invite(); },
      [&state](atom::moved, const peer_address& address_now) { state.address_ = address_now; },
      [&state](atom::nobody) { state.on_unreachable(); },
      [&state](atom::tick) { state.on_tick(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

peer_session_actor spawn_peer_session(caf::actor_system& system, session_context_ptr context,
                                      port_key key, peer_address address, router_actor router,
                                      std::string partner) {
  return system.spawn(peer_session, std::move(context), key, address, std::move(router),
                      std::move(partner));
}

} // namespace tutti
