// The TCP listener: a listening socket, and the ports that its clients are.
// Decides: who may come in (allow-list, number of clients), when a port that is taken is tried
// again. Leaves: everything about one connection (tcp_port).
#include "actors/failure.hpp"
#include "actors/spawn.hpp"
#include "io/real_time.hpp"
#include "io/tcp_acceptor.hpp"
#include "io/tcp_stream.hpp"
#include "io/tls_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <unordered_map>

namespace tutti {

namespace {

constexpr std::chrono::seconds retry_wait{5};

struct tcp_listener_state {
  explicit tcp_listener_state(tcp_listener_actor::pointer pointer)
      : self(pointer) {}
  /// However the listener ended, its connections do not outlive it.
  ~tcp_listener_state() {
    for (const auto& [address, one] : clients_)
      caf::anon_send(one.port, atom::leave_v);
  }

  void start(tcp_context_ptr context, config::tcp_listener settings);
  void listen();
  void on_accepted(const io::byte_stream_ptr& stream);
  void leave();
  caf::result<tcp_info> status();

  static inline const char* name = "tcp_listener";

private:
  struct client {
    port_key key;
    tcp_port_actor port;
  };

  void open();
  bool admits(const io::endpoint& remote) const;
  void on_client_down(const caf::down_msg& down);

  tcp_listener_actor::pointer self;
  tcp_context_ptr context_;
  config::tcp_listener settings_;
  std::shared_ptr<io::tcp_acceptor> acceptor_;
  std::unordered_map<caf::actor_addr, client> clients_;
  std::string failure_;
  std::uint64_t refused_ = 0;
  bool leaving_ = false;
};

void tcp_listener_state::start(tcp_context_ptr context, config::tcp_listener settings) {
  context_ = std::move(context);
  settings_ = std::move(settings);
  self->set_down_handler([this](const caf::down_msg& down) { on_client_down(down); });
  listen();
}

// What is missing now (an address, a certificate) may come later, so nothing here is final.
void tcp_listener_state::listen() {
  if (leaving_)
    return;
  try {
    open();
    failure_.clear();
    io::log_info("TCP listener \"{}\" takes MIDI{} at {}", settings_.name,
                 settings_.tls ? " over TLS" : "", to_string(acceptor_->local()));
  } catch (const std::exception& error) {
    if (failure_ != error.what())
      io::log_warning("TCP listener \"{}\": {}; trying again every {} s", settings_.name,
                      error.what(), retry_wait.count());
    failure_ = error.what();
    self->delayed_send(self, retry_wait, atom::tick_v);
  }
}

void tcp_listener_state::open() {
  auto where = io::parse_address(settings_.address, settings_.port);
  if (!where)
    throw std::runtime_error("\"" + settings_.address + "\" is no address of this machine");
  std::shared_ptr<io::tls_context> tls;
  if (settings_.tls)
    tls = io::make_server_tls(settings_.tls->certificate, settings_.tls->key);
  acceptor_ = io::tcp_acceptor::open(*context_->loop, *where);
  auto me = caf::actor_cast<caf::actor_addr>(tcp_listener_actor(self));
  acceptor_->start([me, tls, dscp = context_->dscp](boost::asio::ip::tcp::socket socket) {
    auto handle = caf::actor_cast<tcp_listener_actor>(me);
    if (!handle)
      return;
    io::mark_packets(socket.native_handle(), dscp);
    io::byte_stream_ptr stream;
    if (tls)
      stream =
          std::make_shared<io::tls_stream>(std::move(socket), tls, io::tls_stream::role::server);
    else
      stream = std::make_shared<io::tcp_stream>(std::move(socket));
    caf::anon_send(handle, atom::accepted_v, std::move(stream));
  });
}

bool tcp_listener_state::admits(const io::endpoint& remote) const {
  return settings_.allow.empty() ||
         std::any_of(settings_.allow.begin(), settings_.allow.end(),
                     [&](const auto& range) { return range.contains(remote.address); });
}

void tcp_listener_state::on_accepted(const io::byte_stream_ptr& stream) {
  auto remote = stream->remote();
  auto full = clients_.size() >= settings_.max_clients;
  if (leaving_ || full || !admits(remote)) {
    ++refused_;
    io::log_debug("TCP listener \"{}\" turned {} away: {}", settings_.name, to_string(remote),
                  full ? "there are too many clients" : "its address is not allowed");
    stream->close();
    return;
  }
  auto key = next_port_key();
  auto port = spawn_tcp_port(
      self->system(), context_, key,
      port_description{port_kind::tcp, settings_.name, io::address_text(remote)}, stream);
  self->monitor(port);
  clients_[port.address()] = {key, port};
}

void tcp_listener_state::on_client_down(const caf::down_msg& down) {
  auto found = clients_.find(down.source);
  if (found == clients_.end())
    return;
  if (down.reason != caf::exit_reason::normal && !leaving_)
    io::log_error("a connection to \"{}\" ended unexpectedly ({})", settings_.name,
                  self->system().render(down.reason));
  // Whatever ended the connection, the router must not keep its port.
  self->send(context_->router, atom::detach_v, found->second.key);
  clients_.erase(found);
  if (leaving_ && clients_.empty())
    self->quit();
}

void tcp_listener_state::leave() {
  leaving_ = true;
  if (acceptor_)
    acceptor_->close();
  for (const auto& [address, one] : clients_)
    self->send(one.port, atom::leave_v);
  if (clients_.empty())
    self->quit();
}

// Asks every client, and answers when the last one has.
caf::result<tcp_info> tcp_listener_state::status() {
  auto info = std::make_shared<tcp_info>();
  info->name = settings_.name;
  info->refused = refused_;
  info->failure = failure_;
  if (acceptor_)
    info->local = acceptor_->local();
  auto promise = self->make_response_promise<tcp_info>();
  if (clients_.empty()) {
    promise.deliver(*info);
    return promise;
  }
  auto open = std::make_shared<std::size_t>(clients_.size());
  auto answer_one = [promise, info, open]() mutable {
    if (--*open == 0)
      promise.deliver(std::move(*info));
  };
  for (const auto& [address, one] : clients_)
    self->request(one.port, std::chrono::seconds(1), atom::status_v)
        .then(
            [info, answer_one](const tcp_port_info& port) mutable {
              info->ports.push_back(port);
              answer_one();
            },
            [answer_one](caf::error&) mutable { answer_one(); });
  return promise;
}

tcp_listener_actor::behavior_type
tcp_listener(tcp_listener_actor::stateful_pointer<tcp_listener_state> self, tcp_context_ptr context,
             const config::tcp_listener& settings) {
  log_failures(self);
  auto& state = self->state;
  state.start(std::move(context), settings);
  return {
      [&state](atom::accepted, const io::byte_stream_ptr& stream) { state.on_accepted(stream); },
      [&state](atom::tick) { state.listen(); },
      [&state](atom::leave) { state.leave(); },
      [&state](atom::status) { return state.status(); },
  };
}

} // namespace

tcp_listener_actor spawn_tcp_listener(caf::actor_system& system, tcp_context_ptr context,
                                      config::tcp_listener settings) {
  return system.spawn(tcp_listener, std::move(context), std::move(settings));
}

} // namespace tutti
