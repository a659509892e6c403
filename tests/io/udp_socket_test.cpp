// UDP over loopback, measured from outside with plain sockets: receiving, ports, closing.
#include "tests/io/udp_test.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <system_error>

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
