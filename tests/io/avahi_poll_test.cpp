#include "io/avahi_poll.hpp"

#include <catch2/catch.hpp>

#include <avahi-common/timeval.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

using namespace std::chrono_literals;
using tutti::io::avahi_poll;

namespace {

/// Two connected stream sockets.
struct socket_pair {
  socket_pair() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  }
  ~socket_pair() {
    for (int end : ends)
      if (end >= 0)
        ::close(end);
  }
  void write() { REQUIRE(::write(ends[1], "x", 1) == 1); }
  void drain() {
    std::array<char, 64> buffer;
    while (::read(ends[0], buffer.data(), buffer.size()) > 0) {
    }
  }
  void hang_up() {
    ::close(ends[1]);
    ends[1] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

/// A watch or timeout with a function object for a callback, and a count of its calls.
struct probe {
  int calls = 0;
  std::vector<int> events;
  std::function<void()> then = [] {};

  static void on_watch(AvahiWatch*, int, AvahiWatchEvent event, void* self) {
    auto& me = *static_cast<probe*>(self);
    ++me.calls;
    me.events.push_back(event);
    me.then();
  }
  static void on_timeout(AvahiTimeout*, void* self) {
    auto& me = *static_cast<probe*>(self);
    ++me.calls;
    me.then();
  }
};

struct fixture {
  boost::asio::io_context loop;
  avahi_poll poll{loop};
  const AvahiPoll* api = poll.api();

  AvahiWatch* watch(int fd, int events, probe& to) {
    return api->watch_new(api, fd, static_cast<AvahiWatchEvent>(events), probe::on_watch, &to);
  }
  AvahiTimeout* timeout(std::optional<std::chrono::milliseconds> delay, probe& to) {
    timeval when{};
    if (delay)
      avahi_elapse_time(&when, static_cast<unsigned>(delay->count()), 0);
    return api->timeout_new(api, delay ? &when : nullptr, probe::on_timeout, &to);
  }
  void update(AvahiTimeout* timeout, std::chrono::milliseconds delay) {
    timeval when{};
    avahi_elapse_time(&when, static_cast<unsigned>(delay.count()), 0);
    api->timeout_update(timeout, &when);
  }
  /// Runs what is ready, up to a number of handlers that no single event needs.
  void turn() {
    loop.restart();
    for (int i = 0; i < 32; ++i)
      loop.poll_one();
  }
  void run_for(std::chrono::milliseconds time) {
    loop.restart();
    loop.run_for(time);
  }
};

} // namespace

TEST_CASE("a watch calls as long as there is something to read", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe p;
  auto* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, p);
  f.turn();
  CHECK(p.calls == 0);
  pair.write();
  f.turn();
  CHECK(p.calls > 1); // not read yet: level-triggered, as poll(2) is
  pair.drain();
  f.turn();
  const auto calls = p.calls;
  f.turn();
  CHECK(p.calls == calls);
  CHECK(p.events.front() == AVAHI_WATCH_IN);
  f.api->watch_free(watch);
  CHECK(f.poll.watch_count() == 0);
}

TEST_CASE("two watches serve both directions of one descriptor", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe in, out;
  auto* reader = f.watch(pair.ends[0], AVAHI_WATCH_IN, in);
  auto* writer = f.watch(pair.ends[0], AVAHI_WATCH_OUT, out);
  REQUIRE(reader);
  REQUIRE(writer);
  f.turn();
  CHECK(in.calls == 0);
  CHECK(out.calls > 0);
  f.api->watch_free(writer);
  const auto writes = out.calls;
  in.then = [&] { pair.drain(); };
  pair.write();
  f.turn();
  CHECK(in.calls == 1);
  CHECK(out.calls == writes);
  f.api->watch_free(reader);
}

