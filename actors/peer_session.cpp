// The peer session: one remote participant.
// Decides: nothing about the protocol; it performs what its engine asks for: datagrams to the
// sockets, events to the router, notices to the log. An invitation goes to all addresses that the
// peer may have, one after the other with a head start, and the first that answers has won.
// Leaves: the protocol (protocol/session), who the peer is (listener), routing (router).
#include "actors/failure.hpp"
#include "actors/flood_watch.hpp"
#include "actors/spawn.hpp"
#include "actors/unanswered.hpp"
#include "io/attempt_schedule.hpp"

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
  /// What a failure left half performed is not for the next session to perform.
  ~peer_session_state() {
    if (out_)
      out_->clear();
  }

  void start(session_context_ptr context_to_use, port_key key, const peer_address& address,
             router_actor router, listener_actor listener, std::string partner);
  void on_datagrams(channel from, const datagram_chain& chain);
  void on_batch(const batch_ptr& batch);
  void on_invited(const protocol::invitation& received, channel from, const io::endpoint& sender);
  void invite(const std::vector<io::endpoint>& candidates);
  void abandon(farewell how);
  void attach();
  void on_unreachable(const io::endpoint& where);
  void on_tick();
  void leave();
  peer_info status() const;

  static inline const char* name = "peer_session";

private:
  hub_time now() const;
  io::attempt_schedule::time_point race_time() const { return self->clock().now(); }
  bool is_inviting() const {
    return engine_->state() == protocol::handshake_state::inviting_control;
  }
  void follow_race();
  void run_race();
  void stop_flood(const io::endpoint& sender);
  void end_flood_rest();
  bool is_refusal_of_one(channel from, const io::endpoint& sender, protocol::byte_view datagram);
  void send(const protocol::datagram_list::item& datagram);
  /// Carries out what the engine left in *out_, and plans the next tick.
  void perform();
  void on_notice(const protocol::session_notice& notice);
  void arrive();
  void detach();
  void plan_tick();
  void tell(const char* what);
  std::string who() const;

  peer_session_actor::pointer self;
  session_context_ptr context_;
  port_key key_ = 0;
  peer_address address_;
  router_actor router_;
  std::string partner_; ///< id of the local port that it is for; empty: none
  listener_actor listener_;
  std::unique_ptr<protocol::session_engine> engine_;
  std::vector<io::endpoint> candidates_; ///< where it is invited, the best first
  struct race {
    io::attempt_schedule attempts;
    std::uint32_t token;                  ///< of the invitation
    std::vector<std::uint8_t> invitation; ///< its IN
  };
  std::unique_ptr<race> race_;              ///< while its control port is invited
  io::endpoint reply_to_;                   ///< where an IN came from, while it is answered
  protocol::session_output* out_ = nullptr; ///< the context's; empty between messages
  hub_time planned_ = hub_time::max();
  hub_time arrived_{}; ///< of the datagrams at hand
  std::uint32_t exchanges_ = 0;
  io::time_histogram round_trips_;
  struct flood {
    flood_watch watch;
    io::endpoint from;
  };
  std::unique_ptr<flood> flood_; ///< once there was something like one
  bool arriving_ = false; ///< in session, but the listener has yet to say that it is the only one
  std::vector<batch_ptr> early_; ///< what was played meanwhile: within one turn of the loop
  bool attached_ = false;
  bool complained_ = false; ///< the last failed invitation was logged
};

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
