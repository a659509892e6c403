// See peer.hpp.
#include "bench/end_to_end/peer.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tutti::bench {
namespace {

constexpr int wanted_buffer = 4 << 20;
constexpr std::size_t max_datagram = 2048;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

udp_socket::udp_socket(std::uint16_t port)
    : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0)
    fail("socket");
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &wanted_buffer, sizeof wanted_buffer);
  setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &wanted_buffer, sizeof wanted_buffer);
  auto address = loopback(port);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    auto error = errno;
    close(fd_);
    errno = error;
    fail("bind");
  }
}

udp_socket::~udp_socket() {
  if (fd_ >= 0)
    close(fd_);
}

udp_socket::udp_socket(udp_socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {
}

int udp_socket::granted_buffer() const noexcept {
  int size = 0;
  socklen_t length = sizeof size;
  getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, &length);
  return size;
}

void udp_socket::connect_to(std::uint16_t port) {
  auto address = loopback(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    fail("connect");
}

void udp_socket::send(octets datagram) const {
  if (::send(fd_, datagram.data(), datagram.size(), 0) < 0 && errno != EAGAIN)
    fail("the server is gone: send");
}

std::span<const octets> udp_socket::receive() const {
  struct receive_space {
    std::array<std::array<std::uint8_t, max_datagram>, batch> storage;
    std::array<iovec, batch> pieces;
    std::array<mmsghdr, batch> headers{};
    std::array<octets, batch> views;
    receive_space() {
      for (std::size_t i = 0; i < batch; ++i) {
        pieces[i] = {storage[i].data(), max_datagram};
        headers[i].msg_hdr.msg_iov = &pieces[i];
        headers[i].msg_hdr.msg_iovlen = 1;
      }
    }
  };
  static receive_space space;
  int count = recvmmsg(fd_, space.headers.data(), batch, MSG_DONTWAIT, nullptr);
  if (count < 0 && errno != EAGAIN && errno != EINTR)
    fail("the server is gone: receive");
  auto received = static_cast<std::size_t>(count > 0 ? count : 0);
  for (std::size_t i = 0; i < received; ++i)
    space.views[i] = octets(space.storage[i].data(), space.headers[i].msg_len);
  return std::span(space.views).first(received);
}

} // namespace tutti::bench