TEST_CASE("one watch serves both directions and says which are ready", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe p;
  auto* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN | AVAHI_WATCH_OUT, p);
  p.then = [&] {
    CHECK(f.api->watch_get_events(watch) == p.events.back());
    f.api->watch_update(watch, AVAHI_WATCH_IN);
  };
  f.turn();
  REQUIRE(p.calls == 1);
  CHECK(p.events[0] == AVAHI_WATCH_OUT);
  CHECK(f.api->watch_get_events(watch) == 0); // outside of its callback nothing has happened
  pair.write();
  p.then = [&] { pair.drain(); };
  f.turn();
  REQUIRE(p.calls == 2);
  CHECK(p.events[1] == AVAHI_WATCH_IN);
  f.api->watch_free(watch);
}

TEST_CASE("a watch frees itself inside its callback", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe p;
  AvahiWatch* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN | AVAHI_WATCH_OUT, p);
  p.then = [&] { f.api->watch_free(watch); };
  pair.write();
  f.turn();
  CHECK(p.calls == 1);
  CHECK(f.poll.watch_count() == 0);
  CHECK(::write(pair.ends[0], "x", 1) == 1); // the descriptor is still its owner's
}

TEST_CASE("a watch frees another one that is ready in the same turn", "[io][avahi_poll]") {
  fixture f;
  socket_pair a, b;
  probe pa, pb;
  AvahiWatch* wa = f.watch(a.ends[0], AVAHI_WATCH_IN, pa);
  AvahiWatch* wb = f.watch(b.ends[0], AVAHI_WATCH_IN, pb);
  auto free_both = [&] {
    f.api->watch_free(wa);
    f.api->watch_free(wb);
  };
  pa.then = free_both;
  pb.then = free_both;
  a.write();
  b.write();
  f.turn();
  CHECK(pa.calls + pb.calls == 1);
  CHECK(f.poll.watch_count() == 0);
}

TEST_CASE("a watch made in place of a freed one starts afresh", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe first, second;
  AvahiWatch* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, first);
  first.then = [&] {
    f.api->watch_free(watch);
    watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, second);
  };
  second.then = [&] { pair.drain(); };
  pair.write();
  f.turn();
  CHECK(first.calls == 1);
  CHECK(second.calls == 1);
  f.api->watch_free(watch);
}

TEST_CASE("a watch that wants nothing is silent until it is updated", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe p;
  auto* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, p);
  f.api->watch_update(watch, AvahiWatchEvent{});
  pair.write();
  f.turn();
  CHECK(p.calls == 0);
  p.then = [&] { pair.drain(); };
  f.api->watch_update(watch, AVAHI_WATCH_IN);
  f.turn();
  CHECK(p.calls == 1);
  f.api->watch_free(watch);
}

// avahi-core asserts that a socket watch is called with the event that it asked for.
TEST_CASE("a hang-up is told as readable, so that reading finds the end", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe p;
  AvahiWatch* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, p);
  p.then = [&] { f.api->watch_free(watch); };
  pair.hang_up();
  f.turn();
  REQUIRE(p.calls == 1);
  CHECK((p.events[0] & AVAHI_WATCH_IN) != 0);
  CHECK((p.events[0] & AVAHI_WATCH_HUP) != 0);
}

TEST_CASE("a watch on a closed descriptor cannot be made", "[io][avahi_poll]") {
  fixture f;
  probe p;
  CHECK(f.watch(-1, AVAHI_WATCH_IN, p) == nullptr);
  CHECK(f.poll.watch_count() == 0);
}

TEST_CASE("a timeout calls once, after its time", "[io][avahi_poll]") {
  fixture f;
  probe p;
  auto* timeout = f.timeout(15ms, p);
  f.run_for(5ms);
  CHECK(p.calls == 0);
  f.run_for(40ms);
  CHECK(p.calls == 1);
  f.api->timeout_free(timeout);
  CHECK(f.poll.timeout_count() == 0);
}

