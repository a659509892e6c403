// The listener: one offered session on its UDP pair.
// Decides: when a peer session begins and ends, and when the session itself ends.
// Leaves: sorting datagrams (demultiplexer), who comes in (listener_invitations), whom the hub
// invites (listener_targets), everything about one peer (peer_session).
#include "actors/failure.hpp"
#include "actors/listener_state.hpp"

namespace tutti {

using protocol::channel;
using protocol::invitation_kind;

void listener_state::start(session_context_ptr context_to_use, router_actor router_to_use) {
  context_ = std::move(context_to_use);
  router_ = std::move(router_to_use);
  admission_.emplace(context_->identity.name, context_->invitations);
  self->set_down_handler([this](const caf::down_msg& down) { on_peer_down(down); });
  auto me = caf::actor_cast<caf::actor_addr>(listener_actor(self));
  sorter_ = std::make_shared<demultiplexer>(peers_, me);
  auto receive_on = [&](io::datagram_socket& socket, channel from) {
    socket.start(
        [sorter = std::weak_ptr(sorter_), from](const io::datagram_block_ptr& block) {
          if (auto alive = sorter.lock())
            alive->take(from, block);
        },
        [me](const io::endpoint& where) {
          if (auto handle = caf::actor_cast<listener_actor>(me))
            caf::anon_send(handle, atom::nobody_v, where);
        });
  };
  receive_on(*context_->control, channel::control);
  receive_on(*context_->data, channel::data);
}

peer_table::peer& listener_state::add_peer(const peer_address& address, std::string partner) {
  auto key = next_port_key();
  auto session = spawn_peer_session(self->system(), context_, key, address, router_,
                                    listener_actor(self), std::move(partner));
  self->monitor(session);
  keys_[session.address()] = key;
  return peers_.add(key, std::move(session), address);
}

bool listener_state::disconnect(port_key key) {
  auto peer = peers_.by_key(key);
  if (peer)
    self->send(peer->session, atom::leave_v);
  return peer != nullptr;
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
  info->strangers = sorter_->strangers();
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

namespace {

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
