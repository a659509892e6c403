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

#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <random>

namespace tutti {

namespace {

constexpr std::chrono::seconds restart_wait{1};
constexpr std::chrono::seconds lookup_wait{10};

struct offered_session {
  config::session settings;
  listener_actor listener;
  std::string last_error;
};

struct supervisor_state {
  explicit supervisor_state(supervisor_actor::pointer pointer) : self(pointer) {}

  void start(io::event_loop& loop, const config::settings& settings,
             std::vector<bound_session> bound);
  void renew();
  void leave();
  caf::result<std::vector<session_info>> status();

  static inline const char* name = "supervisor";

private:
  void start_listener(offered_session& session, bound_session bound);
  void start_tcp();
  void start_local();
  void start_multicast();
  void invite_peers();
  void look_up(const config::remote_peer& peer);
  void on_down(const caf::down_msg& down);
  void end_if_alone();
  listener_actor listener_for(const std::string& name) const;

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  config::settings settings_;
  router_actor router_;
  std::vector<offered_session> sessions_;
  std::vector<tcp_listener_actor> tcp_listeners_;
  std::vector<tcp_target_actor> tcp_targets_;
  std::vector<multicast_port_actor> cables_;
  alsa_watch_actor alsa_watch_;
  jack_watch_actor jack_watch_;
  std::unique_ptr<boost::asio::ip::udp::resolver> resolver_;
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
  resolver_ = std::make_unique<boost::asio::ip::udp::resolver>(loop.context());
  self->set_down_handler([this](const caf::down_msg& down) { on_down(down); });
  router_ = spawn_router(self->system());
  self->monitor(router_);
  for (auto& one : bound) {
    sessions_.push_back({one.settings, {}, {}});
    start_listener(sessions_.back(), std::move(one));
  }
  start_tcp();
  start_local();
  start_multicast();
  invite_peers();
}

void supervisor_state::start_multicast() {
  for (const auto& cable : settings_.multicast) {
    cables_.push_back(spawn_multicast_port(self->system(), *loop_, router_, cable));
    self->monitor(cables_.back());
  }
}

void supervisor_state::start_local() {
  auto context = [this](const config::sound_system& settings) {
    return local_context{loop_, router_, settings, settings_.limits.sysex_octets};
  };
  if (settings_.local.alsa.enabled) {
    alsa_watch_ = spawn_alsa_watch(self->system(), context(settings_.local.alsa));
    self->monitor(alsa_watch_);
  }
  if (settings_.local.jack.enabled) {
    jack_watch_ = spawn_jack_watch(self->system(), context(settings_.local.jack));
    self->monitor(jack_watch_);
  }
}

void supervisor_state::start_tcp() {
  auto context = std::make_shared<tcp_context>();
  context->loop = loop_;
  context->router = router_;
  context->sysex_octets = settings_.limits.sysex_octets;
  context->queue.sysex_octets =
      std::max<std::size_t>(context->queue.sysex_octets, 2 * context->sysex_octets);
  context->seed = random_number();
  for (const auto& listener : settings_.tcp.listen) {
    tcp_listeners_.push_back(spawn_tcp_listener(self->system(), context, listener));
    self->monitor(tcp_listeners_.back());
  }
  for (const auto& target : settings_.tcp.connect) {
    tcp_targets_.push_back(spawn_tcp_target(self->system(), context, target));
    self->monitor(tcp_targets_.back());
  }
}

void supervisor_state::start_listener(offered_session& session, bound_session bound) {
  auto context = std::make_shared<session_context>();
  context->identity = {session.settings.name, random_number()};
  context->control = std::move(bound.control);
  context->data = std::move(bound.data);
  context->max_peers = session.settings.max_peers;
  context->seed = std::uint64_t(random_number()) << 32 | random_number();
  session.listener = spawn_listener(self->system(), std::move(context), router_);
  self->monitor(session.listener);
}

void supervisor_state::invite_peers() {
  for (const auto& peer : settings_.connect)
    look_up(peer);
}

listener_actor supervisor_state::listener_for(const std::string& wanted) const {
  for (const auto& session : sessions_)
    if (wanted.empty() || session.settings.name == wanted)
      return session.listener;
  return {};
}

// Literal addresses at once, names by Asio's resolver, whose thread posts the answer to the loop.
void supervisor_state::look_up(const config::remote_peer& peer) {
  auto listener = listener_for(peer.session);
  if (!listener)
    return;
  if (auto literal = io::parse_address(peer.host, peer.port)) {
    self->send(listener, atom::invite_v, *literal);
    return;
  }
  auto me = caf::actor_cast<caf::actor_addr>(supervisor_actor(self));
  resolver_->async_resolve(
      peer.host, std::to_string(peer.port),
      [listener, peer, me](const boost::system::error_code& error, const auto& results) {
        if (!error && !results.empty()) {
          caf::anon_send(listener, atom::invite_v,
                         io::from_socket_address(results.begin()->endpoint().data()));
          return;
        }
        if (error == boost::asio::error::operation_aborted)
          return;
        io::log_warning("cannot look up \"{}\": {}; trying again in {} s", peer.host,
                        error.message(), lookup_wait.count());
        if (auto handle = caf::actor_cast<supervisor_actor>(me))
          caf::delayed_anon_send(handle, lookup_wait, atom::renew_v);
      });
}

void supervisor_state::renew() {
  if (!leaving_)
    for (const auto& peer : settings_.connect)
      if (!io::parse_address(peer.host, peer.port))
        look_up(peer);
}

void supervisor_state::leave() {
  if (leaving_)
    return;
  leaving_ = true;
  resolver_->cancel();
  for (auto& session : sessions_)
    if (session.listener)
      self->send(session.listener, atom::leave_v);
  for (auto& listener : tcp_listeners_)
    self->send(listener, atom::leave_v);
  for (auto& target : tcp_targets_)
    self->send(target, atom::leave_v);
  for (auto& cable : cables_)
    self->send(cable, atom::leave_v);
  if (alsa_watch_)
    self->send(alsa_watch_, atom::leave_v);
  if (jack_watch_)
    self->send(jack_watch_, atom::leave_v);
  end_if_alone();
}

// The router goes last, since everything else sends to it.
void supervisor_state::end_if_alone() {
  if (!leaving_ || !sessions_.empty() || !tcp_listeners_.empty() || !tcp_targets_.empty() ||
      !cables_.empty() || alsa_watch_ || jack_watch_)
    return;
  self->send_exit(router_, caf::exit_reason::user_shutdown);
  self->quit();
}

void supervisor_state::on_down(const caf::down_msg& down) {
  auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
    return session.listener && session.listener.address() == down.source;
  });
  if (leaving_) {
    if (found != sessions_.end())
      sessions_.erase(found);
    auto is_down = [&](const auto& part) { return part.address() == down.source; };
    std::erase_if(tcp_listeners_, is_down);
    std::erase_if(tcp_targets_, is_down);
    std::erase_if(cables_, is_down);
    if (alsa_watch_ && is_down(alsa_watch_))
      alsa_watch_ = nullptr;
    if (jack_watch_ && is_down(jack_watch_))
      jack_watch_ = nullptr;
    return end_if_alone();
  }
  // A part of the data path failed. The others hold handles to it, so the process as a whole is
  // started anew by whoever watches it; state on disk is whole at any time.
  io::log_error("a part of the hub ended unexpectedly ({}); ending",
                self->system().render(down.reason));
  leave();
}

caf::result<std::vector<session_info>> supervisor_state::status() {
  auto promise = self->make_response_promise<std::vector<session_info>>();
  auto out = std::make_shared<std::vector<session_info>>();
  auto open = std::make_shared<std::size_t>(sessions_.size());
  if (*open == 0) {
    promise.deliver(*out);
    return promise;
  }
  auto answer_one = [promise, out, open]() mutable {
    if (--*open == 0)
      promise.deliver(std::move(*out));
  };
  for (auto& session : sessions_)
    self->request(session.listener, std::chrono::seconds(2), atom::status_v)
        .then(
            [out, answer_one](const session_info& one) mutable {
              out->push_back(one);
              answer_one();
            },
            [answer_one](caf::error&) mutable { answer_one(); });
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
      [&state](atom::renew) { state.renew(); },
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
