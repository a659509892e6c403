// The supervisor: the configuration in force and the life of all other actors.
// Decides: which parts of the hub a configuration asks for, the order of starting, what is started
// again after a failure, the order of stopping.
// Leaves: what is left alone when the configuration changes (part_list), keeping the configuration
// (configuration), everything else.
#include "actors/failure.hpp"
#include "actors/part_list.hpp"
#include "actors/spawn.hpp"

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

/// An offered session whose ports are open; they stay so while its listener is replaced.
struct offered_session {
  bound_session bound;
  listener_actor listener;
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

  static inline const char* name = "supervisor";

private:
  // What runs beside the router.
  std::vector<part> wanted_parts();
  void want_configuration(std::vector<part>& parts);
  void want_sessions(std::vector<part>& parts);
  void want_tcp(std::vector<part>& parts);
  void want_discovery(std::vector<part>& parts);
  void start_parts();
  void start_router();
  caf::actor start_listener(const config::session& session);
  tcp_context_ptr make_tcp_context() const;
  routing_settings_ptr make_routing() const;

  void keep_scene();
  // What discovery is told.
  caf::actor start_discovery();
  void tell_discovery();
  void introduce(const offered_session& session);
  std::vector<offer> offers() const;

  void on_down(const caf::down_msg& down);
  void end_if_alone();
  bool is_offered(const offered_session& session) const;

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  std::shared_ptr<config::configuration> kept_;
  settings_ptr settings_;
  configuration_actor configuration_;
  router_actor router_;
  part_list parts_; ///< the router comes before them all
  std::vector<std::unique_ptr<offered_session>> sessions_;
  discovery_actor discovery_;
  std::vector<offer> told_offers_; ///< to discovery
  std::vector<config::remote_peer> told_peers_;
  std::string scene_;          ///< active at the router
  std::string kept_scene_;     ///< what the configuration knows of it
  bool keeping_scene_ = false; ///< and is being told
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
  kept_ = std::move(given.configuration);
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
            for (const auto& remark : result.remarks)
              io::log_warning("{}", remark);
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
  router_ = spawn_router(self->system(), make_routing(), supervisor_actor(self));
  self->monitor(router_);
}

std::vector<part> supervisor_state::wanted_parts() {
  std::vector<part> parts;
  want_configuration(parts);
  want_sessions(parts);
  want_tcp(parts);
  want_discovery(parts);
  return parts;
}

void supervisor_state::want_configuration(std::vector<part>& parts) {
  parts.push_back(make_part("the keeper of the configuration", true, [this] {
    configuration_ = spawn_configuration(self->system(), kept_, supervisor_actor(self));
    keeping_scene_ = false;
    return caf::actor_cast<caf::actor>(configuration_);
  }));
}

// Who may join and how many may change while a session goes on.
void supervisor_state::want_sessions(std::vector<part>& parts) {
  for (const auto& offered : settings_->sessions)
    for (const auto& session : by_address(offered)) {
      parts.push_back(
          make_part("the listener of session \"" + session.name + "\" on " + session.bind.front(),
                    std::tuple(session.name, session.port, session.bind),
                    [this, session] { return start_listener(session); }));
      parts.back().update = [this, session](const caf::actor& handle) {
        self->send(caf::actor_cast<listener_actor>(handle), atom::configure_v, session);
      };
    }
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
  auto context = std::make_shared<session_context>();
  context->identity = {session.name, random_number()};
  context->control = offered.bound.control;
  context->data = offered.bound.data;
  context->max_peers = session.max_peers;
  context->seed = std::uint64_t(random_number()) << 32 | random_number();
  offered.listener = spawn_listener(self->system(), std::move(context), router_);
  introduce(offered);
  return caf::actor_cast<caf::actor>(offered.listener);
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
  for (const auto& offered : settings_->sessions)
    for (const auto& one : by_address(offered))
      if (is_same_session(one, session.bound.settings))
        return true;
  return false;
}

// -- discovery ----------------------------------------------------------------------------------

void supervisor_state::want_discovery(std::vector<part>& parts) {
  parts.push_back(
      make_part("discovery", settings_->discovery, [this] { return start_discovery(); }));
}

// It knows nothing when it is new: neither the sessions nor the peers that are to be invited.
caf::actor supervisor_state::start_discovery() {
  discovery_ = spawn_discovery(self->system(), *loop_, settings_->discovery, router_);
  told_offers_.clear();
  told_peers_.clear();
  for (const auto& session : sessions_)
    introduce(*session);
  return caf::actor_cast<caf::actor>(discovery_);
}

// Of a session that listens on several addresses, the first one invites.
void supervisor_state::introduce(const offered_session& session) {
  auto first = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& one) {
    return one->bound.settings.name == session.bound.settings.name;
  });
  if (discovery_ && session.listener && first != sessions_.end() && first->get() == &session)
    self->send(discovery_, atom::attach_v, session.bound.settings.name, session.listener);
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
      if (std::none_of(now.begin(), now.end(),
                       [&](const offer& one) { return one.name == gone.name; }))
        self->send(discovery_, atom::detach_v, gone.name);
    }
  for (const auto& one : now)
    if (!contains(before, one))
      self->send(discovery_, atom::publish_v, one);
  auto peers = std::exchange(told_peers_, settings_->connect);
  for (const auto& gone : peers)
    if (!contains(told_peers_, gone))
      self->send(discovery_, atom::abandon_v, gone);
  for (const auto& peer : told_peers_)
    if (!contains(peers, peer))
      caf::anon_send(discovery_, atom::invite_v, peer);
}

// A session may listen on several addresses; if it does so on one port, that is one service.
std::vector<offer> supervisor_state::offers() const {
  std::vector<offer> out;
  for (const auto& session : sessions_) {
    const auto& called = session->bound.settings.name;
    auto where = session->bound.control->local();
    auto same = std::find_if(out.begin(), out.end(), [&](const offer& one) {
      return one.name == called && one.listens.front().port == where.port;
    });
    if (same == out.end())
      same = out.insert(out.end(), {called, "_apple-midi._udp", {}, {}});
    same->listens.push_back(where);
  }
  return out;
}

// -- failures and the end -----------------------------------------------------------------------

void supervisor_state::on_down(const caf::down_msg& down) {
  auto reason = self->system().render(down.reason);
  auto failed = parts_.on_down(down.source);
  if (leaving_)
    return end_if_alone();
  if (failed)
    io::log_error("{} ended unexpectedly ({}); starting it again", failed->what, reason);
  if (router_ && router_.address() == down.source) {
    // Everybody holds a handle to the router that is gone, so all follow it.
    io::log_error("the router ended unexpectedly ({}); starting everything again", reason);
    router_ = router_actor();
    for (auto& one : parts_.parts())
      if (one.handle)
        self->send_exit(one.handle, caf::exit_reason::kill);
  } else if (!failed) {
    return restart(); // a part that had to leave has left; another may take its place
  }
  self->delayed_send(self, restart_wait, atom::restart_v);
}

// Starts what is missing. Peers that the hub invites are invited anew by discovery when it learns
// of the listener; the others come by themselves when they find that nobody answers.
void supervisor_state::restart() {
  if (leaving_ || (router_ && parts_.startable().empty()))
    return;
  if (!router_)
    start_router();
  start_parts();
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
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system, hub_start start) {
  return system.spawn(supervisor, std::move(start));
}

} // namespace tutti
