// What discovery is told, and the interfaces that sessions depend on.
// Decides: what is announced, and whom the hub invites for whom. Leaves: how (discovery), which
// addresses a session listens on (session_addresses).
#include "actors/supervisor_state.hpp"

#include <algorithm>

namespace tutti {

namespace {

constexpr const char* session_type = "_apple-midi._udp";

template <class Content>
bool contains(const std::vector<Content>& list, const Content& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

} // namespace

void supervisor_state::want_discovery(std::vector<part>& parts) {
  parts.push_back(
      make_part("discovery", settings_->discovery, [this] { return start_discovery(); }));
}

// It knows nothing when it is new: neither the sessions nor the peers that are to be invited.
caf::actor supervisor_state::start_discovery() {
  discovery_ = spawn_discovery(self->system(), *loop_, settings_->discovery, router_, monitor_);
  told_offers_.clear();
  told_peers_.clear();
  for (const auto& session : sessions_)
    introduce(*session);
  if (alsa_watch_)
    self->send(discovery_, atom::subscribe_v, remote_listener(alsa_watch_));
  if (jack_watch_)
    self->send(discovery_, atom::subscribe_v, remote_listener(jack_watch_));
  return caf::actor_cast<caf::actor>(discovery_);
}

// Nobody is invited into the session of a local port.
void supervisor_state::introduce(const offered_session& session) {
  const auto& called = session.bound.settings.name;
  if (discovery_ && session.listener && !find_local(called))
    self->send(discovery_, atom::attach_v, called, session.listener);
}

// What a session listens on is announced, and whom it can reach from there is invited anew.
void supervisor_state::follow_interfaces() {
  if (!interfaces_)
    return;
  auto incomplete = false;
  for (const auto& session : sessions_)
    if (auto& addresses = session->bound.addresses) {
      if (addresses->follow(interfaces_->list()))
        introduce(*session);
      incomplete = incomplete || addresses->incomplete();
    }
  auto now = self->clock().now();
  if (incomplete && now >= next_follow_) {
    next_follow_ = now + retry_wait;
    self->delayed_send(self, retry_wait, atom::restart_v);
  }
  tell_discovery();
}

// They are watched once there is a session that depends on them.
void supervisor_state::watch_interfaces() {
  if (interfaces_)
    return;
  auto me = caf::actor_cast<caf::actor_addr>(supervisor_actor(self));
  try {
    interfaces_ = std::make_unique<io::interface_watcher>(
        loop_->context(), [me](const std::vector<io::network_interface>&) {
          if (auto supervisor = caf::actor_cast<supervisor_actor>(me))
            caf::anon_send(supervisor, atom::restart_v);
        });
  } catch (const boost::system::system_error& error) {
    io::log_warning("cannot follow the network interfaces: {}", error.what());
  }
}

// Tells it what has changed since it was told last.
void supervisor_state::tell_discovery() {
  if (!discovery_ || leaving_)
    return;
  auto now = offers();
  auto before = std::exchange(told_offers_, now);
  for (const auto& gone : before)
    if (!contains(now, gone)) {
      self->send(discovery_, atom::withdraw_v, gone.name, gone.type);
      if (gone.type == session_type && !find_session(gone.name))
        self->send(discovery_, atom::detach_v, gone.name);
    }
  for (const auto& one : now)
    if (!contains(before, one))
      self->send(discovery_, atom::publish_v, one);
  auto wanted = peers_on_demand(false);
  wanted.insert(wanted.end(), invited_.begin(), invited_.end());
  auto peers = std::exchange(told_peers_, std::move(wanted));
  for (const auto& gone : peers)
    if (!contains(told_peers_, gone))
      self->send(discovery_, atom::abandon_v, gone);
  for (const auto& peer : told_peers_)
    if (!contains(peers, peer))
      caf::anon_send(discovery_, atom::invite_v, peer);
}

std::vector<offer> supervisor_state::offers() const {
  std::vector<offer> out;
  for (const auto& session : sessions_)
    out.push_back({session->bound.settings.name, session_type, session->bound.listens(), {}});
  if (auto web = web_offer(); !web.listens.empty())
    out.push_back(std::move(web));
  return out;
}

// The control API is worth finding only where others can reach it.
offer supervisor_state::web_offer() const {
  offer out{sessions_.empty() ? "Tutti" : sessions_.front()->bound.settings.name,
            settings_->control.tls ? "_https._tcp" : "_http._tcp",
            {},
            {"path=/api/v1/status"}};
  if (server_)
    for (const auto& where : server_->local())
      if (!where.is_loopback() && (out.listens.empty() || out.listens.front().port == where.port))
        out.listens.push_back(where);
  return out;
}

caf::result<discovery_info> supervisor_state::seen() {
  if (!discovery_)
    return discovery_info{};
  return self->delegate(discovery_, atom::status_v);
}

bool supervisor_state::invite(const config::remote_peer& peer) {
  auto known = std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& one) {
    return peer.session.empty() || one->bound.settings.name == peer.session;
  });
  if (leaving_ || !discovery_ || !known)
    return false;
  if (contains(told_peers_, peer)) {
    caf::anon_send(discovery_, atom::invite_v, peer); // there is reason to try at once
  } else {
    invited_.push_back(peer);
    tell_discovery();
  }
  return true;
}

} // namespace tutti
