// The parts of the hub that a configuration asks for.
// Decides: which those are, the order of starting, that what cannot start is tried again.
// Leaves: what each of them does.
#include "actors/decision_note.hpp"
#include "actors/supervisor_state.hpp"

#include <algorithm>
#include <random>
#include <tuple>

namespace tutti {

namespace {

/// The same session on the same ports, whoever may join it.
bool is_same_session(const config::session& a, const config::session& b) {
  return a.name == b.name && a.port == b.port && a.bind == b.bind;
}

std::uint32_t random_number() {
  static std::random_device device;
  return device();
}

} // namespace

void supervisor_state::start_router() {
  monitor_ = spawn_monitor(self->system());
  self->monitor(monitor_);
  router_ = spawn_router(self->system(), make_routing(), supervisor_actor(self), monitor_);
  self->monitor(router_);
  self->send(monitor_, atom::attach_v, router_);
}

std::vector<part> supervisor_state::wanted_parts() {
  std::vector<part> parts;
  want_configuration(parts);
  want_sessions(parts);
  want_tcp(parts);
  want_control(parts);
  want_discovery(parts);
  want_local(parts);
  return parts;
}

void supervisor_state::want_configuration(std::vector<part>& parts) {
  parts.push_back(make_part("the keeper of the configuration", true, [this] {
    configuration_ = spawn_configuration(self->system(), kept_, supervisor_actor(self));
    if (control_)
      self->send(control_, atom::attach_v, configuration_);
    keeping_scene_ = false;
    return caf::actor_cast<caf::actor>(configuration_);
  }));
}

void supervisor_state::want_control(std::vector<part>& parts) {
  if (!server_)
    return;
  parts.push_back(make_part("the control API", true, [this] {
    control_ = spawn_control(self->system(), {server_, loop_, supervisor_actor(self),
                                              configuration_, router_, monitor_, version_});
    self->send(monitor_, atom::attach_v, control_);
    return caf::actor_cast<caf::actor>(control_);
  }));
}

// Who may join and how many may change while a session goes on.
void supervisor_state::want_sessions(std::vector<part>& parts) {
  for (const auto& local : local_sessions_)
    parts.push_back(
        make_part("the listener of session \"" + local.settings.name + "\" for " + local.port, true,
                  [this, session = local.settings] { return start_listener(session); }));
  for (const auto& offered : settings_->sessions)
    parts.push_back(wanted_session(with_defaults(offered)));
}

part supervisor_state::wanted_session(const config::session& session) {
  auto out = make_part("the listener of session \"" + session.name + '"',
                       std::tuple(session.name, session.port, session.bind),
                       [this, session] { return start_listener(session); });
  out.update = [this, session](const caf::actor& handle) {
    self->send(caf::actor_cast<listener_actor>(handle), atom::configure_v, session);
  };
  return out;
}

caf::actor supervisor_state::start_listener(const config::session& session) {
  auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& one) {
    return is_same_session(one->bound.settings, session);
  });
  if (found == sessions_.end()) {
    auto bound = bind_session(*loop_, session, *settings_);
    found = sessions_.insert(
        found, std::make_unique<offered_session>(offered_session{std::move(bound), {}}));
  }
  auto& offered = **found;
  if (offered.bound.addresses)
    watch_interfaces();
  auto context = std::make_shared<session_context>();
  context->identity = {session.name, random_number()};
  context->control = offered.bound.control;
  context->data = offered.bound.data;
  context->max_peers = session.max_peers;
  context->invitations = session.invitations;
  context->notices = monitor_;
  if (auto local = find_local(session.name)) {
    context->partner = local->port;
    io::log_info("{} is offered as session \"{}\" on UDP port {}", local->port, session.name,
                 offered.bound.control->local().port);
  }
  context->seed = std::uint64_t(random_number()) << 32 | random_number();
  offered.listener = spawn_listener(self->system(), std::move(context), router_);
  remind_of_decisions(session.name, offered.listener);
  introduce(offered);
  return caf::actor_cast<caf::actor>(offered.listener);
}

// Who was admitted or refused for good is among the notes of the configuration.
void supervisor_state::remind_of_decisions(const std::string& session,
                                           const listener_actor& listener) {
  self->request(configuration_, caf::infinite, atom::note_v, std::string(decisions_note))
      .then(
          [this, session, listener](const json_value& note) {
            if (auto before = read_decisions(note.content, session); !before.empty())
              self->send(listener, atom::decide_v, std::move(before));
          },
          [](caf::error&) {});
}

tcp_context_ptr supervisor_state::make_tcp_context() const {
  auto context = std::make_shared<tcp_context>();
  context->loop = loop_;
  context->router = router_;
  context->sysex_octets = settings_->limits.sysex_octets;
  context->queue.sysex_octets =
      std::max<std::size_t>(context->queue.sysex_octets, 2 * context->sysex_octets);
  context->seed = random_number();
  context->dscp = settings_->real_time.dscp;
  return context;
}

void supervisor_state::want_tcp(std::vector<part>& parts) {
  for (const auto& listener : settings_->tcp.listen)
    parts.push_back(
        make_part("the TCP listener \"" + listener.name + '"', listener, [this, listener] {
          return caf::actor_cast<caf::actor>(
              spawn_tcp_listener(self->system(), make_tcp_context(), listener));
        }));
  for (const auto& target : settings_->tcp.connect)
    parts.push_back(make_part("the TCP connection to " + target.host, target, [this, target] {
      return caf::actor_cast<caf::actor>(
          spawn_tcp_target(self->system(), make_tcp_context(), target));
    }));
}

void supervisor_state::start_parts() {
  bool failed = false;
  for (auto one : parts_.startable()) {
    try {
      one->handle = one->start();
      self->monitor(one->handle);
      if (std::exchange(one->has_failed, false))
        io::log_info("{} runs now", one->what);
    } catch (const std::exception& error) {
      failed = true;
      if (!std::exchange(one->has_failed, true))
        io::log_error("cannot start {}: {}; trying again every {} s", one->what, error.what(),
                      retry_wait.count());
    }
  }
  if (failed)
    self->delayed_send(self, retry_wait, atom::restart_v);
  tell_discovery();
}

const offered_session* supervisor_state::find_session(const std::string& wanted) const {
  auto found = std::find_if(sessions_.begin(), sessions_.end(),
                            [&](const auto& one) { return one->bound.settings.name == wanted; });
  return found == sessions_.end() ? nullptr : found->get();
}

bool supervisor_state::is_offered(const offered_session& session) const {
  if (find_local(session.bound.settings.name))
    return true;
  return std::any_of(settings_->sessions.begin(), settings_->sessions.end(),
                     [&](const config::session& offered) {
                       return is_same_session(with_defaults(offered), session.bound.settings);
                     });
}

routing_settings_ptr supervisor_state::make_routing() const {
  auto routing = std::make_shared<routing_settings>();
  routing->rules = settings_->rules;
  routing->scenes = settings_->scenes;
  routing->first_scene = scene_;
  routing->routes = settings_->limits.routes;
  routing->loop_guard = settings_->limits.loop_guard;
  routing->delay_queue = settings_->limits.delay_queue;
  return routing;
}

} // namespace tutti
