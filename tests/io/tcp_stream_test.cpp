#include "io/tcp_acceptor.hpp"
#include "io/tcp_connector.hpp"
#include "io/tcp_stream.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <optional>

using namespace tutti::io;
using boost::asio::ip::tcp;
using std::chrono::milliseconds;

namespace {

template <class Condition>
bool run_until(event_loop& loop, Condition condition, milliseconds patience = milliseconds(2000)) {
  auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    loop.run_turn(milliseconds(1));
  }
  return true;
}

/// Two ends of a connection over loopback.
struct connection {
  event_loop loop;
  std::shared_ptr<tcp_acceptor> acceptor;
  byte_stream_ptr here, there;
  int here_ready = 0, there_ready = 0;

  explicit connection(const std::string& address = "127.0.0.1") {
    acceptor = tcp_acceptor::open(loop, *parse_address(address));
    acceptor->start([this](tcp::socket socket) {
      there = std::make_shared<tcp_stream>(std::move(socket));
    });
    auto connector = tcp_connector::make(loop);
    connector->connect(address, acceptor->local().port, milliseconds(1000),
                       [this](std::optional<tcp::socket> socket, const std::string&) {
                         REQUIRE(socket);
                         here = std::make_shared<tcp_stream>(std::move(*socket));
                       });
    REQUIRE(run_until(loop, [this] { return here && there; }));
    here->start([this] { ++here_ready; });
    there->start([this] { ++there_ready; });
  }

  ~connection() {
    acceptor->close();
    here->close();
    there->close();
    loop.run_turn(milliseconds(0));
  }
};

} // namespace

TEST_CASE("octets cross a TCP stream both ways", "[io][tcp]") {
  for (auto address : {"127.0.0.1", "::1"}) {
    connection c(address);
    CHECK(c.there->remote().is_loopback());
    std::array<std::uint8_t, 16> room{};
    std::array<std::uint8_t, 3> note{0x90, 60, 100};
    CHECK(c.here->write(note) == 3);
    REQUIRE(run_until(c.loop, [&] { return c.there_ready > 0; }));
    CHECK(c.there->read(room) == 3);
    CHECK(room[1] == 60);
    CHECK(c.there->read(room) == 0);
    CHECK(c.there->ended().empty());
    CHECK(c.there->write(note) == 3);
    REQUIRE(run_until(c.loop, [&] { return c.here_ready > 0; }));
    CHECK(c.here->read(room) == 3);
  }
}

TEST_CASE("what a read leaves is told again", "[io][tcp]") {
  connection c;
  std::array<std::uint8_t, 100> sent{};
  c.here->write(sent);
  std::array<std::uint8_t, 7> room{};
  std::size_t total = 0;
  REQUIRE(run_until(c.loop, [&] {
    if (c.there_ready > 0) {
      c.there_ready = 0;
      total += c.there->read(room);
    }
    return total == 100;
  }));
}

TEST_CASE("a reader that does not read stops the writer, and lets it go on later", "[io][tcp]") {
  connection c;
  std::vector<std::uint8_t> much(1u << 20, 0xF8);
  std::size_t sent = 0;
  for (std::size_t taken = 1; taken > 0;) {
    taken = c.here->write(much);
    sent += taken;
    REQUIRE(sent < (64u << 20));
  }
  auto ready_before = c.here_ready;
  std::size_t received = 0;
  std::vector<std::uint8_t> room(1u << 16);
  REQUIRE(run_until(c.loop, [&] {
    received += c.there->read(room);
    return received == sent && c.here_ready > ready_before;
  }));
  CHECK(c.here->write(much) > 0);
}

TEST_CASE("the end of a stream is told with a reason", "[io][tcp]") {
  connection c;
  c.here->close();
  std::array<std::uint8_t, 16> room{};
  REQUIRE(run_until(c.loop, [&] { return c.there_ready > 0; }));
  CHECK(c.there->read(room) == 0);
  CHECK(c.there->ended() == "closed by the other end");
  CHECK(c.there->write(room) == 0);
}

TEST_CASE("a connection that is refused says so, once", "[io][tcp]") {
  event_loop loop;
  auto acceptor = tcp_acceptor::open(loop, *parse_address("127.0.0.1"));
  auto port = acceptor->local().port;
  acceptor->close();
  auto connector = tcp_connector::make(loop);
  std::vector<std::string> told;
  connector->connect("127.0.0.1", port, milliseconds(1000),
                     [&](std::optional<tcp::socket> socket, const std::string& failure) {
                       CHECK_FALSE(socket);
                       told.push_back(failure);
                     });
  REQUIRE(run_until(loop, [&] { return !told.empty(); }));
  CHECK(told == std::vector<std::string>{"Connection refused"});
}

TEST_CASE("a port that is taken is named", "[io][tcp]") {
  event_loop loop;
  auto acceptor = tcp_acceptor::open(loop, *parse_address("127.0.0.1"));
  CHECK_THROWS_WITH(tcp_acceptor::open(loop, acceptor->local()),
                    Catch::Contains("127.0.0.1:" + std::to_string(acceptor->local().port)));
  acceptor->close();
  loop.run_turn(milliseconds(0));
}

TEST_CASE("a cancelled connection attempt says nothing", "[io][tcp]") {
  event_loop loop;
  auto connector = tcp_connector::make(loop);
  connector->connect("127.0.0.1", 9, milliseconds(1000),
                     [&](std::optional<tcp::socket>, const std::string&) { FAIL(); });
  connector->cancel();
  run_until(loop, [] { return false; }, milliseconds(20));
}