TEST_CASE("a timeout without a time waits for its update", "[io][avahi_poll]") {
  fixture f;
  probe p;
  auto* timeout = f.timeout({}, p);
  f.run_for(5ms);
  CHECK(p.calls == 0);
  f.update(timeout, 1ms);
  f.run_for(20ms);
  CHECK(p.calls == 1);
  f.api->timeout_free(timeout);
}

TEST_CASE("a time in the past fires on the next turn, not inside the call", "[io][avahi_poll]") {
  fixture f;
  probe p;
  timeval epoch{};
  auto* timeout = f.api->timeout_new(f.api, &epoch, probe::on_timeout, &p);
  CHECK(p.calls == 0);
  f.turn();
  CHECK(p.calls == 1);
  f.api->timeout_free(timeout);
}

TEST_CASE("a timeout sets itself again inside its callback", "[io][avahi_poll]") {
  fixture f;
  probe p;
  AvahiTimeout* timeout = f.timeout(0ms, p);
  p.then = [&] {
    if (p.calls < 3)
      f.update(timeout, 1ms);
  };
  f.run_for(50ms);
  CHECK(p.calls == 3);
  f.api->timeout_free(timeout);
}

TEST_CASE("a timeout frees itself inside its callback", "[io][avahi_poll]") {
  fixture f;
  probe p;
  AvahiTimeout* timeout = f.timeout(0ms, p);
  p.then = [&] { f.api->timeout_free(timeout); };
  f.run_for(10ms);
  CHECK(p.calls == 1);
  CHECK(f.poll.timeout_count() == 0);
}

TEST_CASE("a timeout that was due already is postponed or disabled by another's callback",
          "[io][avahi_poll]") {
  fixture f;
  probe first, postponed, disabled, freed;
  auto* a = f.timeout(1ms, first);
  auto* b = f.timeout(2ms, postponed);
  auto* c = f.timeout(2ms, disabled);
  auto* d = f.timeout(2ms, freed);
  first.then = [&] {
    f.update(b, 10s);
    f.api->timeout_update(c, nullptr);
    f.api->timeout_free(d);
  };
  ::usleep(25'000); // all four are due before the loop turns
  f.turn();
  CHECK(first.calls == 1);
  CHECK(postponed.calls == 0);
  CHECK(disabled.calls == 0);
  CHECK(freed.calls == 0);
  f.api->timeout_free(a);
  f.api->timeout_free(b);
  f.api->timeout_free(c);
}

// Seen with 500 services: avahi-core sets its timeout with each packet, and packets kept coming, so
// that nothing expired for seconds. A due timeout must fire however often it is set to be due.
TEST_CASE("a due timeout fires although every turn sets it anew", "[io][avahi_poll]") {
  fixture f;
  socket_pair pair;
  probe packets, p;
  auto* timeout = f.timeout({}, p);
  auto* watch = f.watch(pair.ends[0], AVAHI_WATCH_IN, packets);
  packets.then = [&] { f.update(timeout, 0ms); }; // and never reads
  pair.write();
  f.turn();
  CHECK(packets.calls > 1);
  CHECK(p.calls > 1);
  f.api->watch_free(watch);
  f.api->timeout_free(timeout);
}

TEST_CASE("nothing is called after the adapter is destroyed", "[io][avahi_poll]") {
  boost::asio::io_context loop;
  socket_pair pair;
  probe p;
  {
    avahi_poll poll(loop);
    const auto* api = poll.api();
    timeval epoch{};
    api->watch_new(api, pair.ends[0], AVAHI_WATCH_IN, probe::on_watch, &p);
    api->timeout_new(api, &epoch, probe::on_timeout, &p);
    pair.write();
  }
  loop.run_for(5ms);
  CHECK(p.calls == 0);
}

TEST_CASE("the loop may be destroyed with waits under way", "[io][avahi_poll]") {
  socket_pair pair;
  probe p;
  {
    fixture f;
    f.watch(pair.ends[0], AVAHI_WATCH_IN, p);
    f.timeout(1s, p);
    f.turn();
  }
  CHECK(p.calls == 0);
}
