// The listener: one offered session on its UDP pair.
// Decides: which peer a datagram belongs to, who becomes a peer, who is told NO.
// Leaves: everything about one peer (peer_session).
#include "actors/failure.hpp"
#include "actors/knock_limit.hpp"
#include "actors/peer_table.hpp"
#include "actors/spawn.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace tutti {

namespace {

using protocol::channel;
using protocol::hub_time;
using protocol::invitation;
using protocol::invitation_kind;

/// How often those who wait for the operator are looked through.
constexpr std::chrono::seconds pending_interval{5};
io::endpoint data_of(const io::endpoint& control) {
  return control.with_port(static_cast<std::uint16_t>(control.port + 1));
}

bool is_candidate(const invitation_target& target, const io::endpoint& where) {
  return std::find(target.candidates.begin(), target.candidates.end(), where) !=
         target.candidates.end();
}

struct listener_state {
  explicit listener_state(listener_actor::pointer pointer)
      : self(pointer) {}
  /// However the listener ended, its peer sessions do not outlive it.
  ~listener_state() {
    peers_.for_each(
        [](const peer_table::peer& peer) { caf::anon_send(peer.session, atom::leave_v); });
  }

  void start(session_context_ptr context_to_use, router_actor router_to_use);
  void on_datagrams(channel from, const datagram_chain& chain);
  void on_unreachable(const io::endpoint& where);
  void invite(invitation_target target, const target_watcher& watcher);
  void abandon(const std::string& key, farewell how);
  void on_reached(port_key key, std::uint32_t ssrc, const std::string& who,
                  const peer_address& address);
  void on_failed(port_key key);
  void configure(const config::session& settings);
  void leave();
  caf::result<session_info> status();
  bool disconnect(port_key key);
  bool decide(std::uint64_t id, bool admitted, decision_term term);
  bool forget(const std::string& host, const std::string& who);
  void remember(const std::vector<admission_decision>& before);
  void on_tick();

  static inline const char* name = "listener";

private:
  void sort_in(channel from, const io::datagram_block_ptr& block, std::uint16_t index);
  void on_invitation(channel from, const io::endpoint& sender, const invitation& received);
  void on_stranger(const io::endpoint& sender, std::span<const std::uint8_t> bytes,
                   const io::datagram_block_ptr& block, std::uint16_t index);
  void hand_over(channel from);
  void append(peer_table::peer& to, const io::datagram_block_ptr& block, std::uint16_t index);
  peer_table::peer* find_target(const invitation_target& target);
  void merge(peer_table::peer& from, peer_table::peer& into);
  bool is_doubtful(const io::endpoint& sender, const invitation& received);
  peer_table::peer* find_known(const io::endpoint& sender, const invitation& received);
  peer_table::peer* judge(const io::endpoint& sender, const invitation& received);
  peer_table::peer* admit(const io::endpoint& sender);
  void accept(peer_table::peer& peer, const io::endpoint& sender, const invitation& received);
  void tell(const char* what, const pending_invitation& about);
  hub_time now() const { return hub_time(self->clock().now().time_since_epoch()); }
  template <class Atom>
  void report(const peer_table::peer& peer, Atom what);
  peer_table::peer& add_peer(const peer_address& address, std::string partner = {});
  void refuse(const io::endpoint& sender, std::uint32_t token);
  /// NO or BY, from the control port.
  void answer(invitation_kind kind, const io::endpoint& to, std::uint32_t token);
  void on_peer_down(const caf::down_msg& down);
  void end_if_empty();

