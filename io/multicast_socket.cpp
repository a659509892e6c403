#include "io/multicast_socket.hpp"

#include <boost/asio/ip/multicast.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

namespace tutti::io {

namespace {

using boost::asio::ip::udp;

void check(const boost::system::error_code& error, const std::string& what) {
  if (error)
    throw std::system_error(error.value(), std::generic_category(), what);
}

void set_option(int fd, int level, int option, const void* value, socklen_t size,
                const std::string& what) {
  if (::setsockopt(fd, level, option, value, size) < 0)
    throw std::system_error(errno, std::generic_category(), what);
}

std::vector<endpoint> addresses_of_this_machine() {
  std::vector<endpoint> out;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) < 0)
    return out;
  for (auto one = all; one; one = one->ifa_next)
    if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET)
      out.push_back(from_socket_address(one->ifa_addr));
  ::freeifaddrs(all);
  return out;
}

} // namespace

multicast_socket::multicast_socket(event_loop& loop)
    : in_(loop.context())
    , out_(loop.context()) {
}

std::shared_ptr<multicast_socket> multicast_socket::open(event_loop& loop, const endpoint& where,
                                                         const std::string& interface) {
  std::shared_ptr<multicast_socket> opened(new multicast_socket(loop));
  opened->join(where, interface);
  return opened;
}

void multicast_socket::join(const endpoint& where, const std::string& interface) {
  auto text = to_string(where);
  auto address = to_socket_address(where, AF_INET);
  group_ = udp::endpoint(udp::v4(), where.port);
  std::memcpy(group_.data(), address.get(), address.size);
  ip_mreqn request{};
  request.imr_multiaddr = address.v4.sin_addr;
  request.imr_ifindex =
      interface.empty() ? 0 : static_cast<int>(::if_nametoindex(interface.c_str()));
  if (!interface.empty() && request.imr_ifindex == 0)
    throw std::system_error(ENODEV, std::generic_category(), "there is no interface " + interface);

  boost::system::error_code error;
  in_.open(udp::v4(), error);
  check(error, "cannot open a UDP socket");
  in_.set_option(udp::socket::reuse_address(true), error);
  // Bound to the group, it gets nothing else that is sent to the port.
  in_.bind(group_, error);
  check(error, "cannot bind UDP port " + text);
  in_.non_blocking(true, error);
  set_option(in_.native_handle(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request,
             "cannot join " + text);

  out_.open(udp::v4(), error);
  check(error, "cannot open a UDP socket");
  set_option(out_.native_handle(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request,
             "cannot send to " + text);
  out_.set_option(boost::asio::ip::multicast::hops(1), error);
  out_.set_option(boost::asio::ip::multicast::enable_loopback(true), error);
  out_.bind(udp::endpoint(udp::v4(), 0), error);
  check(error, "cannot bind a UDP port");
  out_.non_blocking(true, error);
  own_port_ = out_.local_endpoint().port();
  own_addresses_ = addresses_of_this_machine();
}

void multicast_socket::start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  await();
}

void multicast_socket::await() {
  in_.async_wait(in_.wait_read, [weak = weak_from_this()](const auto& error) {
    auto self = weak.lock();
    if (!self || error || !self->on_ready_)
      return;
    self->on_ready_();
    self->await(); // starts with a look at the socket
  });
}

// Addresses may have come since the socket was opened, hence the second look.
bool multicast_socket::is_own(const endpoint& from) const {
  if (from.port != own_port_)
    return false;
  auto is_sender = [&](const endpoint& own) { return own.same_host(from); };
  if (std::any_of(own_addresses_.begin(), own_addresses_.end(), is_sender))
    return true;
  auto now = addresses_of_this_machine();
  return std::any_of(now.begin(), now.end(), is_sender);
}

std::size_t multicast_socket::receive(std::span<std::uint8_t> room, endpoint& from) {
  for (;;) {
    sockaddr_in sender{};
    socklen_t size = sizeof sender;
    auto count = ::recvfrom(in_.native_handle(), room.data(), room.size(), MSG_DONTWAIT,
                            reinterpret_cast<sockaddr*>(&sender), &size);
    if (count < 0)
      return 0;
    from = from_socket_address(reinterpret_cast<sockaddr*>(&sender));
    if (count > 0 && !is_own(from))
      return static_cast<std::size_t>(count);
  }
}

bool multicast_socket::send(std::span<const std::uint8_t> bytes) {
  return ::sendto(out_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                  group_.data(), static_cast<socklen_t>(group_.size())) >= 0;
}

void multicast_socket::close() {
  on_ready_ = nullptr;
  boost::system::error_code ignored;
  in_.close(ignored);
  out_.close(ignored);
}

} // namespace tutti::io
