// UDP over loopback, measured from outside with plain sockets.
#include "tests/io/udp_test.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

using namespace tutti;
using namespace tutti::io;
using namespace std::chrono_literals;
using namespace tutti::test;

// -- receiving --

TEST_CASE("an empty datagram is a datagram, also as the first", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  client.send(server.socket->local(), {});
  client.send(server.socket->local(), {1, 2});
  client.send(server.socket->local(), {});
  REQUIRE(turn_until(loop, [&] { return server.received.size() == 3; }));
  CHECK(server.received == std::vector<octets>{{}, {1, 2}, {}});
  CHECK(server.senders[1] == client.local);
  CHECK(server.socket->counters().datagrams_in == 3);
  CHECK(server.socket->counters().bytes_in == 2);
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  CHECK(server.arrived <= now);
  CHECK(server.arrived > now - 2s);
}

TEST_CASE("a datagram that is too long is dropped and counted, one that just fits is not",
          "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  client.send(server.socket->local(), numbered(1, max_datagram));
  client.send(server.socket->local(), numbered(2, max_datagram + 1));
  client.send(server.socket->local(), numbered(3, 60'000));
  client.send(server.socket->local(), numbered(4, 10));
  REQUIRE(turn_until(loop, [&] { return server.received.size() == 4; }));
  CHECK(server.received[0] == numbered(1, max_datagram));
  CHECK(server.received[1].empty());
  CHECK(server.received[2].empty());
  CHECK(server.received[3] == numbered(4, 10));
  CHECK(server.socket->counters().oversize_in == 2);
}

TEST_CASE("a burst of 10,000 arrives in order", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  for (unsigned i = 0; i < 10'000; ++i) {
    client.send(server.socket->local(), numbered(i, 20));
    if (i % 1000 == 999) // no more than any receive buffer holds
      REQUIRE(turn_until(loop, [&] { return server.received.size() == i + 1; }));
  }
  for (unsigned i = 0; i < 10'000; ++i)
    REQUIRE(server.received[i] == numbered(i, 20));
  CHECK(server.blocks < 2000); // taken together, not one by one
}

TEST_CASE("a datagram costs one turn, and an idle socket none", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  turn_for(loop, 5ms);
  auto calls = 0;
  for (unsigned i = 0; i < 20; ++i) {
    client.send(server.socket->local(), numbered(i, 20));
    auto received = server.received.size();
    while (server.received.size() == received)
      loop.run_turn(100ms);
    calls += loop.context().poll() > 0; // a handler for nothing
  }
  CHECK(calls == 0);
}

TEST_CASE("one dual-stack socket talks to both families", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop, any());
  plain_socket four(AF_INET), six(AF_INET6);
  auto port = server.socket->local().port;
  four.send(v4(port), {4});
  six.send(v6(port), {6});
  REQUIRE(turn_until(loop, [&] { return server.received.size() == 2; }));
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(server.senders[i] == (server.received[i] == octets{4} ? four.local : six.local));
  server.socket->send(four.local, octets{44});
  server.socket->send(six.local, octets{66});
  loop.run_turn(0ns);
  CHECK(four.receive() == octets{44});
  CHECK(six.receive() == octets{66});
}

TEST_CASE("an IPv4 peer is the same endpoint on either kind of socket", "[io][udp_socket]") {
  event_loop loop;
  listening dual(loop, any()), four(loop, v4());
  plain_socket client;
  client.send(v4(dual.socket->local().port), {1});
  client.send(four.socket->local(), {1});
  REQUIRE(turn_until(loop, [&] { return dual.received.size() + four.received.size() == 2; }));
  CHECK(dual.senders == four.senders);
}

TEST_CASE("a flooded socket takes a burst and rests", "[io][udp_socket]") {
  for (auto busy : {0ms, 5ms}) {
    event_loop loop;
    loop.set_busy_poll(busy);
    udp_options options;
    options.rest = 30ms;
    listening socket(loop, v4(), options);
    plain_socket sender;
    for (unsigned i = 0; i < 124; ++i)
      sender.send(socket.socket->local(), numbered(i, 16));
    REQUIRE(turn_until(loop, [&] { return socket.received.size() >= 60; }));
    turn_for(loop, 5ms);
    CHECK(socket.received.size() == 60); // 4, 8 and 16, which are no burst, and 32
    REQUIRE(turn_until(loop, [&] { return socket.received.size() >= 92; }));
    turn_for(loop, 5ms);
    CHECK(socket.received.size() == 92);
    CHECK(turn_until(loop, [&] { return socket.received.size() == 124; }));
  }
}

TEST_CASE("what arrives while spinning is taken by the poll", "[io][udp_socket]") {
  event_loop loop;
  loop.set_busy_poll(50ms);
  listening server(loop);
  plain_socket client;
  client.send(server.socket->local(), {1});
  REQUIRE(turn_until(loop, [&] { return server.received.size() == 1; }));
  CHECK(loop.counters().busy_hits + loop.counters().busy_misses > 0);
}

// -- ports --

TEST_CASE("a port that is taken is named", "[io][udp_socket]") {
  event_loop loop;
  udp_socket first(loop, v4());
  try {
    udp_socket second(loop, first.local());
    FAIL("two sockets on one port");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::address_in_use);
    CHECK(std::string(error.what()).find(to_string(first.local())) != std::string::npos);
  }
}

TEST_CASE("a pair is two ports in a row", "[io][udp_socket]") {
  event_loop loop;
  auto found = bind_udp_pair(loop, v4(0));
  auto port = found.control->local().port;
  CHECK(port % 2 == 0);
  CHECK(port >= 49152);
  CHECK(found.data->local().port == port + 1);
  found = {};
  auto asked = bind_udp_pair(loop, v4(port));
  CHECK(asked.control->local() == v4(port));
  CHECK(asked.data->local() == v4(static_cast<std::uint16_t>(port + 1)));
}

TEST_CASE("a pair whose second port is taken is not bound at all, and the error names that port",
          "[io][udp_socket]") {
  event_loop loop;
  auto pair = bind_udp_pair(loop, v4(0));
  auto port = pair.control->local().port;
  pair.control.reset(); // the data port stays taken
  try {
    bind_udp_pair(loop, v4(port));
    FAIL("half a pair");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::address_in_use);
    CHECK(std::string(error.what()).find(":" + std::to_string(port + 1)) != std::string::npos);
  }
  CHECK_NOTHROW(udp_socket(loop, v4(port)));
  pair.data.reset();
  CHECK_NOTHROW(bind_udp_pair(loop, v4(port)));
}

