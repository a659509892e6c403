// One port on several loopback addresses: what leaves through which socket, seen by a plain socket.
#include "io/socket_group.hpp"
#include "io/udp_socket.hpp"

#include <catch2/catch.hpp>

#include <optional>

#include <unistd.h>

using namespace tutti::io;
using namespace std::chrono_literals;

namespace {

endpoint at(std::string_view host, std::uint16_t port = 0) {
  return parse_address(host, port).value();
}

/// A socket that shares no code with the group; tells where each datagram came from.
class plain_peer {
public:
  explicit plain_peer(std::string_view host)
      : family_(at(host).is_v4() ? AF_INET : AF_INET6) {
    fd_ = ::socket(family_, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    auto address = to_socket_address(at(host), family_);
    REQUIRE(::bind(fd_, address.get(), address.size) == 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    local = from_socket_address(reinterpret_cast<sockaddr*>(&bound));
  }
  ~plain_peer() { ::close(fd_); }
  plain_peer(const plain_peer&) = delete;

  void send(const endpoint& to) {
    auto address = to_socket_address(to, family_);
    REQUIRE(::sendto(fd_, "?", 1, 0, address.get(), address.size) == 1);
  }
  std::optional<endpoint> sender() {
    char octet;
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    if (::recvfrom(fd_, &octet, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) < 0)
      return {};
    return from_socket_address(reinterpret_cast<sockaddr*>(&from));
  }

  endpoint local;

private:
  int family_;
  int fd_;
};

struct group_under_test {
  group_under_test() {
    first = add("127.0.0.1", 0);
    group.start(
        [this](datagram_block_ptr block) {
          for (std::size_t i = 0; i < block->count; ++i)
            heard.push_back(block->slots[i].from);
        },
        [](const endpoint&) {});
  }
  endpoint add(std::string_view host, std::uint16_t port) {
    auto socket = std::make_unique<udp_socket>(loop, at(host, port));
    auto where = socket->local();
    group.add(std::move(socket));
    return where;
  }
  /// Where a datagram to this peer comes from.
  std::optional<endpoint> source(plain_peer& peer) {
    group.send(peer.local, std::array<std::uint8_t, 1>{1});
    for (auto end = std::chrono::steady_clock::now() + 1s;
         std::chrono::steady_clock::now() < end;) {
      loop.run_turn(1ms);
      if (auto from = peer.sender())
        return from;
    }
    return {};
  }
  bool hears(plain_peer& peer, const endpoint& where) {
    heard.clear();
    peer.send(where);
    for (auto end = std::chrono::steady_clock::now() + 200ms;
         heard.empty() && std::chrono::steady_clock::now() < end;)
      loop.run_turn(1ms);
    return !heard.empty() && heard.front() == peer.local;
  }

  event_loop loop;
  socket_group group{0};
  endpoint first;
  std::vector<endpoint> heard;
};

} // namespace

TEST_CASE("an answer leaves from the address that was asked", "[io][socket_group]") {
  group_under_test t;
  auto second = t.add("127.0.0.2", t.first.port);
  plain_peer peer("127.0.0.1");
  CHECK(t.hears(peer, second));
  CHECK(t.source(peer) == second);
  CHECK(t.hears(peer, t.first));
  CHECK(t.source(peer) == t.first);
  CHECK(t.group.counters().datagrams_in == 2);
  CHECK(t.group.counters().datagrams_out == 2);
}

TEST_CASE("who was not heard is sent to from the address that the system chooses",
          "[io][socket_group]") {
  group_under_test t;
  t.group.remove(t.first);
  t.add("127.0.0.2", t.first.port);
  t.add("127.0.0.1", t.first.port); // as the system does, though it is not the first
  plain_peer peer("127.0.0.1");
  CHECK(t.source(peer) == t.first);
  CHECK_FALSE(t.group.reaches(at("::1", 5004)));
  t.group.send(at("::1", 5004), {}); // no way leads there
  auto third = t.add("::1", t.first.port);
  CHECK(t.group.reaches(at("::1", 5004)));
  plain_peer sixth("::1");
  CHECK(t.source(sixth) == third);
}

TEST_CASE("an address that is taken away is free, and those it heard are reached from another",
          "[io][socket_group]") {
  group_under_test t;
  auto second = t.add("127.0.0.2", t.first.port);
  plain_peer peer("127.0.0.1");
  CHECK(t.hears(peer, second));
  t.group.remove(second);
  t.group.remove(second);
  CHECK(t.source(peer) == t.first);
  CHECK(t.group.counters().datagrams_in == 1);
  CHECK(t.add("127.0.0.2", t.first.port) == second);
  CHECK(t.hears(peer, second));
  CHECK(t.source(peer) == second);
}

TEST_CASE("an empty group sends nothing, and starts with its first address", "[io][socket_group]") {
  group_under_test t;
  t.group.remove(t.first);
  CHECK_FALSE(t.group.reaches(t.first));
  CHECK(t.group.local() == endpoint());
  t.group.send(t.first, {});
  plain_peer peer("127.0.0.1");
  auto again = t.add("127.0.0.1", 0);
  CHECK(t.hears(peer, again));
  t.group.close();
  CHECK_FALSE(t.hears(peer, again));
}
