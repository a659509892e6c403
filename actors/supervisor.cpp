// The supervisor: the configuration in force and the life of all other actors.
// Decides: which parts of the hub a configuration asks for, the order of starting, what is started
// again after a failure, the order of stopping.
// Leaves: what is left alone when the configuration changes (part_list), keeping the configuration
// (configuration), everything else.
#include "actors/decision_note.hpp"
#include "actors/failure.hpp"
#include "actors/part_list.hpp"
#include "actors/spawn.hpp"
#include "io/interface_watcher.hpp"
#include "io/name_lookup.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <functional>
#include <random>
#include <tuple>

namespace tutti {

namespace {

constexpr std::chrono::seconds restart_wait{1};
constexpr std::chrono::seconds retry_wait{5};
constexpr const char* session_type = "_apple-midi._udp";

/// An offered session whose ports are open; they stay so while its listener is replaced.
struct offered_session {
  bound_session bound;
  listener_actor listener;
};

/// What a local port is offered as. Its settings name the first session's addresses and any free
/// ports.
struct local_session {
  config::session settings;
  std::string port; ///< id of the local port
  caf::actor_addr owner;
};

struct supervisor_state {
  explicit supervisor_state(supervisor_actor::pointer pointer)
      : self(pointer) {}

  void start(hub_start given);
  void configure(const settings_ptr& settings);
  void reload();
  void on_scene(const std::string& scene);
  void restart();
  void leave();
  caf::result<std::vector<session_info>> status();
  bool invite(const config::remote_peer& peer);
  caf::result<discovery_info> seen();
  /// Hands a question on to the listener of this session; false if there is none.
  template <class... Question>
  caf::result<bool> ask_listener(const std::string& session, const Question&... question);
  void offer_port(const local_offer& wanted, const caf::actor_addr& owner);
  void withdraw_port(const std::string& port, const caf::actor_addr& owner);
  caf::result<bool> import(const local_import& wanted);
  void dismiss(const local_import& wanted);

  static inline const char* name = "supervisor";

private:
  // What runs beside the router.
  std::vector<part> wanted_parts();
  void want_configuration(std::vector<part>& parts);
  void want_control(std::vector<part>& parts);
  void want_sessions(std::vector<part>& parts);
  part wanted_session(const config::session& session);
  void want_tcp(std::vector<part>& parts);
  void want_discovery(std::vector<part>& parts);
  void want_local(std::vector<part>& parts);
  void apply();
  void start_parts();
  void start_router();
  caf::actor start_listener(const config::session& session);
  void remind_of_decisions(const std::string& session, const listener_actor& listener);
  tcp_context_ptr make_tcp_context() const;
  routing_settings_ptr make_routing() const;

  void keep_scene();
  // Sessions for local ports.
  local_context make_local(const config::sound_system& settings) const;
  template <class Watch>
  caf::actor introduce_watch(Watch& known, const Watch& started);
  std::vector<config::remote_peer> peers_on_demand(bool wanted) const;
  const local_session* find_local(const std::string& name) const;
  std::string free_name(const std::string& wanted) const;
  listener_actor listener_for(const std::string& session) const;
  // What discovery is told.
  caf::actor start_discovery();
  void tell_discovery();
  void introduce(const offered_session& session);
  void watch_interfaces();
  void follow_interfaces();
  std::vector<offer> offers() const;
  offer web_offer() const;