TEST_CASE("free pairs are found side by side", "[io][udp_socket]") {
  event_loop loop;
  std::vector<udp_pair> pairs;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 50; ++i) {
    pairs.push_back(bind_udp_pair(loop, any(0)));
    ports.push_back(pairs.back().control->local().port);
    CHECK(ports.back() % 2 == 0);
  }
  std::ranges::sort(ports);
  CHECK(std::ranges::adjacent_find(ports) == ports.end());
}

// The data port wrapped to 0, which is any port.
TEST_CASE("the last port has no pair", "[io][udp_socket]") {
  event_loop loop;
  CHECK_THROWS_AS(bind_udp_pair(loop, v4(65535)), std::system_error);
  CHECK_NOTHROW(bind_udp_pair(loop, v4(65534)));
}

TEST_CASE("an address that is not ours cannot be bound", "[io][udp_socket]") {
  event_loop loop;
  auto foreign = parse_address("192.0.2.1", 5004).value();
  try {
    udp_socket socket(loop, foreign);
    FAIL("bound to a foreign address");
  } catch (const std::system_error& error) {
    CHECK(std::string(error.what()).find("192.0.2.1:5004") != std::string::npos);
  }
}

// -- sending --

TEST_CASE("what is sent leaves at the end of the turn", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  server.socket->send(client.local, octets{1, 2, 3});
  CHECK_FALSE(client.receive());
  loop.run_turn(0ns);
  CHECK(client.receive() == octets{1, 2, 3});
  CHECK(server.socket->counters().datagrams_out == 1);
  CHECK(server.socket->counters().bytes_out == 3);
}

TEST_CASE("what is sent leaves at once if nothing else waits to run", "[io][udp_socket]") {
  struct : turn_work {
    bool pending() const noexcept override { return busy; }
    void run_some() override { busy = false; }
    void end_turn() override {}
    bool busy = true;
  } work;
  event_loop loop;
  loop.set_work(&work);
  listening server(loop);
  plain_socket client;
  server.socket->send(client.local, octets{1});
  CHECK_FALSE(server.socket->send_now_if_last());
  CHECK_FALSE(client.receive());
  work.busy = false;
  CHECK(server.socket->send_now_if_last());
  CHECK(client.receive() == octets{1});
  loop.run_turn(0ns);
  CHECK_FALSE(client.receive());
}

