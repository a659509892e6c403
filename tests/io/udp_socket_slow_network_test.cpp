// UDP over a loopback that takes less than is sent.
#include "tests/io/udp_test.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

using namespace tutti;
using namespace tutti::io;
using namespace std::chrono_literals;
using namespace tutti::test;

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