  void on_down(const caf::down_msg& down);
  void end_if_alone();
  bool is_offered(const offered_session& session) const;
  bool is_offered(const std::string& session) const;

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  std::shared_ptr<config::configuration> kept_;
  settings_ptr settings_;
  configuration_actor configuration_;
  std::shared_ptr<io::http_server> server_;
  std::string version_;
  control_actor control_;
  monitor_actor monitor_; ///< first of all, since the others tell it what happens
  router_actor router_;
  part_list parts_; ///< the router comes before them all
  std::vector<std::unique_ptr<offered_session>> sessions_;
  std::vector<local_session> local_sessions_;
  discovery_actor discovery_;
  alsa_watch_actor alsa_watch_;
  jack_watch_actor jack_watch_;
  std::unique_ptr<io::name_lookup> names_;              ///< for peers of local ports
  std::unique_ptr<io::interface_watcher> interfaces_;   ///< for sessions on some addresses only
  std::chrono::steady_clock::time_point next_follow_{}; ///< when addresses are missing
  std::vector<offer> told_offers_;                      ///< to discovery
  std::vector<config::remote_peer> told_peers_;
  std::vector<config::remote_peer> invited_; ///< by the API, until the hub ends
  std::string scene_;                        ///< active at the router
  std::string kept_scene_;                   ///< what the configuration knows of it
  bool keeping_scene_ = false;               ///< and is being told
  bool leaving_ = false;
};

/// The same session on the same ports, whoever may join it.
bool is_same_session(const config::session& a, const config::session& b) {
  return a.name == b.name && a.port == b.port && a.bind == b.bind;
}

template <class Content>
bool contains(const std::vector<Content>& list, const Content& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

std::uint32_t random_number() {
  static std::random_device device;
  return device();
}

void supervisor_state::start(hub_start given) {
  loop_ = given.loop;
  names_ = std::make_unique<io::name_lookup>(loop_->context());
  kept_ = std::move(given.configuration);
  server_ = std::move(given.control);
  version_ = std::move(given.version);
  auto now = kept_->in_force();
  settings_ = settings_ptr(now, &now->settings);
  scene_ = kept_scene_ = settings_->scene;
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  start_router();
  for (auto& one : given.bound)
    sessions_.push_back(std::make_unique<offered_session>(offered_session{std::move(one), {}}));
  parts_.want(wanted_parts());
  start_parts();
}

// -- the configuration --------------------------------------------------------------------------

void supervisor_state::configure(const settings_ptr& settings) {
  if (leaving_)
    return;
  auto before = std::exchange(settings_, settings);
  if (settings_->log != before->log)
    io::set_log_level(static_cast<io::log_level>(settings_->log.level));
  if (settings_->real_time != before->real_time)
    io::log_warning("\"real_time\" takes effect when the hub is started again");
  if (settings_->control != before->control)
    io::log_warning("\"control\" takes effect when the hub is started again");
  if (monitor_)
    self->send(monitor_, atom::tell_v, notice{topic::rules, "configuration", {}});
  // The router hears of the scene first, in case the active one goes with the rules.
  bool other_scene = settings_->scene != kept_scene_;
  if (other_scene)
    scene_ = kept_scene_ = settings_->scene;
  bool same_routing = settings_->rules == before->rules && settings_->scenes == before->scenes &&
                      settings_->limits == before->limits;
  if (router_ && !same_routing)
    self->send(router_, atom::configure_v, make_routing());
  if (router_ && other_scene)
    self->request(router_, caf::infinite, atom::scene_v, scene_)
        .then([](bool) {}, [](caf::error&) {});
  apply();
}

// Brings what runs in line with what is wanted now.
void supervisor_state::apply() {
  for (auto& leaving : parts_.want(wanted_parts()))
    caf::anon_send(leaving, atom::leave_v);
  std::erase_if(sessions_, [this](const auto& session) { return !is_offered(*session); });
  start_parts();
}

void supervisor_state::reload() {
  if (leaving_ || !configuration_)
    return;
  self->request(configuration_, caf::infinite, atom::reload_v)
      .then(
          [](const config::change_result& result) {
            for (const auto& wrong : result.mistakes)
              io::log_error("{}", wrong.sentence());
            if (result)
              io::log_info("the configuration was read again");
            else
              io::log_error("the configuration has mistakes; the former one stays in force");
          },
          [](caf::error&) { io::log_error("the configuration cannot be read again just now"); });
}

void supervisor_state::on_scene(const std::string& scene) {
  scene_ = scene;
  keep_scene();
}

// One at a time, and then the newest: scenes may change faster than a disk takes it.
void supervisor_state::keep_scene() {
  if (keeping_scene_ || leaving_ || !configuration_ || scene_ == kept_scene_)
    return;
  keeping_scene_ = true;
  auto told = scene_;
  self->request(configuration_, caf::infinite, atom::scene_v, told)
      .then(
          [this, told](bool) {
            keeping_scene_ = false;
            kept_scene_ = told;
            keep_scene();
          },
          [this](caf::error&) { keeping_scene_ = false; });
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

// -- parts --------------------------------------------------------------------------------------

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

// What cannot be started, as its port is taken, is tried again until it can.
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

bool supervisor_state::is_offered(const offered_session& session) const {
  if (find_local(session.bound.settings.name))
    return true;
  return std::any_of(settings_->sessions.begin(), settings_->sessions.end(),
                     [&](const config::session& offered) {
                       return is_same_session(with_defaults(offered), session.bound.settings);
                     });
}

bool supervisor_state::is_offered(const std::string& session) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& one) { return one->bound.settings.name == session; });
}

// -- discovery ----------------------------------------------------------------------------------

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
      if (gone.type == session_type && !is_offered(gone.name))
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

// -- ports of this machine ----------------------------------------------------------------------

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

std::string key_of(const local_import& wanted) {
  return "import/" + wanted.port;
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

// -- failures and the end -----------------------------------------------------------------------

void supervisor_state::on_down(const caf::down_msg& down) {
  auto reason = self->system().render(down.reason);
  auto failed = parts_.on_down(down.source);
  if (leaving_)
    return end_if_alone();
  if (failed)
    io::log_error("{} ended unexpectedly ({}); starting it again", failed->what, reason);
  auto was_router = router_ && router_.address() == down.source;
  if (was_router || (monitor_ && monitor_.address() == down.source)) {
    // Everybody holds a handle to the one that is gone, so all follow it.
    io::log_error("the {} ended unexpectedly ({}); starting everything again",
                  was_router ? "router" : "monitor", reason);
    if (auto other = was_router ? caf::actor_cast<caf::actor>(monitor_)
                                : caf::actor_cast<caf::actor>(router_))
      self->send_exit(other, caf::exit_reason::kill);
    router_ = router_actor();
    monitor_ = monitor_actor();
    for (auto& one : parts_.parts())
      if (one.handle)
        self->send_exit(one.handle, caf::exit_reason::kill);
  } else if (!failed) {
    return restart(); // a part that had to leave has left; another may take its place
  }
  self->delayed_send(self, restart_wait, atom::restart_v);
  // Nobody wants the sessions of a part that has ended; whoever takes its place asks again.
  auto is_orphan = [&](const auto& session) { return session.owner == down.source; };
  if (std::erase_if(local_sessions_, is_orphan) > 0 && router_)
    apply();
}

// Starts what is missing. Peers that the hub invites are invited anew by discovery when it learns
// of the listener; the others come by themselves when they find that nobody answers.
void supervisor_state::restart() {
  if (leaving_)
    return;
  follow_interfaces();
  if (router_ && parts_.startable().empty())
    return;
  if (!router_)
    start_router();
  apply();
}

void supervisor_state::leave() {
  if (leaving_)
    return;
  leaving_ = true;
  for (auto& one : parts_.parts())
    if (one.handle)
      caf::anon_send(one.handle, atom::leave_v);
  end_if_alone();
}

// The router goes last, since everything else sends to it.
void supervisor_state::end_if_alone() {
  if (!parts_.all_down())
    return;
  if (router_)
    self->send_exit(router_, caf::exit_reason::user_shutdown);
  if (monitor_)
    self->send(monitor_, atom::leave_v);
  control_ = control_actor();
  self->quit();
}

// Asks every session, and answers when the last one has.
caf::result<std::vector<session_info>> supervisor_state::status() {
  auto promise = self->make_response_promise<std::vector<session_info>>();
  auto out = std::make_shared<std::vector<session_info>>();
  auto open = std::make_shared<std::size_t>(1);
  auto answer_one = [promise, out, open]() mutable {
    if (--*open == 0)
      promise.deliver(std::move(*out));
  };
  for (auto& session : sessions_) {
    if (!session->listener)
      continue;
    ++*open;
    self->request(session->listener, std::chrono::seconds(2), atom::status_v)
        .then(
            [out, answer_one](const session_info& one) mutable {
              out->push_back(one);
              answer_one();
            },
            [answer_one](caf::error&) mutable { answer_one(); });
  }
  answer_one();
  return promise;
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

template <class... Question>
caf::result<bool> supervisor_state::ask_listener(const std::string& session,
                                                 const Question&... question) {
  auto found = std::find_if(sessions_.begin(), sessions_.end(),
                            [&](const auto& one) { return one->bound.settings.name == session; });
  if (found == sessions_.end() || !(*found)->listener)
    return false;
  return self->delegate((*found)->listener, question...);
}

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, hub_start start) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(start));
  return {
      [&state](atom::scene, const std::string& scene) { state.on_scene(scene); },
      [&state](atom::configure, const settings_ptr& settings) { state.configure(settings); },
      [&state](atom::reload) { state.reload(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::restart) { state.restart(); },
      [&state, self](atom::offer, const local_offer& wanted) {
        state.offer_port(wanted, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state, self](atom::withdraw, const std::string& port) {
        state.withdraw_port(port, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state](atom::invite, const local_import& wanted) { return state.import(wanted); },
      [&state](atom::withdraw, const local_import& wanted) { state.dismiss(wanted); },
      [&state](atom::status) { return state.status(); },
      [&state](atom::seen) { return state.seen(); },
      [&state](atom::invite, const config::remote_peer& peer) { return state.invite(peer); },
      [&state](atom::leave, const std::string& session, port_key key) {
        return state.ask_listener(session, atom::leave_v, key);
      },
      [&state](atom::decide, const std::string& session, std::uint64_t id, bool admitted,
               decision_term term) {
        return state.ask_listener(session, atom::decide_v, id, admitted, term);
      },
      [&state](atom::forget, const std::string& session, const std::string& host,
               const std::string& peer) {
        return state.ask_listener(session, atom::forget_v, host, peer);
      },
  };
}

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system, hub_start start) {
  return system.spawn(supervisor, std::move(start));
}

} // namespace tutti
