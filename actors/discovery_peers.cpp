// Whom the hub invites: peers by name or address, services by rule, others when they are used.
#include "actors/discovery_state.hpp"
#include "io/log.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace tutti {

namespace {

/// A name that leads nowhere, or to a peer that is not in session, is looked up again this often.
constexpr std::chrono::seconds lookup_interval{3};
/// How often the router is asked which services its rules name.
constexpr std::chrono::milliseconds demand_interval{500};

} // namespace

void discovery_state::attach(const std::string& session, const listener_actor& listener) {
  auto known = std::find_if(sessions_.begin(), sessions_.end(),
                            [&](const auto& one) { return one.name == session; });
  if (known == sessions_.end())
    known = sessions_.insert(sessions_.end(), {session, {}});
  known->listener = listener;
  plan_->renew(session);
  if (known == sessions_.begin())
    plan_->renew({});
  perform();
}

void discovery_state::detach(const std::string& session) {
  bool was_first = !sessions_.empty() && sessions_.front().name == session;
  std::erase_if(sessions_, [&](const named_session& one) { return one.name == session; });
  if (was_first && !sessions_.empty()) {
    plan_->renew({}); // another session is the first now
    perform();
  }
}

void discovery_state::abandon(const config::remote_peer& peer) {
  plan_->remove_peer(peer);
  perform();
}

bool discovery_state::invite(const config::remote_peer& peer) {
  if (!peer.session.empty() && !listener_for(peer.session))
    return false;
  look_up(plan_->add_peer(peer));
  return true;
}

void discovery_state::look_up(const std::string& key) {
  auto peer = plan_->peer(key);
  if (!peer)
    return;
  looked_up_.insert(key);
  auto me = caf::actor_cast<caf::actor_addr>(discovery_actor(self));
  names_->find(peer->host, peer->port, [me, key](io::name_result result) {
    if (auto handle = caf::actor_cast<discovery_actor>(me))
      caf::anon_send(handle, atom::resolved_v, key,
                     std::make_shared<const io::name_result>(std::move(result)));
  });
}

void discovery_state::on_resolved(const std::string& key, const io::name_result& result) {
  looked_up_.erase(key);
  auto peer = plan_->peer(key);
  if (!peer)
    return; // not wanted any more
  if (!result.endpoints.empty()) {
    unknown_.erase(key);
    plan_->on_resolved(key, result.endpoints);
    perform();
  } else if (unknown_.insert(key).second) { // the first failure is news; that it goes on is not
    io::log_warning("cannot look up \"{}\": {}; trying on", peer->host, result.error);
  }
  plan_look_up(key, lookup_interval);
}

void discovery_state::on_reached(const std::string& key) {
  reached_.insert(key);
}

// A service that does not answer may be on another port by now.
void discovery_state::on_failed(const std::string& key) {
  auto was_reached = reached_.erase(key) > 0;
  if (auto service = connect_plan::service_of(key))
    mdns_->refresh(rtp_midi_type, *service);
  plan_look_up(key, was_reached ? std::chrono::seconds(0) : lookup_interval);
}

// A peer that is not in session may have another address by now, if it has a name.
void discovery_state::plan_look_up(const std::string& key, std::chrono::seconds wait) {
  auto peer = plan_->peer(key);
  if (!peer || io::parse_address(peer->host) || reached_.count(key) > 0 ||
      !looked_up_.insert(key).second)
    return;
  self->delayed_send(self, wait, atom::tick_v, key);
}

void discovery_state::on_look_up_due(const std::string& key) {
  looked_up_.erase(key);
  if (reached_.count(key) == 0)
    look_up(key);
}

// -- who is connected to on demand --

void discovery_state::subscribe(const remote_listener& listener) {
  self->monitor(listener);
  listeners_.push_back(listener);
  for (const auto& [service, remote] : remotes_)
    self->send(listener, atom::known_v, remote);
}

void discovery_state::on_down(const caf::actor_addr& gone) {
  std::erase_if(listeners_, [&](const auto& listener) { return listener.address() == gone; });
}

// As where the best of its addresses is; nothing if it is not there, or not on demand.
std::optional<config::remote_peer> discovery_state::remote_of(const std::string& service) const {
  auto known = plan_->services().find(service);
  if (known == plan_->services().end())
    return {};
  const auto& entry = known->second;
  if (!entry.rule || entry.rule->when != config::connect_when::on_demand ||
      entry.service.endpoints.empty())
    return {};
  auto where = plan_->ranked(entry.service.endpoints).front();
  config::remote_peer out;
  out.host = address_text(where);
  out.port = where.port;
  out.session = entry.rule->session;
  out.name = service;
  out.on_demand = true;
  return out;
}

void discovery_state::tell_of_remote(const std::string& service) {
  auto now = remote_of(service);
  auto before = remotes_.find(service);
  if (now && before != remotes_.end() && before->second == *now)
    return;
  if (now) {
    for (const auto& listener : listeners_)
      self->send(listener, atom::known_v, *now);
    remotes_[service] = std::move(*now);
  } else if (before != remotes_.end()) {
    for (const auto& listener : listeners_)
      self->send(listener, atom::lost_v, service);
    remotes_.erase(before);
  }
}

// Rules and scenes change at any time, so the router is asked again and again.
void discovery_state::ask_for_demand() {
  self->delayed_send(self, demand_interval, atom::tick_v);
  std::vector<port_description> ports;
  for (const auto& [service, entry] : plan_->services())
    if (entry.rule && entry.rule->when == config::connect_when::on_demand)
      ports.push_back({port_kind::rtp, session_name(entry.rule->session), service});
  if (ports.empty())
    return;
  self->request(router_, std::chrono::seconds(1), atom::named_v, ports)
      .then(
          [this, ports](const std::vector<port_description>& named) {
            for (const auto& port : ports)
              plan_->on_wanted(port.name,
                               std::any_of(named.begin(), named.end(),
                                           [&](const auto& one) { return one.name == port.name; }));
            perform();
          },
          [](const caf::error&) {}); // asked again soon
}

const std::string& discovery_state::session_name(const std::string& given) const {
  if (given.empty() && !sessions_.empty())
    return sessions_.front().name;
  return given;
}

void discovery_state::perform() {
  for (const auto& command : plan_->take_commands()) {
    auto listener = listener_for(command.session);
    if (!listener)
      continue; // told again when it is attached
    if (command.what == connect_plan::command::kind::invite)
      caf::anon_send(*listener, atom::invite_v, command.target,
                     target_watcher(discovery_actor(self)));
    else
      caf::anon_send(*listener, atom::abandon_v, command.target.key, command.how);
  }
}

const listener_actor* discovery_state::listener_for(const std::string& session) const {
  for (const auto& one : sessions_)
    if (session.empty() || one.name == session)
      return &one.listener;
  return nullptr;
}

} // namespace tutti
