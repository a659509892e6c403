#include "io/multicast_socket.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <system_error>

using namespace tutti::io;
using std::chrono::milliseconds;

TEST_CASE("two multicast sockets of one machine hear each other and not themselves",
          "[io][multicast]") {
  event_loop loop;
  // Loopback takes multicast if it is told by name; a port that nobody else of this machine uses.
  auto where = *parse_address("225.0.0.37", 29628);
  auto one = multicast_socket::open(loop, where, "lo");
  auto two = multicast_socket::open(loop, where, "lo");
  int one_told = 0, two_told = 0;
  one->start([&] { ++one_told; });
  two->start([&] { ++two_told; });
  std::array<std::uint8_t, 3> note{0x90, 60, 100};
  REQUIRE(one->send(note));
  auto end = std::chrono::steady_clock::now() + milliseconds(1000);
  std::array<std::uint8_t, 2048> room{};
  endpoint from;
  std::size_t count = 0;
  while (count == 0 && std::chrono::steady_clock::now() < end) {
    loop.run_turn(milliseconds(5));
    if (two_told > 0)
      count = two->receive(room, from);
  }
  CHECK(count == 3);
  CHECK(room[1] == 60);
  CHECK(from.is_loopback());
  CHECK(one->receive(room, from) == 0);
  one->close();
  two->close();
  loop.run_turn(milliseconds(0));
}

TEST_CASE("an interface that is not there is named", "[io][multicast]") {
  event_loop loop;
  CHECK_THROWS_WITH(multicast_socket::open(loop, *parse_address("225.0.0.37", 29628), "nowhere0"),
                    Catch::Contains("nowhere0"));
}