TEST_CASE("datagrams of any size to many peers arrive whole and in order", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  std::deque<plain_socket> clients(4);
  std::vector<std::vector<octets>> sent(clients.size()), received(clients.size());
  // At once, as only root may have a buffer that holds all.
  auto pass_on = [&] {
    loop.run_turn(0ns);
    for (std::size_t who = 0; who < clients.size(); ++who)
      while (auto datagram = clients[who].receive())
        received[who].push_back(*datagram);
  };
  std::mt19937 random(11);
  std::size_t count = 0, bytes = 0;
  for (unsigned i = 0; i < 3000; ++i) {
    // Runs of equal length to one peer, which leave as one segmented send, and all else between.
    auto who = random() % 8 ? i / 50 % 4 : random() % 4;
    auto size = random() % 4 ? 20 + i / 200 * 40 : random() % 1500;
    auto datagram = size == 0 ? octets{} : numbered(i, size);
    server.socket->send(clients[who].local, datagram);
    sent[who].push_back(datagram);
    ++count;
    bytes += datagram.size();
    if (i % 300 == 299)
      pass_on();
  }
  pass_on();
  CHECK(received == sent);
  CHECK(server.socket->counters().datagrams_out == count);
  CHECK(server.socket->counters().bytes_out == bytes);
  CHECK(server.socket->counters().send_errors == 0);
}

// A run of them became one segmented send with a segment of no octets: one datagram.
TEST_CASE("empty datagrams leave one by one", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop);
  plain_socket client;
  for (int i = 0; i < 3; ++i)
    server.socket->send(client.local, {});
  loop.run_turn(0ns);
  for (int i = 0; i < 3; ++i)
    CHECK(client.receive() == octets{});
  CHECK_FALSE(client.receive());
}

TEST_CASE("the send queue is bounded and drops the newest", "[io][udp_socket]") {
  event_loop loop;
  udp_options options;
  options.send_queue_octets = 1000;
  listening server(loop, v4(), options);
  plain_socket client;
  for (unsigned i = 0; i < 13; ++i)
    server.socket->send(client.local, numbered(i, 100));
  CHECK(server.socket->counters().queue_drops == 3);
  loop.run_turn(0ns);
  for (unsigned i = 0; i < 10; ++i)
    CHECK(client.receive() == numbered(i, 100));
  CHECK_FALSE(client.receive());
  server.socket->send(client.local, octets{7});
  loop.run_turn(0ns);
  CHECK(client.receive() == octets{7});
}

TEST_CASE("where nobody listens is reported, by its address", "[io][udp_socket]") {
  for (auto where : {v4(), any()}) {
    event_loop loop;
    listening server(loop, where);
    plain_socket alive, dead, dead6(AF_INET6);
    auto gone = dead.local;
    auto gone6 = dead6.local;
    dead.close();
    dead6.close();
    for (unsigned i = 0; i < 3; ++i) {
      server.socket->send(gone, numbered(i, 10));
      server.socket->send(alive.local, numbered(i, 10));
      turn_for(loop, 2ms);
    }
    REQUIRE(turn_until(loop, [&] { return !server.unreachable.empty(); }));
    for (const auto& who : server.unreachable)
      CHECK(who == gone);
    for (unsigned i = 0; i < 3; ++i)
      CHECK(alive.receive() == numbered(i, 10)); // others do not suffer
    CHECK(server.socket->counters().send_errors == 0);
    if (where == any()) {
      server.socket->send(gone6, octets{1});
      // A report about the other may still have been on its way.
      REQUIRE(turn_until(loop, [&] {
        return std::ranges::any_of(server.unreachable, [&](auto& who) { return who == gone6; });
      }));
      for (const auto& who : server.unreachable)
        CHECK((who == gone || who == gone6));
    }
  }
}

TEST_CASE("datagrams still arrive beside errors", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop, any());
  plain_socket client, dead;
  auto gone = dead.local;
  dead.close();
  for (unsigned i = 0; i < 100; ++i) {
    server.socket->send(gone, octets{1});
    client.send(v4(server.socket->local().port), numbered(i, 10));
    loop.run_turn(0ns);
  }
  REQUIRE(turn_until(loop, [&] { return server.received.size() == 100; }));
  CHECK(server.unreachable.size() >= 1);
}

