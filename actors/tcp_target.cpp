// The TCP target: an outgoing connection that is kept up.
// Decides: when to try again.
// Leaves: names and addresses (io/tcp_connector), the connection itself (tcp_port).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "io/back_off.hpp"
#include "io/real_time.hpp"
#include "io/tcp_connector.hpp"
#include "io/tcp_stream.hpp"
#include "io/tls_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace tutti {

namespace {

constexpr std::chrono::seconds attempt_limit{10};
// A connection that lived this long was a success: the next failure starts with a short wait.
constexpr std::chrono::seconds success_life{10};

struct tcp_target_state {
  explicit tcp_target_state(tcp_target_actor::pointer pointer)
      : self(pointer) {}
  /// However it ended, its connection does not outlive it: who takes its place makes another.
  ~tcp_target_state() {
    if (port_)
      caf::anon_send(port_, atom::leave_v);
  }

  void start(tcp_context_ptr context, config::tcp_target settings);
  void connect();
  void on_connected(const io::byte_stream_ptr& stream, const std::string& failure);
  void leave();
  caf::result<tcp_info> status();

  static inline const char* name = "tcp_target";

private:
  void on_port_down(const caf::down_msg& down);
  void try_later();
  std::string where() const { return settings_.host + ':' + std::to_string(settings_.port); }

  tcp_target_actor::pointer self;
  tcp_context_ptr context_;
  config::tcp_target settings_;
  std::shared_ptr<io::tcp_connector> connector_;
  std::unique_ptr<io::back_off> back_off_;
  port_key key_ = 0;
  tcp_port_actor port_;
  caf::actor_clock::time_point since_{};
  std::string failure_;
  bool leaving_ = false;
};

void tcp_target_state::start(tcp_context_ptr context, config::tcp_target settings) {
  context_ = std::move(context);
  settings_ = std::move(settings);
  connector_ = io::tcp_connector::make(*context_->loop);
  back_off_ = std::make_unique<io::back_off>(io::back_off_limits{}, context_->seed);
  self->set_down_handler([this](const caf::down_msg& down) { on_port_down(down); });
  connect();
}

void tcp_target_state::connect() {
  if (leaving_ || port_)
    return;
  std::shared_ptr<io::tls_context> tls;
  try {
    if (settings_.tls)
      tls = io::make_client_tls(settings_.authorities);
  } catch (const std::exception& error) {
    return on_connected(nullptr, error.what());
  }
  auto me = caf::actor_cast<caf::actor_addr>(tcp_target_actor(self));
  connector_->connect(settings_.host, settings_.port, attempt_limit,
                      [me, tls, host = settings_.host,
                       dscp = context_->dscp](auto socket, const std::string& failure) {
                        auto handle = caf::actor_cast<tcp_target_actor>(me);
                        if (!handle)
                          return;
                        if (socket)
                          io::mark_packets(socket->native_handle(), dscp);
                        io::byte_stream_ptr stream;
                        if (socket && tls)
                          stream = std::make_shared<io::tls_stream>(
                              std::move(*socket), tls, io::tls_stream::role::client, host);
                        else if (socket)
                          stream = std::make_shared<io::tcp_stream>(std::move(*socket));
                        caf::anon_send(handle, atom::connected_v, std::move(stream), failure);
                      });
}

void tcp_target_state::on_connected(const io::byte_stream_ptr& stream, const std::string& failure) {
  if (leaving_) {
    if (stream)
      stream->close();
    return;
  }
  if (!stream) {
    // The first failure is news; that it goes on is not.
    if (failure_ != failure)
      io::log_warning("cannot connect to {} over TCP: {}; trying on", where(), failure);
    failure_ = failure;
    return try_later();
  }
  failure_.clear();
  since_ = self->clock().now();
  key_ = next_port_key();
  const auto& group = settings_.name.empty() ? settings_.host : settings_.name;
  port_ = spawn_tcp_port(self->system(), context_, key_,
                         port_description{port_kind::tcp, group, where()}, stream);
  self->monitor(port_);
}

void tcp_target_state::on_port_down(const caf::down_msg& down) {
  if (!port_ || port_.address() != down.source)
    return;
  self->send(context_->router, atom::detach_v, key_);
  port_ = nullptr;
  if (leaving_)
    return self->quit();
  failure_ = "the connection was lost";
  if (down.reason != caf::exit_reason::normal)
    io::log_error("the connection to {} ended unexpectedly ({})", where(),
                  self->system().render(down.reason));
  if (self->clock().now() - since_ >= success_life)
    back_off_->reset();
  try_later();
}

void tcp_target_state::try_later() {
  self->delayed_send(self, back_off_->next(), atom::invite_v);
}

void tcp_target_state::leave() {
  leaving_ = true;
  connector_->cancel();
  if (port_)
    self->send(port_, atom::leave_v);
  else
    self->quit();
}

caf::result<tcp_info> tcp_target_state::status() {
  tcp_info info;
  info.name = settings_.name.empty() ? where() : settings_.name;
  info.failure = failure_;
  auto promise = self->make_response_promise<tcp_info>();
  if (!port_) {
    promise.deliver(std::move(info));
    return promise;
  }
  self->request(port_, std::chrono::seconds(1), atom::status_v)
      .then(
          [promise, info](const tcp_port_info& port) mutable {
            info.ports.push_back(port);
            promise.deliver(std::move(info));
          },
          [promise, info](caf::error&) mutable { promise.deliver(std::move(info)); });
  return promise;
}

tcp_target_actor::behavior_type
tcp_target(tcp_target_actor::stateful_pointer<tcp_target_state> self, tcp_context_ptr context,
           const config::tcp_target& settings) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), settings);
  return {
      [&state](atom::invite) { state.connect(); },
      [&state](atom::connected, const io::byte_stream_ptr& stream, const std::string& failure) {
        state.on_connected(stream, failure);
      },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

tcp_target_actor spawn_tcp_target(caf::actor_system& system, tcp_context_ptr context,
                                  config::tcp_target settings) {
  return system.spawn(tcp_target, std::move(context), std::move(settings));
}

} // namespace tutti