  listener_actor::pointer self;
  session_context_ptr context_;
  router_actor router_;
  peer_table peers_;
  std::optional<admission> admission_;
  knock_limit knocks_;
  bool ticking_ = false;
  target_watcher watcher_; ///< whoever wants peers invited
  std::unordered_map<caf::actor_addr, port_key> keys_;
  std::vector<peer_table::peer*> touched_; ///< peers with a chain of the block at hand
  peer_table::peer* last_ = nullptr;       ///< sender of the datagram before
  io::endpoint last_sender_;
  bool leaving_ = false;
  std::uint64_t strangers_ = 0;
  std::uint64_t refused_ = 0;
};

void listener_state::start(session_context_ptr context_to_use, router_actor router_to_use) {
  context_ = std::move(context_to_use);
  router_ = std::move(router_to_use);
  admission_.emplace(context_->identity.name, context_->invitations);
  self->set_down_handler([this](const caf::down_msg& down) { on_peer_down(down); });
  listener_actor me(self);
  auto receive_on = [me = caf::actor_cast<caf::actor_addr>(me)](io::datagram_socket& socket,
                                                                channel from) {
    socket.start(
        [me, from](io::datagram_block_ptr block) {
          if (auto handle = caf::actor_cast<listener_actor>(me))
            caf::anon_send(handle, atom::datagram_v, from, datagram_chain{std::move(block), 0});
        },
        [me](const io::endpoint& where) {
          if (auto handle = caf::actor_cast<listener_actor>(me))
            caf::anon_send(handle, atom::nobody_v, where);
        });
  };
  receive_on(*context_->control, channel::control);
  receive_on(*context_->data, channel::data);
}

// Everything in the block goes to its peers as chains: one message per peer, no copies.
void listener_state::on_datagrams(channel from, const datagram_chain& chain) {
  auto& block = *chain.block;
  for (std::uint16_t i = 0; i < static_cast<std::uint16_t>(block.count); ++i)
    if (block.slots[i].size > 0)
      sort_in(from, chain.block, i);
  hand_over(from);
}

void listener_state::hand_over(channel from) {
  for (auto peer : touched_)
    self->send(peer->session, atom::datagram_v, from, std::exchange(peer->chain, {}));
  touched_.clear();
}

void listener_state::sort_in(channel from, const io::datagram_block_ptr& block,
                             std::uint16_t index) {
  auto bytes = block->bytes(index);
  const auto& sender = block->slots[index].from;
  if (protocol::looks_like_apple_command(bytes) && bytes.size() >= 4 && bytes[2] == 'I' &&
      bytes[3] == 'N') {
    auto command = protocol::decode_apple_command(bytes);
    if (command)
      on_invitation(from, sender, std::get<invitation>(*command));
    else if (command.error() == protocol::decode_error::bad_protocol_version &&
             from == channel::control)
      refuse(sender, protocol::byte_reader(bytes.subspan(8)).u32());
    else
      ++strangers_;
    return;
  }
  if (!last_ || last_sender_ != sender) {
    last_ = peers_.by_address(sender);
    last_sender_ = sender;
  }
  if (!last_)
    return on_stranger(sender, bytes, block, index);
  auto is_command = protocol::looks_like_apple_command(bytes);
  auto may_play = from == channel::data && peer_table::may_play(*last_, sender);
  if (is_command || may_play)
    append(*last_, block, index);
  else
    ++strangers_; // RTP, but not on the way that the handshake has proved
}

void listener_state::append(peer_table::peer& to, const io::datagram_block_ptr& block,
                            std::uint16_t index) {
  to.heard = true;
  if (!to.chain.block) {
    to.chain = {block, index};
    touched_.push_back(&to);
  } else {
    block->slots[to.last_in_chain].next = index;
  }
  to.last_in_chain = index;
}

// A BY may come from another port of the peer's host; everything else from strangers is noise.
void listener_state::on_stranger(const io::endpoint& sender, std::span<const std::uint8_t> bytes,
                                 const io::datagram_block_ptr& block, std::uint16_t index) {
  if (protocol::looks_like_apple_command(bytes))
    if (auto command = protocol::decode_apple_command(bytes))
      if (auto received = std::get_if<invitation>(&*command))
        if (received->kind == invitation_kind::goodbye)
          if (auto peer = peers_.by_host(received->ssrc, sender))
            return append(*peer, block, index);
  ++strangers_;
}

void listener_state::on_invitation(channel from, const io::endpoint& sender,
                                   const invitation& received) {
  if (leaving_)
    return;
  hand_over(from); // what came before it, perhaps a BY, is the peer's to know first
  if (from == channel::data) {
    auto peer = peers_.by_invitation(received.ssrc, received.token, sender);
    if (!peer) {
      ++strangers_;
      return;
    }
    last_ = nullptr;
    peers_.set_data(*peer, sender);
    self->send(peer->session, atom::invited_v, received, from, sender);
    return;
  }
  auto peer = find_known(sender, received);
  if (!peer && is_doubtful(sender, received))
    return;
  if (!peer && !knocks_.take(sender, now())) {
    ++strangers_; // not refused: who is told NO does not try again
    return;
  }
  if (!peer)
    peer = judge(sender, received);
  if (peer)
    accept(*peer, sender, received);
}

void listener_state::accept(peer_table::peer& peer, const io::endpoint& sender,
                            const invitation& received) {
  last_ = nullptr;
  peers_.set_control(peer, sender);
  peers_.set_invitation(peer, received);
  self->send(peer.session, atom::invited_v, received, channel::control, sender);
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

bool listener_state::disconnect(port_key key) {
  auto peer = peers_.by_key(key);
  if (peer)
    self->send(peer->session, atom::leave_v);
  return peer != nullptr;
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

peer_table::peer& listener_state::add_peer(const peer_address& address, std::string partner) {
  auto key = next_port_key();
  auto session = spawn_peer_session(self->system(), context_, key, address, router_,
                                    listener_actor(self), std::move(partner));
  self->monitor(session);
  keys_[session.address()] = key;
  last_ = nullptr;
  return peers_.add(key, std::move(session), address);
}

// Found by mDNS, named by the operator, or come by itself: whoever is at one of the addresses is
// the peer that is meant.
void listener_state::invite(invitation_target target, const target_watcher& watcher) {
  if (watcher)
    watcher_ = watcher;
  std::erase_if(target.candidates,
                [&](const io::endpoint& to) { return !context_->control->reaches(to); });
  if (leaving_ || target.candidates.empty())
    return;
  auto peer = find_target(target);
  if (!peer)
    peer =
        &add_peer({target.candidates.front(), data_of(target.candidates.front())}, target.partner);
  last_ = nullptr;
  peers_.add_target(*peer, std::move(target));
  self->send(peer->session, atom::invite_v, peer->candidates);
}

// All that are at one of the addresses are one participant: the one in session stays, or the one
// that has been invited for longest.
peer_table::peer* listener_state::find_target(const invitation_target& target) {
  auto found = peers_.by_target(target.key);
  for (const auto& candidate : target.candidates) {
    auto other = peers_.by_address(candidate);
    if (!other || other == found)
      continue;
    if (found && found->in_session && is_candidate(target, found->address.control)) {
      merge(*other, *found);
    } else {
      if (found)
        merge(*found, *other);
      found = other;
    }
  }
  for (const auto& candidate : target.candidates)
    if (!found && !target.name.empty())
      found = peers_.by_name(target.name, candidate);
  return found;
}

// Without a goodbye, which would end the session that stays: participants are known by their SSRC.
void listener_state::merge(peer_table::peer& from, peer_table::peer& into) {
  if (from.in_session && into.in_session)
    io::log_info("\"{}\" is in session \"{}\" twice, from {} and {}: one port", into.name,
                 context_->identity.name, to_string(from.address.control),
                 to_string(into.address.control));
  auto targets = from.targets;
  self->send(router_, atom::detach_v, from.key);
  self->send(from.session, atom::abandon_v, farewell::silent);
  last_ = nullptr;
  peers_.remove(from.key);
  for (auto& [key, target] : targets)
    peers_.add_target(into, std::move(target));
  if (!into.targets.empty())
    self->send(into.session, atom::invite_v, into.candidates);
}

void listener_state::abandon(const std::string& key, farewell how) {
  auto peer = peers_.by_target(key);
  if (!peer)
    return;
  last_ = nullptr;
  peers_.remove_target(*peer, key);
  if (peer->targets.empty())
    self->send(peer->session, atom::abandon_v, how);
}

// The younger session is the one that the participant counts on.
void listener_state::on_reached(port_key key, std::uint32_t ssrc, const std::string& who,
                                const peer_address& address) {
  auto peer = peers_.by_key(key);
  if (!peer)
    return;
  last_ = nullptr;
  peers_.set_control(*peer, address.control);
  peers_.set_data(*peer, address.data);
  peers_.set_identity(*peer, ssrc, who);
  peer->in_session = true;
  if (peer->targets.empty())
    knocks_.give_back(address.control);
  while (auto twin = peers_.twin_of(*peer))
    merge(*twin, *peer);
  self->send(peer->session, atom::attach_v);
  report(*peer, atom::reached_v);
}

void listener_state::on_failed(port_key key) {
  if (auto peer = peers_.by_key(key)) {
    peer->in_session = false;
    report(*peer, atom::failed_v);
  }
}

template <class Atom>
void listener_state::report(const peer_table::peer& peer, Atom what) {
  if (watcher_)
    for (const auto& [key, target] : peer.targets)
      self->send(watcher_, what, key);
}

void listener_state::configure(const config::session& settings) {
  context_->max_peers = settings.max_peers;
  admission_->set_policy(settings.invitations);
}

void listener_state::on_unreachable(const io::endpoint& where) {
  if (auto peer = peers_.by_address(where))
    self->send(peer->session, atom::nobody_v, where);
}

void listener_state::on_peer_down(const caf::down_msg& down) {
  auto found = keys_.find(down.source);
  if (found == keys_.end())
    return;
  auto key = found->second;
  keys_.erase(found);
  // Whatever ended the session, the router must not keep its port.
  self->send(router_, atom::detach_v, key);
  last_ = nullptr;
  if (auto peer = peers_.by_key(key)) {
    report(*peer, atom::failed_v);
    if (down.reason != caf::exit_reason::normal && !leaving_) {
      io::log_error("the session with \"{}\" ({}) ended unexpectedly ({})", peer->name,
                    to_string(peer->address.control), self->system().render(down.reason));
      // It cannot say so itself any more, and the peer would wait for it.
      answer(invitation_kind::goodbye, peer->address.control, peer->token);
      for (const auto& [what, target] : peer->targets)
        self->delayed_send(self, std::chrono::seconds(1), atom::invite_v, target, watcher_);
    }
  }
  peers_.remove(key);
  end_if_empty();
}

void listener_state::leave() {
  leaving_ = true;
  peers_.for_each(
      [this](const peer_table::peer& peer) { self->send(peer.session, atom::leave_v); });
  end_if_empty();
}

void listener_state::end_if_empty() {
  if (!leaving_ || peers_.size() > 0)
    return;
  context_->control->close();
  context_->data->close();
  self->quit();
}

// Asks every peer, and answers when the last one has.
caf::result<session_info> listener_state::status() {
  auto info = std::make_shared<session_info>();
  info->name = context_->identity.name;
  info->control = context_->control->local();
  info->data = context_->data->local();
  info->ssrc = context_->identity.ssrc;
  info->strangers = strangers_;
  info->refused = refused_;
  info->policy = admission_->policy();
  info->pending = admission_->pending();
  info->decisions = admission_->decisions();
  info->control_traffic = context_->control->counters();
  info->data_traffic = context_->data->counters();
  info->transit = context_->transit;
  auto promise = self->make_response_promise<session_info>();
  auto open = std::make_shared<std::size_t>(peers_.size());
  if (*open == 0) {
    promise.deliver(*info);
    return promise;
  }
  auto answer_one = [promise, info, open]() mutable {
    if (--*open == 0)
      promise.deliver(std::move(*info));
  };
  peers_.for_each([&](const peer_table::peer& peer) {
    self->request(peer.session, std::chrono::seconds(1), atom::status_v)
        .then(
            [info, answer_one](const peer_info& one) mutable {
              info->peers.push_back(one);
              answer_one();
            },
            [answer_one](caf::error&) mutable { answer_one(); });
  });
  return promise;
}

listener_actor::behavior_type listener(listener_actor::stateful_pointer<listener_state> self,
                                       session_context_ptr context, router_actor router) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), std::move(router));
  return {
      [&state](atom::datagram, channel from, const datagram_chain& chain) {
        state.on_datagrams(from, chain);
      },
      [&state](atom::nobody, const io::endpoint& where) { state.on_unreachable(where); },
      [&state](atom::invite, const invitation_target& target, const target_watcher& watcher) {
        state.invite(target, watcher);
      },
      [&state](atom::abandon, const std::string& key, farewell how) { state.abandon(key, how); },
      [&state](atom::reached, port_key key, std::uint32_t ssrc, const std::string& who,
               const peer_address& address) { state.on_reached(key, ssrc, who, address); },
      [&state](atom::failed, port_key key) { state.on_failed(key); },
      [&state](atom::configure, const config::session& settings) { state.configure(settings); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::leave, port_key key) { return state.disconnect(key); },
      [&state](atom::decide, std::uint64_t id, bool admitted, decision_term term) {
        return state.decide(id, admitted, term);
      },
      [&state](atom::decide, const std::vector<admission_decision>& before) {
        state.remember(before);
      },
      [&state](atom::forget, const std::string& host, const std::string& name) {
        return state.forget(host, name);
      },
      [&state](atom::tick) { state.on_tick(); },
  };
}

} // namespace

listener_actor spawn_listener(caf::actor_system& system, session_context_ptr context,
                              router_actor router) {
  return system.spawn(listener, std::move(context), std::move(router));
}

} // namespace tutti