TEST_CASE("a destination without a route is reported and the rest of the queue leaves",
          "[io][udp_socket]") {
  event_loop loop;
  listening server(loop, v6()); // bound to ::1, so IPv4 cannot be reached
  plain_socket client(AF_INET6);
  server.socket->send(client.local, octets{1});
  server.socket->send(v4(9), octets{2});
  server.socket->send(v4(9), octets{2});
  server.socket->send(client.local, octets{3});
  turn_for(loop, 2ms);
  CHECK(client.receive() == octets{1});
  CHECK(client.receive() == octets{3});
  CHECK(server.socket->counters().send_errors == 2);
  CHECK(server.socket->counters().receive_errors == 0);
}

// The last four octets of the IPv6 address were taken for an IPv4 address.
TEST_CASE("an IPv4 socket sends nothing to IPv6 destinations", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop, v4());
  plain_socket client;
  auto lookalike = parse_address("2001:db8::7f00:1", client.local.port).value();
  server.socket->send(lookalike, octets{1});
  turn_for(loop, 2ms);
  CHECK_FALSE(client.receive());
  CHECK(server.socket->counters().send_errors == 1);
  CHECK(server.unreachable == std::vector{lookalike});
}

TEST_CASE("segmented sends that a destination refuses leave one by one", "[io][udp_socket]") {
  event_loop loop;
  listening server(loop, v4());
  plain_socket client;
  for (int i = 0; i < 3; ++i)
    server.socket->send(v4(0), octets{1}); // port 0 is refused, as a run and alone
  for (unsigned i = 0; i < 5; ++i)
    server.socket->send(client.local, numbered(i, 10));
  loop.run_turn(0ns);
  for (unsigned i = 0; i < 5; ++i)
    CHECK(client.receive() == numbered(i, 10));
  CHECK(server.socket->counters().send_errors == 3);
}

// -- closing --

TEST_CASE("closing sends what is queued and lets go of the handlers", "[io][udp_socket]") {
  event_loop loop;
  plain_socket client;
  auto held = std::make_shared<int>();
  udp_socket socket(loop, v4());
  socket.start([held](datagram_block_ptr) {}, [held](const endpoint&) {});
  CHECK(held.use_count() == 3);
  socket.send(client.local, octets{1});
  socket.close();
  CHECK(held.use_count() == 1);
  CHECK(client.receive() == octets{1});
  socket.send(client.local, octets{2});
  socket.close();
  turn_for(loop, 2ms);
  CHECK_FALSE(client.receive());
}

TEST_CASE("a receiver may close its socket", "[io][udp_socket]") {
  for (auto spinning : {false, true}) {
    event_loop loop;
    if (spinning)
      loop.set_busy_poll(20ms);
    plain_socket client;
    udp_socket socket(loop, v4());
    std::string held(100, 'x'); // on the heap, so that a freed handler shows
    auto calls = 0;
    socket.start(
        [&, held](datagram_block_ptr) {
          socket.close();
          calls += held[99] == 'x';
        },
        [](const endpoint&) {});
    for (int i = 0; i < 3; ++i) {
      client.send(socket.local(), octets{1});
      turn_for(loop, 2ms);
    }
    CHECK(calls == 1);
  }
}

TEST_CASE("an error handler may close its socket", "[io][udp_socket]") {
  event_loop loop;
  udp_socket socket(loop, v6());
  plain_socket client(AF_INET6);
  std::string held(100, 'x');
  auto calls = 0;
  socket.start([](datagram_block_ptr) {},
               [&, held](const endpoint&) {
                 socket.close();
                 calls += held[99] == 'x';
               });
  socket.send(v4(9), octets{1});
  socket.send(client.local, octets{2});
  turn_for(loop, 2ms);
  CHECK(calls == 1);
  CHECK(client.receive() == octets{2}); // queued before the close
  CHECK_FALSE(client.receive());
}

// -- a slow network --

namespace {

/// A network of its own with a loopback of 40 Mbit/s, for the life of this object; nothing where
/// that is not permitted.
class slow_loopback {
public:
  slow_loopback() {
    before_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (before_ < 0 || ::unshare(CLONE_NEWNET) != 0)
      return;
    entered_ = true;
    works = std::system("ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 32kb "
                        "latency 20s 2>/dev/null") == 0;
  }
  ~slow_loopback() {
    if (entered_)
      CHECK(::setns(before_, CLONE_NEWNET) == 0);
    ::close(before_);
  }
  bool works = false;

private:
  int before_ = -1;
  bool entered_ = false;
};

} // namespace

