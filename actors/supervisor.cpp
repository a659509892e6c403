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
  explicit supervisor_state(supervisor_actor::pointer pointer)
      : self(pointer) {}

  void start(io::event_loop& loop, const config::settings& settings,
             std::vector<bound_session> bound);
  void start_control(std::shared_ptr<io::http_server> server, std::string version);
  void renew();
  void leave();
  caf::result<std::vector<session_info>> status();
  bool invite(const config::remote_peer& peer);
  /// Hands a question on to the listener of this session; false if there is none.
  template <class... Question>
  caf::result<bool> ask_listener(const std::string& session, const Question&... question);

  static inline const char* name = "supervisor";

private:
  void start_listener(offered_session& session, bound_session bound);
  void invite_peers();
  void look_up(const config::remote_peer& peer);
  void on_down(const caf::down_msg& down);
  void end();
  listener_actor listener_for(const std::string& name) const;

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  config::settings settings_;
  monitor_actor monitor_;
  router_actor router_;
  control_actor control_;
  std::vector<offered_session> sessions_;
  std::vector<config::remote_peer> invited_; ///< by the API
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
  monitor_ = spawn_monitor(self->system());
  self->monitor(monitor_);
  router_ = spawn_router(self->system(), monitor_);
  self->monitor(router_);
  self->send(monitor_, atom::attach_v, router_);
  for (auto& one : bound) {
    sessions_.push_back({one.settings, {}, {}});
    start_listener(sessions_.back(), std::move(one));
  }
  invite_peers();
}

void supervisor_state::start_control(std::shared_ptr<io::http_server> server, std::string version) {
  if (!server)
    return;
  control_ = spawn_control(self->system(), {std::move(server), loop_, supervisor_actor(self),
                                            router_, monitor_, std::move(version)});
  self->monitor(control_);
  self->send(monitor_, atom::attach_v, control_);
}

void supervisor_state::start_listener(offered_session& session, bound_session bound) {
  auto context = std::make_shared<session_context>();
  context->identity = {session.settings.name, random_number()};
  context->control = std::move(bound.control);
  context->data = std::move(bound.data);
  context->max_peers = session.settings.max_peers;
  context->invitations = session.settings.invitations;
  context->notices = monitor_;
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
  if (leaving_)
    return;
  for (const auto* peers : {&settings_.connect, &invited_})
    for (const auto& peer : *peers)
      if (!io::parse_address(peer.host, peer.port))
        look_up(peer);
}

void supervisor_state::leave() {
  if (leaving_)
    return;
  leaving_ = true;
  resolver_->cancel();
  if (control_)
    self->send(control_, atom::leave_v);
  for (auto& session : sessions_)
    if (session.listener)
      self->send(session.listener, atom::leave_v);
  if (sessions_.empty())
    end();
}

void supervisor_state::end() {
  self->send(monitor_, atom::leave_v);
  self->send_exit(router_, caf::exit_reason::user_shutdown);
  monitor_ = nullptr;
  router_ = nullptr;
  control_ = nullptr;
  self->quit();
}

void supervisor_state::on_down(const caf::down_msg& down) {
  auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
    return session.listener && session.listener.address() == down.source;
  });
  if (leaving_) {
    if (found != sessions_.end())
      sessions_.erase(found);
    if (sessions_.empty() && router_)
      end();
    return;
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

bool supervisor_state::invite(const config::remote_peer& peer) {
  if (leaving_ || !listener_for(peer.session))
    return false;
  if (std::find(invited_.begin(), invited_.end(), peer) == invited_.end())
    invited_.push_back(peer);
  look_up(peer);
  return true;
}

template <class... Question>
caf::result<bool> supervisor_state::ask_listener(const std::string& session,
                                                 const Question&... question) {
  auto found = std::find_if(sessions_.begin(), sessions_.end(),
                            [&](const auto& one) { return one.settings.name == session; });
  if (found == sessions_.end() || !found->listener)
    return false;
  return self->delegate(found->listener, question...);
}

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self, io::event_loop* loop,
           const config::settings& settings, std::vector<bound_session> bound,
           std::shared_ptr<io::http_server> control, std::string version) {
  log_failures(self);
  auto& state = self->state;
  state.start(*loop, settings, std::move(bound));
  state.start_control(std::move(control), std::move(version));
  return {
      [&state](atom::leave) { state.leave(); },
      [&state](atom::renew) { state.renew(); },
      [&state](atom::status) { return state.status(); },
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

supervisor_actor spawn_supervisor(caf::actor_system& system, io::event_loop& loop,
                                  const config::settings& settings,
                                  std::vector<bound_session> bound,
                                  std::shared_ptr<io::http_server> control, std::string version) {
  return system.spawn(supervisor, &loop, settings, std::move(bound), std::move(control),
                      std::move(version));
}

} // namespace tutti
