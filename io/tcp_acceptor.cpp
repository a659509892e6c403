#include "io/tcp_acceptor.hpp"

#include <cerrno>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

namespace tutti::io {

namespace {

using boost::asio::ip::tcp;

// Connections that may wait for being accepted; the system may grant less.
constexpr int backlog = 1024;
constexpr std::chrono::milliseconds pause_after_failure{100};

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

} // namespace

tcp_acceptor::tcp_acceptor(event_loop& loop)
    : acceptor_(loop.context())
    , pause_(loop.context()) {}

std::shared_ptr<tcp_acceptor> tcp_acceptor::open(event_loop& loop, const endpoint& where) {
  std::shared_ptr<tcp_acceptor> opened(new tcp_acceptor(loop));
  opened->bind(where);
  return opened;
}

void tcp_acceptor::bind(const endpoint& where) {
  auto family = where.is_v4() ? AF_INET : AF_INET6;
  auto flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  auto fd = ::socket(family, flags, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && family == AF_INET6 && where.is_unspecified()) {
    family = AF_INET; // this system has no IPv6
    fd = ::socket(family, flags, 0);
  }
  if (fd < 0)
    fail(errno, "cannot open a TCP socket");
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (family == AF_INET6)
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  auto address = to_socket_address(where, family);
  if (::bind(fd, address.get(), address.size) < 0 || ::listen(fd, backlog) < 0) {
    auto error = errno;
    ::close(fd);
    fail(error, "cannot listen on TCP port " + to_string(where));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  local_ = from_socket_address(reinterpret_cast<sockaddr*>(&bound));
  acceptor_.assign(family == AF_INET ? tcp::v4() : tcp::v6(), fd);
}

void tcp_acceptor::start(handler on_connection) {
  on_connection_ = std::move(on_connection);
  accept();
}

void tcp_acceptor::accept() {
  acceptor_.async_accept([self = shared_from_this()](const auto& error, tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted || !self->on_connection_)
      return;
    if (!error) {
      self->accept(); // before anything can go wrong below
      self->on_connection_(std::move(socket));
      return;
    }
    // Out of descriptors or memory: accepting at once again would only spin.
    self->pause_.expires_after(pause_after_failure);
    self->pause_.async_wait([self](const auto& cancelled) {
      if (!cancelled && self->on_connection_)
        self->accept();
    });
  });
}

void tcp_acceptor::close() {
  on_connection_ = nullptr;
  pause_.cancel();
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

} // namespace tutti::io