TEST_CASE("what the system does not take at once leaves later, in order", "[io][udp_socket]") {
  slow_loopback network;
  if (!network.works) {
    WARN("not permitted to make a slow network; nothing was tested");
    return;
  }
  event_loop loop;
  udp_options options;
  options.buffer_octets = 20'000;
  listening server(loop, v4(), options);
  plain_socket client;
  for (unsigned i = 0; i < 400; ++i)
    server.socket->send(client.local, numbered(i, 1000));
  loop.run_turn(0ns);
  CHECK(server.socket->counters().datagrams_out < 400); // the point of this test
  std::vector<octets> received;
  REQUIRE(turn_until(loop, [&] {
    while (auto datagram = client.receive())
      received.push_back(*datagram);
    return received.size() >= 400;
  }));
  for (unsigned i = 0; i < 400; ++i)
    REQUIRE(received[i] == numbered(i, 1000));
  CHECK(server.socket->counters().datagrams_out == 400);
  CHECK(server.socket->counters().queue_drops == 0);
  CHECK(server.socket->counters().send_errors == 0);
}

// Octets that had left counted as waiting until the queue was empty once, which under steady load
// it never is.
TEST_CASE("only what waits counts against the queue's limit", "[io][udp_socket]") {
  slow_loopback network;
  if (!network.works) {
    WARN("not permitted to make a slow network; nothing was tested");
    return;
  }
  event_loop loop;
  udp_options options;
  options.buffer_octets = 20'000;
  options.send_queue_octets = 200'000;
  listening server(loop, v4(), options);
  plain_socket client;
  // The queue never runs dry and never holds more than half of its limit.
  std::vector<octets> received;
  unsigned sent = 0;
  REQUIRE(turn_until(loop, [&] {
    while (sent < received.size() + 100 && sent < 500)
      server.socket->send(client.local, numbered(sent++, 1000));
    while (auto datagram = client.receive())
      received.push_back(*datagram);
    return received.size() >= 500 || server.socket->counters().queue_drops > 0;
  }));
  CHECK(server.socket->counters().queue_drops == 0);
  for (unsigned i = 0; i < received.size(); ++i)
    REQUIRE(received[i] == numbered(i, 1000));
}

namespace {

/// Brings the server's waits for reading and for writing to an end together, and has the loop
/// handle the first of them only.
void end_both_waits(event_loop& loop, listening& server, plain_socket& client) {
  for (unsigned i = 0; i < 200; ++i)
    server.socket->send(client.local, numbered(i, 1000));
  loop.run_turn(0ns);
  REQUIRE(server.socket->counters().datagrams_out < 200);
  loop.context().poll();
  client.send(server.socket->local(), octets{1});
  std::this_thread::sleep_for(30ms); // the slow network takes what it was given
  loop.context().poll_one();
}

} // namespace

// The wait that was over called into the socket after its end, or started the next one on the
// closed descriptor, for ever.
TEST_CASE("a socket that closes or ends while its waits are over is quiet", "[io][udp_socket]") {
  slow_loopback network;
  if (!network.works) {
    WARN("not permitted to make a slow network; nothing was tested");
    return;
  }
  for (auto destroy : {false, true}) {
    event_loop loop;
    udp_options options;
    options.buffer_octets = 20'000;
    listening server(loop, v4(), options);
    plain_socket client;
    end_both_waits(loop, server, client);
    server.socket->close();
    if (destroy)
      server.socket.reset();
    std::size_t handlers = 0;
    for (int i = 0; i < 50; ++i)
      handlers += loop.context().poll_one();
    CHECK(handlers <= 3);
  }
}

TEST_CASE("closing does not wait for a slow network", "[io][udp_socket]") {
  slow_loopback network;
  if (!network.works) {
    WARN("not permitted to make a slow network; nothing was tested");
    return;
  }
  event_loop loop;
  udp_options options;
  options.buffer_octets = 20'000;
  listening server(loop, v4(), options);
  plain_socket client;
  for (unsigned i = 0; i < 400; ++i)
    server.socket->send(client.local, numbered(i, 1000));
  loop.run_turn(0ns);
  auto begin = std::chrono::steady_clock::now();
  server.socket->close();
  CHECK(std::chrono::steady_clock::now() - begin < 20ms);
  server.socket.reset();
  turn_for(loop, 5ms);
}
