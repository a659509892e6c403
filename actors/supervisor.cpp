// The supervisor: the configuration in force and the life of all other actors.
// Decides: the order of starting, what is started again after a failure, the order of stopping.
// Leaves: everything else.
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "io/name_lookup.hpp"
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
constexpr const char* rtp_midi_type = "_apple-midi._udp";

/// A part of the hub that can be started again. All of them take `leave`.
struct child {
  std::string what; ///< for the log
  std::function<caf::actor()> start;
  caf::actor handle;      ///< null while it is down
  bool withdrawn = false; ///< its end is meant
};

/// An offered session; its ports stay open while its listener is replaced.
struct offered_session {
  bound_session bound;
  listener_actor listener;
  std::string partner{};   ///< id of the local port that it is for; empty: it is configured
  caf::actor_addr owner{}; ///< who wants it for that port
};

struct supervisor_state {
  explicit supervisor_state(supervisor_actor::pointer pointer)
      : self(pointer) {}

  void start(io::event_loop& loop, const config::settings& settings,
             std::vector<bound_session> bound);
  void restart();
  void leave();
  caf::result<std::vector<session_info>> status();
  void add_local_session(const local_offer& wanted, const caf::actor_addr& owner);
  void withdraw_port(const std::string& port, const caf::actor_addr& owner);
  caf::result<bool> import(const local_import& wanted);
  void dismiss(const local_import& wanted);

