// The ports of this machine, the sessions that they are offered as, and the peers that appear as
// ports.
// Decides: their names, and that they go with the watch that wanted them. Leaves: which ports there
// are (alsa_watch, jack_watch).
#include "actors/supervisor_state.hpp"

#include <algorithm>
#include <tuple>

namespace tutti {

namespace {

std::string key_of(const local_import& wanted) {
  return "import/" + wanted.port;
}

} // namespace

void supervisor_state::want_local(std::vector<part>& parts) {
  const auto& local = settings_->local;
  auto settings_of = [this](const config::sound_system& system) {
    return std::tuple(system, peers_on_demand(true), settings_->limits.sysex_octets);
  };
  if (local.alsa.enabled)
    parts.push_back(make_part("the watch over ALSA", settings_of(local.alsa), [this] {
      return introduce_watch(alsa_watch_,
                             spawn_alsa_watch(self->system(), make_local(settings_->local.alsa)));
    }));
  if (local.jack.enabled)
    parts.push_back(make_part("the watch over JACK", settings_of(local.jack), [this] {
      return introduce_watch(jack_watch_,
                             spawn_jack_watch(self->system(), make_local(settings_->local.jack)));
    }));
  for (const auto& cable : settings_->multicast)
    parts.push_back(make_part("the multicast cable \"" + cable.name + '"', cable, [this, cable] {
      return caf::actor_cast<caf::actor>(
          spawn_multicast_port(self->system(), *loop_, router_, cable));
    }));
}

local_context supervisor_state::make_local(const config::sound_system& settings) const {
  local_context out;
  out.loop = loop_;
  out.router = router_;
  out.sessions = supervisor_actor(self);
  out.remotes = peers_on_demand(true);
  out.settings = settings;
  out.sysex_octets = settings_->limits.sysex_octets;
  return out;
}

template <class Watch>
caf::actor supervisor_state::introduce_watch(Watch& known, const Watch& started) {
  known = started;
  if (discovery_)
    self->send(discovery_, atom::subscribe_v, remote_listener(started));
  return caf::actor_cast<caf::actor>(started);
}

std::vector<config::remote_peer> supervisor_state::peers_on_demand(bool wanted) const {
  std::vector<config::remote_peer> out;
  for (const auto& peer : settings_->connect)
    if (peer.on_demand == wanted)
      out.push_back(peer);
  return out;
}

void supervisor_state::offer_port(const local_offer& wanted, const caf::actor_addr& owner) {
  if (leaving_)
    return;
  local_session added;
  if (!settings_->sessions.empty())
    added.settings = with_defaults(settings_->sessions.front());
  added.settings.name = free_name(wanted.name);
  added.settings.port = 0;
  if (added.settings.bind.empty())
    added.settings.bind = {"::"};
  added.port = wanted.port;
  added.owner = owner;
  local_sessions_.push_back(std::move(added));
  apply();
}

void supervisor_state::withdraw_port(const std::string& port, const caf::actor_addr& owner) {
  auto gone = std::erase_if(local_sessions_, [&](const local_session& session) {
    if (session.port != port || session.owner != owner)
      return false;
    io::log_info("session \"{}\" is not offered any more", session.settings.name);
    return true;
  });
  if (gone > 0 && !leaving_)
    apply();
}

const local_session* supervisor_state::find_local(const std::string& session) const {
  for (const auto& local : local_sessions_)
    if (local.settings.name == session)
      return &local;
  return nullptr;
}

std::string supervisor_state::free_name(const std::string& wanted) const {
  auto taken = [this](const std::string& one) {
    auto configured = [&](const config::session& session) {
      return with_defaults(session).name == one;
    };
    return find_local(one) ||
           std::any_of(settings_->sessions.begin(), settings_->sessions.end(), configured);
  };
  auto found = wanted;
  for (int number = 2; taken(found); ++number)
    found = wanted + " (" + std::to_string(number) + ')';
  return found;
}

listener_actor supervisor_state::listener_for(const std::string& wanted) const {
  for (const auto& session : sessions_) {
    const auto& called = session->bound.settings.name;
    if (!find_local(called) && (wanted.empty() || called == wanted))
      return session->listener;
  }
  return listener_actor();
}

caf::result<bool> supervisor_state::import(const local_import& wanted) {
  if (leaving_)
    return false;
  auto promise = self->make_response_promise<bool>();
  names_->find(wanted.remote.host, wanted.remote.port,
               [this, promise, wanted](const io::name_result& result) mutable {
                 invitation_target target{key_of(wanted), wanted.remote.name, {}, wanted.port};
                 for (const auto& where : result.endpoints)
                   target.candidates.push_back(io::from_socket_address(where.data()));
                 auto listener = listener_for(wanted.remote.session);
                 if (target.candidates.empty())
                   io::log_warning("cannot look up \"{}\": {}", wanted.remote.host, result.error);
                 else if (listener)
                   caf::anon_send(listener, atom::invite_v, std::move(target), target_watcher());
                 promise.deliver(!result.endpoints.empty() && listener);
               });
  return promise;
}

void supervisor_state::dismiss(const local_import& wanted) {
  if (auto listener = listener_for(wanted.remote.session))
    self->send(listener, atom::abandon_v, key_of(wanted), farewell::goodbye);
}

} // namespace tutti
