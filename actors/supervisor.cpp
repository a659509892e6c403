// The supervisor: the configuration in force and the life of all other actors.
// Decides: the order of starting, what is started again after a failure, the order of stopping.
// Leaves: everything else.
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "io/udp_socket.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <functional>
#include <random>

namespace tutti {

namespace {

constexpr std::chrono::seconds restart_wait{1};

/// A part of the hub that can be started again. All of them take `leave`.
struct child {
  std::string what; ///< for the log
  std::function<caf::actor()> start;
  caf::actor handle; ///< null while it is down
};

/// An offered session; its ports stay open while its listener is replaced.
struct offered_session {
  bound_session bound;
  listener_actor listener;
};

struct supervisor_state {
  explicit supervisor_state(supervisor_actor::pointer pointer)
      : self(pointer) {}

  void start(io::event_loop& loop, const config::settings& settings,
             std::vector<bound_session> bound);
  void restart();
  void leave();
  caf::result<std::vector<session_info>> status();

  static inline const char* name = "supervisor";

private:
  void start_router();
  void add_child(std::string what, std::function<caf::actor()> start);
  void add_session(offered_session& session);
  void add_tcp();
  caf::actor start_listener(offered_session& session);
  void add_discovery();
  caf::actor start_discovery();
  void introduce(const offered_session& session);
  std::vector<offer> offers() const;
  void on_down(const caf::down_msg& down);
  void end_if_alone();

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  config::settings settings_;
  router_actor router_;
  std::vector<std::unique_ptr<offered_session>> sessions_;
  std::vector<child> children_; ///< in the order of starting; the router comes before them all
  discovery_actor discovery_;
  bool leaving_ = false;
};

std::uint32_t random_number() {
  static std::random_device device;
  return device();
}

void supervisor_state::start(io::event_loop& loop, const config::settings& settings,
                             std::vector<bound_session> bound) {
  loop_ = &loop;
  settings_ = settings;
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  start_router();
  for (auto& one : bound) {
    sessions_.push_back(std::make_unique<offered_session>(offered_session{std::move(one), {}}));
    add_session(*sessions_.back());
  }
  add_tcp();
  add_discovery();
}

void supervisor_state::start_router() {
  auto routing = std::make_shared<routing_settings>();
  routing->rules = settings_.rules;
  routing->scenes = settings_.scenes;
  routing->first_scene = settings_.scene;
  routing->routes = settings_.limits.routes;
  routing->loop_guard = settings_.limits.loop_guard;
  routing->delay_queue = settings_.limits.delay_queue;
  router_ = spawn_router(self->system(), std::move(routing));
  self->monitor(router_);
}

void supervisor_state::add_child(std::string what, std::function<caf::actor()> start) {
  auto handle = start();
  self->monitor(handle);
  children_.push_back({std::move(what), std::move(start), std::move(handle)});
}

void supervisor_state::add_session(offered_session& session) {
  add_child("the listener of session \"" + session.bound.settings.name + '"',
            [this, &session] { return start_listener(session); });
}

caf::actor supervisor_state::start_listener(offered_session& session) {
  auto context = std::make_shared<session_context>();
  context->identity = {session.bound.settings.name, random_number()};
  context->control = session.bound.control;
  context->data = session.bound.data;
  context->max_peers = session.bound.settings.max_peers;
  context->seed = std::uint64_t(random_number()) << 32 | random_number();
  session.listener = spawn_listener(self->system(), std::move(context), router_);
  introduce(session);
  return caf::actor_cast<caf::actor>(session.listener);
}

void supervisor_state::add_tcp() {
  auto make_context = [this] {
    auto context = std::make_shared<tcp_context>();
    context->loop = loop_;
    context->router = router_;
    context->sysex_octets = settings_.limits.sysex_octets;
    context->queue.sysex_octets =
        std::max<std::size_t>(context->queue.sysex_octets, 2 * context->sysex_octets);
    context->seed = random_number();
    context->dscp = settings_.real_time.dscp;
    return context;
  };
  for (const auto& listener : settings_.tcp.listen)
    add_child("a TCP listener", [this, make_context, &listener] {
      return caf::actor_cast<caf::actor>(
          spawn_tcp_listener(self->system(), make_context(), listener));
    });
  for (const auto& target : settings_.tcp.connect)
    add_child("a TCP connection", [this, make_context, &target] {
      return caf::actor_cast<caf::actor>(spawn_tcp_target(self->system(), make_context(), target));
    });
}

void supervisor_state::add_discovery() {
  add_child("discovery", [this] { return start_discovery(); });
}

// It knows nothing when it is new: neither the sessions nor the peers that are to be invited.
caf::actor supervisor_state::start_discovery() {
  discovery_ = spawn_discovery(self->system(), *loop_, settings_.discovery, router_);
  for (auto& one : offers())
    self->send(discovery_, atom::publish_v, std::move(one));
  for (const auto& session : sessions_)
    introduce(*session);
  for (const auto& peer : settings_.connect)
    caf::anon_send(discovery_, atom::invite_v, peer);
  return caf::actor_cast<caf::actor>(discovery_);
}

// Of a session that listens on several addresses, the first one invites.
void supervisor_state::introduce(const offered_session& session) {
  auto first = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& one) {
    return one->bound.settings.name == session.bound.settings.name;
  });
  if (discovery_ && first != sessions_.end() && first->get() == &session)
    self->send(discovery_, atom::attach_v, session.bound.settings.name, session.listener);
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

void supervisor_state::on_down(const caf::down_msg& down) {
  auto reason = self->system().render(down.reason);
  for (auto& part : children_)
    if (part.handle && part.handle.address() == down.source) {
      part.handle = nullptr;
      if (!leaving_)
        io::log_error("{} ended unexpectedly ({}); starting it again", part.what, reason);
    }
  if (leaving_)
    return end_if_alone();
  if (router_ && router_.address() == down.source) {
    // Everybody holds a handle to the router that is gone, so all follow it.
    io::log_error("the router ended unexpectedly ({}); starting everything again", reason);
    router_ = router_actor();
    for (auto& part : children_)
      if (part.handle)
        self->send_exit(part.handle, caf::exit_reason::kill);
  }
  self->delayed_send(self, restart_wait, atom::restart_v);
}

// Starts what is missing. Peers that the hub invites are invited anew by discovery when it learns
// of the listener; the others come by themselves when they find that nobody answers.
void supervisor_state::restart() {
  auto down = [](const child& part) { return !part.handle; };
  if (leaving_ || (router_ && std::none_of(children_.begin(), children_.end(), down)))
    return;
  if (!router_)
    start_router();
  for (auto& part : children_)
    if (!part.handle) {
      part.handle = part.start();
      self->monitor(part.handle);
    }
}

void supervisor_state::leave() {
  if (leaving_)
    return;
  leaving_ = true;
  for (auto& part : children_)
    if (part.handle)
      caf::anon_send(part.handle, atom::leave_v);
  end_if_alone();
}

// The router goes last, since everything else sends to it.
void supervisor_state::end_if_alone() {
  auto up = [](const child& part) { return bool(part.handle); };
  if (std::any_of(children_.begin(), children_.end(), up))
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
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, io::event_loop* loop,
           const config::settings& settings, std::vector<bound_session> bound) {
  log_failures(self);
  auto& state = self->state;
  state.start(*loop, settings, std::move(bound));
  return {
      [&state](atom::leave) { state.leave(); },
      [&state](atom::restart) { state.restart(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system, io::event_loop& loop,
                                  const config::settings& settings,
                                  std::vector<bound_session> bound) {
  return system.spawn(supervisor, &loop, settings, std::move(bound));
}

} // namespace tutti