  static inline const char* name = "supervisor";

private:
  void start_router();
  void add_child(std::string what, std::function<caf::actor()> start);
  void add_session(offered_session& session);
  void add_tcp();
  void add_local();
  void add_multicast();
  bound_session bind_for(const local_offer& wanted);
  std::string free_name(const std::string& wanted) const;
  void withdraw(const offered_session& session);
  bool forget_withdrawn(const caf::actor_addr& gone);
  listener_actor listener_for(const std::string& session) const;
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
  std::unique_ptr<io::name_lookup> names_; ///< for peers of local ports
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
  names_ = std::make_unique<io::name_lookup>(loop.context());
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  start_router();
  for (auto& one : bound) {
    sessions_.push_back(
        std::make_unique<offered_session>(offered_session{std::move(one), {}, {}, {}}));
    add_session(*sessions_.back());
  }
  add_tcp();
  add_discovery();
  add_local();
  add_multicast();
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
  context->partner = session.partner;
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

void supervisor_state::add_local() {
  auto context = [this](const config::sound_system& settings) {
    local_context out;
    out.loop = loop_;
    out.router = router_;
    out.sessions = supervisor_actor(self);
    out.settings = settings;
    out.sysex_octets = settings_.limits.sysex_octets;
    out.discovery = discovery_;
    for (const auto& peer : settings_.connect)
      if (peer.on_demand)
        out.remotes.push_back(peer);
    return out;
  };
  if (settings_.local.alsa.enabled)
    add_child("the watch over ALSA", [this, context] {
      return caf::actor_cast<caf::actor>(
          spawn_alsa_watch(self->system(), context(settings_.local.alsa)));
    });
  if (settings_.local.jack.enabled)
    add_child("the watch over JACK", [this, context] {
      return caf::actor_cast<caf::actor>(
          spawn_jack_watch(self->system(), context(settings_.local.jack)));
    });
}

void supervisor_state::add_multicast() {
  for (const auto& cable : settings_.multicast)
    add_child("a multicast cable", [this, &cable] {
      return caf::actor_cast<caf::actor>(
          spawn_multicast_port(self->system(), *loop_, router_, cable));
    });
}

// -- sessions for local ports --

void supervisor_state::add_local_session(const local_offer& wanted, const caf::actor_addr& owner) {
  if (leaving_)
    return;
  try {
    auto session = std::make_unique<offered_session>();
    session->bound = bind_for(wanted);
    session->partner = wanted.port;
    session->owner = owner;
    io::log_info("{} is offered as session \"{}\" on UDP port {}", wanted.port,
                 session->bound.settings.name, session->bound.control->local().port);
    sessions_.push_back(std::move(session));
    add_session(*sessions_.back());
    if (discovery_)
      self->send(discovery_, atom::publish_v,
                 offer{sessions_.back()->bound.settings.name,
                       rtp_midi_type,
                       {sessions_.back()->bound.control->local()},
                       {}});
  } catch (const std::exception& error) {
    io::log_error("{} cannot be offered as a session: {}", wanted.port, error.what());
  }
}

// On the addresses of the first session, but any free pair of ports.
bound_session supervisor_state::bind_for(const local_offer& wanted) {
  config::session settings;
  std::string address = "::";
  if (!settings_.sessions.empty()) {
    settings = settings_.sessions.front();
    if (!settings.bind.empty())
      address = settings.bind.front();
  }
  settings.name = free_name(wanted.name);
  settings.port = 0;
  auto where = io::parse_address(address, 0);
  if (!where)
    throw std::runtime_error('"' + address + "\" is no address");
  io::udp_options options;
  options.buffer_octets = static_cast<int>(settings_.limits.socket_buffer);
  auto pair = io::bind_udp_pair(*loop_, *where, options);
  return {settings, std::move(pair.control), std::move(pair.data)};
}

std::string supervisor_state::free_name(const std::string& wanted) const {
  auto taken = [this](const std::string& one) {
    return std::any_of(sessions_.begin(), sessions_.end(),
                       [&](const auto& known) { return known->bound.settings.name == one; });
  };
  auto found = wanted;
  for (int number = 2; taken(found); ++number)
    found = wanted + " (" + std::to_string(number) + ')';
  return found;
}

void supervisor_state::withdraw_port(const std::string& port, const caf::actor_addr& owner) {
  for (const auto& session : sessions_)
    if (session->partner == port && session->owner == owner)
      withdraw(*session);
}

void supervisor_state::withdraw(const offered_session& session) {
  for (auto& part : children_) {
    if (!part.handle || part.handle.address() != session.listener.address())
      continue;
    io::log_info("session \"{}\" is not offered any more", session.bound.settings.name);
    part.withdrawn = true;
    self->send(session.listener, atom::leave_v);
    if (discovery_)
      self->send(discovery_, atom::withdraw_v, session.bound.settings.name,
                 std::string(rtp_midi_type));
  }
}

// -- peers for local ports --

listener_actor supervisor_state::listener_for(const std::string& wanted) const {
  for (const auto& session : sessions_)
    if (session->partner.empty() && (wanted.empty() || session->bound.settings.name == wanted))
      return session->listener;
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
    self->send(listener, atom::abandon_v, key_of(wanted), true);
}

void supervisor_state::add_discovery() {
  add_child("discovery", [this] { return start_discovery(); });
}

// It knows nothing when it is new: neither the sessions nor the peers that are to be invited.
caf::actor supervisor_state::start_discovery() {
  discovery_ = spawn_discovery(self->system(), *loop_, settings_.discovery);
  for (auto& one : offers())
    self->send(discovery_, atom::publish_v, std::move(one));
  for (const auto& session : sessions_)
    introduce(*session);
  for (const auto& peer : settings_.connect)
    if (!peer.on_demand)
      caf::anon_send(discovery_, atom::invite_v, peer);
  return caf::actor_cast<caf::actor>(discovery_);
}

// Of a session that listens on several addresses, the first one invites; one for a local port
// invites nobody.
void supervisor_state::introduce(const offered_session& session) {
  if (!session.partner.empty())
    return;
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
      same = out.insert(out.end(), {called, rtp_midi_type, {}, {}});
    same->listens.push_back(where);
  }
  return out;
}

void supervisor_state::on_down(const caf::down_msg& down) {
  auto reason = self->system().render(down.reason);
  // The sessions of a part that ended are nobody's; whoever takes its place asks again.
  for (const auto& session : sessions_)
    if (session->owner == down.source)
      withdraw(*session);
  for (auto& part : children_)
    if (part.handle && part.handle.address() == down.source) {
      part.handle = nullptr;
      if (!leaving_ && !part.withdrawn)
        io::log_error("{} ended unexpectedly ({}); starting it again", part.what, reason);
    }
  if (leaving_)
    return end_if_alone();
  if (forget_withdrawn(down.source))
    return;
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

bool supervisor_state::forget_withdrawn(const caf::actor_addr& gone) {
  auto is_over = [](const child& part) { return part.withdrawn && !part.handle; };
  if (std::erase_if(children_, is_over) == 0)
    return false;
  std::erase_if(sessions_,
                [&](const auto& session) { return session->listener.address() == gone; });
  return true;
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
      [&state, self](atom::offer, const local_offer& wanted) {
        state.add_local_session(wanted, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state, self](atom::withdraw, const std::string& port) {
        state.withdraw_port(port, caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
      [&state](atom::invite, const local_import& wanted) { return state.import(wanted); },
      [&state](atom::withdraw, const local_import& wanted) { state.dismiss(wanted); },
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
