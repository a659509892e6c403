// Sending UDP over loopback, measured from outside with plain sockets.
#include "tests/io/udp_test.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <random>

using namespace tutti;
using namespace tutti::io;
using namespace std::chrono_literals;
using namespace tutti::test;

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
