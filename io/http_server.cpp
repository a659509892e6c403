#include "io/http_server.hpp"

#include "io/http_connection.hpp"
#include "io/log.hpp"
#include "io/tls_files.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include <ctime>

namespace tutti::io {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::beast::error_code;

namespace {

/// Certificates are looked at this often.
constexpr std::chrono::seconds certificate_interval{5};
/// After an accept that failed (no file descriptors left).
constexpr std::chrono::milliseconds accept_pause{100};

tcp::endpoint to_tcp(const endpoint& where) {
  if (where.is_v4()) {
    asio::ip::address_v4::bytes_type octets;
    std::copy(where.address.begin() + 12, where.address.end(), octets.begin());
    return {asio::ip::address_v4(octets), where.port};
  }
  return {asio::ip::address_v6(where.address, where.scope), where.port};
}

} // namespace

std::string_view http_date() {
  static std::time_t made_at = 0; // the loop thread only
  static std::string text;
  auto now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char room[64];
    text.assign(room, std::strftime(room, sizeof room, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    made_at = now;
  }
  return text;
}

struct http_server::state : std::enable_shared_from_this<state> {
  struct door {
    explicit door(asio::io_context& context)
        : acceptor(context)
        , pause(context) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  state(event_loop& loop_to_use, std::shared_ptr<http_core> core_to_use)
      : loop(loop_to_use)
      , core(std::move(core_to_use))
      , certificate_timer(loop.context()) {}

  void accept(door& at);
  void welcome(tcp::socket socket);
  template <class Stream>
  void start(Stream stream, const endpoint& client);
  void watch_certificate();

  event_loop& loop;
  std::shared_ptr<http_core> core;
  std::vector<std::unique_ptr<door>> doors;
  std::unique_ptr<tls_files> tls;
  asio::steady_timer certificate_timer;
  bool started = false;
  bool closed = false;
};

void http_server::state::accept(door& at) {
  at.acceptor.async_accept([self = shared_from_this(), &at](error_code error, tcp::socket socket) {
    if (self->closed || error == asio::error::operation_aborted)
      return;
    if (!error) {
      self->welcome(std::move(socket));
      return self->accept(at);
    }
    log_warning("cannot accept an HTTP connection: {}", error.message());
    at.pause.expires_after(accept_pause);
    at.pause.async_wait([self, &at](error_code stopped) {
      if (!stopped && !self->closed)
        self->accept(at);
    });
  });
}

void http_server::state::welcome(tcp::socket socket) {
  error_code error;
  auto remote = socket.remote_endpoint(error);
  if (error)
    return; // gone already
  socket.set_option(tcp::no_delay(true), error);
  auto client = from_socket_address(remote.data());
  ++core->counters.connections;
  if (tls)
    start(tls_stream(std::move(socket), *tls->context()), client);
  else
    start(plain_stream(std::move(socket)), client);
}

template <class Stream>
void http_server::state::start(Stream stream, const endpoint& client) {
  auto made = std::make_shared<http_connection<Stream>>(core, std::move(stream), client,
                                                        tls ? tls->context() : nullptr);
  if (core->peers.size() < core->limits.connections || core->make_room())
    made->start();
  else if (std::is_same_v<Stream, plain_stream>)
    made->turn_away();
  else
    ++core->counters.turned_away; // a handshake only to say no would cost more than it is worth
}

void http_server::state::watch_certificate() {
  certificate_timer.expires_after(certificate_interval);
  certificate_timer.async_wait([self = shared_from_this()](error_code stopped) {
    if (stopped || self->closed)
      return;
    self->tls->reload_if_changed();
    self->watch_certificate();
  });
}

http_server::http_server(event_loop& loop, http_router router, http_access access,
                         http_limits limits)
    : state_(std::make_shared<state>(
          loop, std::make_shared<http_core>(loop.context().get_executor(), std::move(router),
                                            std::move(access), limits))) {
}

http_server::~http_server() {
  close();
}

void http_server::use_tls(const std::string& certificate, const std::string& key) {
  state_->tls = std::make_unique<tls_files>(certificate, key);
  state_->watch_certificate();
}

void http_server::listen(const endpoint& where) {
  auto made = std::make_unique<state::door>(state_->loop.context());
  auto local = to_tcp(where);
  try {
    made->acceptor.open(local.protocol());
    made->acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (!where.is_v4())
      made->acceptor.set_option(asio::ip::v6_only(!where.is_unspecified()));
    made->acceptor.bind(local);
    made->acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw std::system_error(error.code().value(), std::generic_category(),
                            "control on tcp " + to_string(where));
  }
  state_->doors.push_back(std::move(made));
}

void http_server::start(handler answer) {
  state_->core->answer = std::move(answer);
  if (std::exchange(state_->started, true))
    return;
  for (auto& door : state_->doors)
    state_->accept(*door);
}

void http_server::set_access(http_access access) {
  state_->core->access = std::move(access);
}

std::vector<endpoint> http_server::local() const {
  std::vector<endpoint> out;
  for (const auto& door : state_->doors) {
    error_code error;
    auto where = door->acceptor.local_endpoint(error);
    if (!error)
      out.push_back(from_socket_address(where.data()));
  }
  return out;
}

const http_counters& http_server::counters() const noexcept {
  return state_->core->counters;
}

void http_server::close() {
  if (std::exchange(state_->closed, true))
    return;
  error_code ignored;
  for (auto& door : state_->doors) {
    door->acceptor.close(ignored);
    door->pause.cancel();
  }
  state_->certificate_timer.cancel();
  state_->core->close_all();
}

} // namespace tutti::io
