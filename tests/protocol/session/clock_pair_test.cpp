// Two clocks that a test keeps, and the network between them, in virtual time.
#include "tests/protocol/session/clock_stage.hpp"

#include <algorithm>
#include <optional>
#include <queue>
#include <random>

using namespace tutti::protocol;
using namespace tutti::test::clocks;

namespace {

/// Two clock_syncs and the network between them.
struct clock_pair {
  struct datagram {
    nanoseconds at;
    std::uint64_t order;
    int to;
    clock_exchange content;
    bool operator>(const datagram& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  struct side {
    clock_sync clock{timing};
    nanoseconds ahead{};
    nanoseconds last_heard{};
    std::uint32_t ssrc = 0;
    int sent = 0;
    bool died = false;
    hub_time local(nanoseconds at) const { return hub_time(at + ahead); }
  };

  clock_pair(unsigned seed, nanoseconds ahead)
      : random(seed) {
    sides[0].ssrc = ours;
    sides[1].ssrc = theirs;
    sides[0].ahead = 0s;
    sides[1].ahead = ahead;
    sides[0].clock.start(true, sides[0].local(now));
    sides[1].clock.start(false, sides[1].local(now));
  }

  void send(int from, const clock_exchange& content) {
    ++sides[from].sent;
    if (random() % 100 < loss)
      return;
    auto delay = delays[from] + nanoseconds(jitter.count() ? random() % jitter.count() : 0);
    in_flight.push({now + delay, ++order, 1 - from, content});
  }
  void run_for(nanoseconds time) {
    auto end = now + time;
    for (;;) {
      auto next = in_flight.empty() ? nanoseconds::max() : in_flight.top().at;
      for (auto& one : sides)
        next = std::min(next, one.clock.next_deadline().time_since_epoch() - one.ahead);
      if (next > end)
        break;
      REQUIRE(next >= now);
      now = next;
      while (!in_flight.empty() && in_flight.top().at <= now) {
        auto next_in = in_flight.top();
        in_flight.pop();
        auto& to = sides[next_in.to];
        to.clock.on_heard(to.local(now));
        if (auto answer = to.clock.on_exchange(next_in.content, to.ssrc, to.local(now)))
          send(next_in.to, *answer);
      }
      for (int i : {0, 1}) {
        auto& one = sides[i];
        one.died |= one.clock.is_dead(one.local(now));
        if (auto question = one.clock.poll(one.ssrc, one.local(now)))
          send(i, *question);
        if (!one.died)
          REQUIRE(one.clock.next_deadline() > one.local(now));
      }
    }
    now = end;
  }
  /// How far side `i` is off about the other's clock, in ticks.
  std::int64_t error(int i) const {
    auto truth = (sides[1 - i].ahead - sides[i].ahead) / std::chrono::microseconds(100);
    return static_cast<std::int64_t>(sides[i].clock.offset_ticks()) - truth;
  }

  std::mt19937_64 random;
  nanoseconds now = 500s;
  nanoseconds delays[2] = {1ms, 1ms};
  nanoseconds jitter{};
  unsigned loss = 0;
  side sides[2];
  std::priority_queue<datagram, std::vector<datagram>, std::greater<>> in_flight;
  std::uint64_t order = 0;
};

} // namespace

TEST_CASE("both sides learn the offset over unequal and shaky ways", "[protocol][clock_sync]") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    clock_pair pair(seed, seed % 2 ? 9h + 123456us : -400s);
    pair.delays[0] = std::chrono::milliseconds(seed % 5);
    pair.delays[1] = std::chrono::milliseconds(seed % 7);
    pair.jitter = 2ms;
    pair.run_for(5s);
    for (int i : {0, 1}) {
      REQUIRE(pair.sides[i].clock.synchronised());
      // Half the difference of the ways, the best sample's jitter, and the ticks' grain.
      auto bound = std::chrono::abs((pair.delays[0] - pair.delays[1]) / 2) + 1ms + 200us;
      CHECK(std::abs(pair.error(i)) * 100us <= bound);
    }
  }
}

TEST_CASE("a bad network does not kill an idle session, nor flood it", "[protocol][clock_sync]") {
  for (unsigned seed = 0; seed < 5; ++seed) {
    INFO("seed " << seed);
    clock_pair pair(seed, 1s);
    pair.loss = 20;
    pair.jitter = 300ms;
    pair.run_for(1h);
    for (int i : {0, 1}) {
      CHECK_FALSE(pair.sides[i].died);
      CHECK(pair.sides[i].sent < 2500);
    }
  }
}

TEST_CASE("whatever happens, a deadline is never in the past once it was served",
          "[protocol][clock_sync]") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    clock_sync clock(timing);
    auto now = at(0s);
    clock.start(seed % 2, now);
    std::optional<clock_exchange> question;
    for (int i = 0; i < 300; ++i) {
      auto until = now + std::chrono::milliseconds(random() % 4 ? random() % 400 : random() % 9000);
      while (clock.next_deadline() <= until) {
        REQUIRE(clock.next_deadline() >= now);
        now = clock.next_deadline();
        if (clock.is_dead(now))
          clock.start(random() % 2, now);
        if (auto asked = clock.poll(ours, now))
          question = asked;
        REQUIRE(clock.next_deadline() > now);
      }
      now = until;
      switch (random() % 8) {
      case 0: clock.on_unreachable(now); break;
      case 1:
        clock.on_heard(now);
        clock.on_midi(random() % 2, now);
        break;
      case 2:
      case 3:
        if (question) {
          clock.on_heard(now);
          clock.on_exchange(answer_to(*question, 12345), ours, now);
        }
        break;
      case 4:
        clock.on_heard(now);
        clock.on_exchange({theirs, 2, {random(), random(), random()}}, ours, now);
        break;
      default: break;
      }
      // What an input asks for at once is served before the next.
      if (clock.next_deadline() <= now) {
        if (clock.is_dead(now))
          clock.start(false, now);
        clock.poll(ours, now);
        REQUIRE(clock.next_deadline() > now);
      }
    }
  }
}
