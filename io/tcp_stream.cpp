#include "io/tcp_stream.hpp"

#include <cerrno>
#include <system_error>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tutti::io {

namespace {

constexpr int send_buffer_octets = 64 * 1024;
// Seconds of silence before the first probe, between probes, and probes until the link is dead.
constexpr int keep_idle = 20, keep_interval = 10, keep_count = 3;
// Milliseconds that sent data may stay unacknowledged.
constexpr int user_timeout = 30'000;

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

} // namespace

void set_stream_options(boost::asio::ip::tcp::socket& socket) {
  auto fd = socket.native_handle();
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_idle);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_interval);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_count);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout);
  set_option(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_octets);
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
}

endpoint remote_of(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  auto remote = socket.remote_endpoint(error);
  return error ? endpoint{} : from_socket_address(remote.data());
}

tcp_stream::tcp_stream(boost::asio::ip::tcp::socket socket)
    : socket_(std::move(socket))
    , remote_(remote_of(socket_)) {
  set_stream_options(socket_);
}

void tcp_stream::start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  await_read();
}

void tcp_stream::await_read() {
  if (awaiting_read_ || !ended_.empty())
    return;
  awaiting_read_ = true;
  socket_.async_wait(socket_.wait_read, [weak = weak_from_this()](const auto& error) {
    auto self = weak.lock();
    if (!self || error == boost::asio::error::operation_aborted || !self->on_ready_)
      return;
    self->awaiting_read_ = false;
    self->on_ready_();
  });
}

void tcp_stream::await_write() {
  if (awaiting_write_ || !ended_.empty())
    return;
  awaiting_write_ = true;
  socket_.async_wait(socket_.wait_write, [weak = weak_from_this()](const auto& error) {
    auto self = weak.lock();
    if (!self || error == boost::asio::error::operation_aborted || !self->on_ready_)
      return;
    self->awaiting_write_ = false;
    self->on_ready_();
  });
}

std::size_t tcp_stream::read(std::span<std::uint8_t> room) {
  if (!ended_.empty())
    return 0;
  auto count = ::recv(socket_.native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  if (count == 0)
    ended_ = "closed by the other end";
  else if (count < 0 && errno != EAGAIN && errno != EINTR)
    fail(errno);
  // Waiting starts with a look at the socket, so what is left over is told at once.
  await_read();
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t tcp_stream::write(std::span<const std::uint8_t> bytes) {
  if (!ended_.empty())
    return 0;
  auto count = ::send(socket_.native_handle(), bytes.data(), bytes.size(),
                      MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR)
    fail(errno);
  auto taken = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (taken < bytes.size())
    await_write();
  return taken;
}

void tcp_stream::fail(int error) {
  ended_ = "broken: " + std::generic_category().message(error);
}

void tcp_stream::close() {
  on_ready_ = nullptr;
  if (ended_.empty())
    ended_ = "closed";
  boost::system::error_code ignored;
  socket_.close(ignored);
}

} // namespace tutti::io
