// Sockets for the tests of UDP over loopback: the one under test, and a plain one beside it.
#pragma once

#include "io/udp_socket.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace tutti::test {

using namespace io;
using namespace std::chrono_literals;

inline endpoint v4(std::uint16_t port = 0) {
  return parse_address("127.0.0.1", port).value();
}
inline endpoint v6(std::uint16_t port = 0) {
  return parse_address("::1", port).value();
}
inline endpoint any(std::uint16_t port = 0) {
  return parse_address("::", port).value();
}

/// A socket that shares no code with the one under test.
class plain_socket {
public:
  explicit plain_socket(int family = AF_INET) {
    fd_ = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    REQUIRE(fd_ >= 0);
    auto address = to_socket_address(family == AF_INET ? v4() : v6(), family);
    REQUIRE(::bind(fd_, address.get(), address.size) == 0);
    int asked = 8 << 20;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &asked, sizeof asked);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    local = from_socket_address(reinterpret_cast<sockaddr*>(&bound));
  }
  ~plain_socket() { close(); }
  plain_socket(const plain_socket&) = delete;

  void close() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }
  void send(const endpoint& to, const octets& bytes) {
    auto address = to_socket_address(to, local.is_v4() ? AF_INET : AF_INET6);
    REQUIRE(::sendto(fd_, bytes.data(), bytes.size(), 0, address.get(), address.size) ==
            static_cast<ssize_t>(bytes.size()));
  }
  std::optional<octets> receive() {
    octets room(70'000);
    auto size = ::recv(fd_, room.data(), room.size(), 0);
    if (size < 0)
      return {};
    room.resize(static_cast<std::size_t>(size));
    return room;
  }

  endpoint local;

private:
  int fd_ = -1;
};

/// The socket under test with what it heard.
struct listening {
  explicit listening(event_loop& loop, const endpoint& where = v4(),
                     const udp_options& options = {})
      : socket(std::make_unique<udp_socket>(loop, where, options)) {
    socket->start([this](datagram_block_ptr block) { take(*block); },
                  [this](const endpoint& who) { unreachable.push_back(who); });
  }
  void take(const datagram_block& block) {
    ++blocks;
    for (std::size_t i = 0; i < block.count; ++i) {
      auto bytes = block.bytes(i);
      received.emplace_back(bytes.begin(), bytes.end());
      senders.push_back(block.slots[i].from);
      CHECK(block.slots[i].next == datagram_block::end);
    }
    arrived = block.arrived;
  }

  std::unique_ptr<udp_socket> socket;
  std::vector<octets> received;
  std::vector<endpoint> senders;
  std::vector<endpoint> unreachable;
  std::chrono::nanoseconds arrived{};
  int blocks = 0;
};

template <class Predicate>
bool turn_until(event_loop& loop, Predicate done) {
  auto end = std::chrono::steady_clock::now() + 2s;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end)
      return false;
    loop.run_turn(1ms);
  }
  return true;
}
inline void turn_for(event_loop& loop, std::chrono::nanoseconds time) {
  auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end)
    loop.run_turn(1ms);
}

inline octets numbered(unsigned number, std::size_t size) {
  octets bytes(std::max<std::size_t>(size, 4), static_cast<std::uint8_t>(number * 31));
  for (int i = 0; i < 4; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> 8 * i);
  return bytes;
}

} // namespace tutti::test
