// Clock synchronisation between two clocks that a test keeps, in virtual time.
#include "protocol/list_encoder.hpp"
#include "protocol/session/clock_sync.hpp"

#include <catch2/catch.hpp>

#include <queue>
#include <random>

using namespace tutti::protocol;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr std::uint32_t ours = 0x0A0A0A0A;
constexpr std::uint32_t theirs = 0x0B0B0B0B;
const session_timing timing;

constexpr hub_time at(nanoseconds time) {
  return hub_time(1000s + time);
}
nanoseconds since_start(hub_time time) {
  return time - at(0s);
}

/// Answers a CK0 as a peer whose clock is `ahead` of ours would, after no time at all.
clock_exchange answer_to(const clock_exchange& question, std::uint64_t peer_ticks) {
  return {theirs, 1, {question.times[0], peer_ticks, 0}};
}

/// Runs a clock_sync by its deadlines until `end`; gives the times at which it asked. `answers`:
/// the peer answers each question at once.
struct lone_clock {
  explicit lone_clock(bool initiator) { clock.start(initiator, at(0s)); }

  std::vector<nanoseconds> run_until(nanoseconds end, bool answers) {
    std::vector<nanoseconds> asked;
    for (; clock.next_deadline() <= at(end); now = clock.next_deadline()) {
      now = std::max(now, clock.next_deadline());
      REQUIRE_FALSE(clock.is_dead(now));
      auto question = clock.poll(ours, now);
      if (question) {
        asked.push_back(since_start(now));
        if (answers) {
          clock.on_heard(now);
          clock.on_exchange(answer_to(*question, clock_ticks(now) + 5000), ours, now);
        }
      }
      REQUIRE(clock.next_deadline() > now);
    }
    now = at(end);
    return asked;
  }
  /// Goes on until the peer is dead; gives how long that took from the last sign of life.
  nanoseconds run_until_dead() {
    for (int i = 0; i < 10'000; ++i) {
      now = std::max(now, clock.next_deadline());
      if (clock.is_dead(now))
        return now - clock.last_heard();
      questions += clock.poll(ours, now).has_value();
      REQUIRE(clock.next_deadline() > now);
    }
    return nanoseconds::max();
  }

  clock_sync clock{timing};
  hub_time now = at(0s);
  int questions = 0;
};

} // namespace

TEST_CASE("nothing is asked before the session stands", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  CHECK(clock.next_deadline() == hub_time::max());
  CHECK_FALSE(clock.poll(ours, at(1h)));
  CHECK_FALSE(clock.is_dead(at(1h)));
  CHECK_FALSE(clock.synchronised());
  clock.on_unreachable(at(1h));
  CHECK(clock.next_deadline() == hub_time::max());
}

TEST_CASE("an initiator asks eight times in quick succession and then every ten seconds",
          "[protocol][clock_sync]") {
  lone_clock t(true);
  CHECK(t.run_until(40s, true) == std::vector<nanoseconds>{0ms, 250ms, 500ms, 750ms, 1000ms, 1250ms,
                                                           1500ms, 1750ms, 11'750ms, 21'750ms,
                                                           31'750ms});
}

TEST_CASE("a responder asks twice and then only after ten seconds of silence",
          "[protocol][clock_sync]") {
  lone_clock t(false);
  CHECK(t.run_until(12s, true) == std::vector<nanoseconds>{1000ms, 1250ms, 11'250ms});
  t.clock.on_heard(t.now); // the initiator's own regular CK0
  CHECK(t.run_until(23s, true) == std::vector<nanoseconds>{22s});
}

TEST_CASE("a question that is not answered is asked again twice a second",
          "[protocol][clock_sync]") {
  lone_clock t(true);
  auto asked = t.run_until(4s, false);
  REQUIRE(asked.size() == 12);
  CHECK(asked[8] == 2250ms);
  CHECK(asked[9] == 2750ms);
}

TEST_CASE("a CK0 is answered with both clocks, by either role", "[protocol][clock_sync]") {
  for (auto initiator : {true, false}) {
    clock_sync clock(timing);
    clock.start(initiator, at(0s));
    auto answer = clock.on_exchange({theirs, 0, {777, 888, 999}}, ours, at(3s));
    REQUIRE(answer);
    CHECK(answer->ssrc == ours);
    CHECK(answer->step == 1);
    CHECK(answer->times[0] == 777);
    CHECK(answer->times[1] == clock_ticks(at(3s)));
    CHECK_FALSE(clock.synchronised());
  }
}

TEST_CASE("a CK1 is answered with all three times and gives the offset", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(true, at(0s));
  auto question = clock.poll(ours, at(0s));
  REQUIRE(question);
  CHECK(question->step == 0);
  CHECK(question->ssrc == ours);
  CHECK(question->times[0] == clock_ticks(at(0s)));
  // 3 ms there and 3 ms back; the peer's clock is 5000 ticks ahead.
  auto received = answer_to(*question, clock_ticks(at(3ms)) + 5000);
  auto answer = clock.on_exchange(received, ours, at(6ms));
  REQUIRE(answer);
  CHECK(answer->step == 2);
  CHECK(answer->times[0] == received.times[0]);
  CHECK(answer->times[1] == received.times[1]);
  CHECK(answer->times[2] == clock_ticks(at(6ms)));
  CHECK(clock.offset_ticks() == 5000);
  CHECK(clock.round_trip() == 6ms);
  CHECK(clock.exchanges() == 1);
  CHECK_FALSE(clock.on_exchange(received, ours, at(7ms))); // a duplicate
  CHECK(clock.exchanges() == 1);
}

TEST_CASE("answers to what was not asked are ignored", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(true, at(0s));
  CHECK_FALSE(clock.on_exchange({theirs, 1, {1, 2, 3}}, ours, at(0s)));
  auto first = clock.poll(ours, at(0s));
  auto second = clock.poll(ours, at(250ms));
  REQUIRE(second);
  CHECK_FALSE(clock.on_exchange(answer_to(*first, 1), ours, at(260ms))); // overtaken
  CHECK_FALSE(clock.synchronised());
  CHECK(clock.on_exchange(answer_to(*second, 1), ours, at(270ms)));
  CHECK(clock.synchronised());
}

TEST_CASE("a CK2 gives the offset to the side that was asked", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  // The asker's clock is 5000 ahead; it asked at 0, we answered at 3 ms, it heard at 6 ms.
  auto base = clock_ticks(at(0s)) + 5000;
  CHECK_FALSE(
      clock.on_exchange({theirs, 2, {base, clock_ticks(at(3ms)), base + 60}}, ours, at(9ms)));
  CHECK(clock.offset_ticks() == 5000);
  CHECK(clock.round_trip() == 6ms);
}

TEST_CASE("a CK2 that took over a minute is noise", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  clock.on_exchange({theirs, 2, {1'000'000, 0, 1'600'000}}, ours, at(1s));
  clock.on_exchange({theirs, 2, {1'000'000, 0, 999'999}}, ours, at(1s)); // went back
  CHECK_FALSE(clock.synchronised());
}

TEST_CASE("an exchange of unequal ways errs by half the difference", "[protocol][clock_sync]") {
  for (auto [there, back] : {std::pair{1ms, 21ms}, {21ms, 1ms}, {5ms, 5ms}, {0ms, 40ms}}) {
    clock_sync clock(timing);
    clock.start(true, at(0s));
    auto question = clock.poll(ours, at(0s));
    clock.on_exchange(answer_to(*question, clock_ticks(at(there)) + 5000), ours, at(there + back));
    auto error = static_cast<std::int64_t>(clock.offset_ticks()) - 5000;
    auto bound = std::abs((there - back) / 2 / std::chrono::microseconds(100));
    CHECK(std::abs(error) <= bound + 1);
    CHECK(std::abs(error) >= bound - 1);
  }
}

TEST_CASE("the exchange that was delayed least decides, until it is old",
          "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  auto exchange = [&](std::uint64_t offset, std::uint64_t round_trip) {
    auto base = clock_ticks(at(0s)) + offset;
    clock.on_exchange({theirs, 2, {base, clock_ticks(at(0s)) + round_trip / 2, base + round_trip}},
                      ours, at(1s));
  };
  exchange(5000, 10);
  exchange(5020, 100);
  CHECK(clock.offset_ticks() == 5000);
  exchange(4990, 8);
  CHECK(clock.offset_ticks() == 4990);
  for (int i = 0; i < 7; ++i) {
    exchange(6000, 50);
    CHECK(clock.offset_ticks() == 4990);
  }
  exchange(6000, 50); // eight since: the clocks may have drifted
  CHECK(clock.offset_ticks() == 6000);
  for (int i = 0; i < 100; ++i)
    exchange(7000 + static_cast<std::uint64_t>(i), 50 - static_cast<std::uint64_t>(i) % 2);
  CHECK(clock.exchanges() == 111);
  CHECK(clock.offset_ticks() >= 7092);
}

TEST_CASE("the jitter of round trips is smoothed", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  auto exchange = [&](std::uint64_t round_trip) {
    clock.on_exchange({theirs, 2, {1000, 2000, 1000 + round_trip}}, ours, at(1s));
  };
  exchange(10);
  CHECK(clock.round_trip_jitter() == 0ns);
  exchange(26); // 1.6 ms more
  CHECK(clock.round_trip_jitter() == 100us);
  for (int i = 0; i < 200; ++i)
    exchange(26);
  CHECK(clock.round_trip_jitter() < 1us);
}

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

TEST_CASE("timestamps map to hub time once the clocks are known", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  auto stamp = [](std::uint64_t peer_ticks) { return static_cast<std::uint32_t>(peer_ticks); };
  auto now = at(2s);
  CHECK(clock.to_hub_time(123456, 0, now) == now);
  // The peer's low half wraps 1 s after our 1 s.
  auto ahead = (std::uint64_t(9) << 32) - clock_ticks(at(2s));
  auto base = clock_ticks(at(0s)) + ahead;
  clock.on_exchange({theirs, 2, {base, clock_ticks(at(0s)), base}}, ours, at(0s));
  REQUIRE(clock.offset_ticks() == ahead);
  for (nanoseconds distance : {-3000ms, -1000ms, -100ms, 0ms, 100ms, 3000ms}) {
    INFO(distance.count());
    auto event_at = at(2s) + distance;
    auto timestamp = stamp(clock_ticks(event_at) + ahead);
    CHECK(clock.to_hub_time(timestamp == 0 ? 1 : timestamp, 0, now) - event_at <= 100us);
    CHECK(clock.to_hub_time(timestamp == 0 ? 1 : timestamp, 0, now) - event_at >= 0us);
  }
  auto half_second_ago = stamp(clock_ticks(at(1500ms)) + ahead);
  CHECK(clock.to_hub_time(half_second_ago, 10'000, now) == at(2500ms)); // past the wrap
}

TEST_CASE("timestamps that mean nothing are now", "[protocol][clock_sync]") {
  clock_sync clock(timing);
  clock.start(false, at(0s));
  auto base = clock_ticks(at(0s)) + 5000;
  clock.on_exchange({theirs, 2, {base, clock_ticks(at(0s)), base}}, ours, at(0s));
  auto now = at(60s);
  auto peer_now = static_cast<std::uint32_t>(clock_ticks(now) + 5000);
  CHECK(clock.to_hub_time(0, 7, now) == now);
  CHECK(clock.to_hub_time(peer_now - 100'000, 0, now) == now - 10s);
  CHECK(clock.to_hub_time(peer_now - 100'001, 0, now) == now);
  CHECK(clock.to_hub_time(peer_now + 100'000, 0, now) == now + 10s);
  CHECK(clock.to_hub_time(peer_now + 100'001, 0, now) == now);
  CHECK(clock.to_hub_time(peer_now + 0x80000000u, 0, now) == now);
}

TEST_CASE("a peer that plays and answers CK is dead after 2.9 s of silence",
          "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(3s, true);
  t.clock.on_heard(t.now);
  t.clock.on_midi(false, t.now);
  CHECK(t.run_until_dead() == 2900ms);
  CHECK(t.questions >= 8); // loss of one or two answers does not kill
  CHECK(t.questions <= 12);
}

TEST_CASE("a peer that holds notes is dead after 2.9 s, however long ago it struck them",
          "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(3s, true);
  t.clock.on_heard(t.now);
  t.clock.on_midi(true, t.now);
  t.run_until(100s, true);
  CHECK(t.run_until_dead() <= 2900ms);
  CHECK(t.run_until_dead() >= 2000ms);
}

TEST_CASE("an idle peer that answers CK is dead after 15 s of silence", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(15s, true);
  CHECK(t.run_until_dead() == 15s);
}

TEST_CASE("a peer that we invite is asked after 2 s of silence, and dead after 4 s",
          "[protocol][clock_sync]") {
  for (auto initiator : {true, false}) {
    lone_clock t(initiator);
    t.clock.set_invited(true, t.now);
    t.run_until(3s, true);
    auto asked = t.run_until(20s, true);
    CHECK(asked.size() <= 9); // and an idle session costs no more than that
    CHECK(t.run_until_dead() == 4s);
    CHECK(t.questions >= 8); // loss of some answers does not kill
    CHECK(t.questions <= 12);
  }
}

TEST_CASE("a peer that we invite and that asks us is not asked much", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.clock.set_invited(true, t.now);
  t.run_until(2s, true);
  std::size_t asked = 0;
  for (auto end = 3s; end < 60s; end += 1s) {
    t.clock.on_heard(t.now);
    asked += t.run_until(end, true).size();
  }
  CHECK(asked <= 6);
}

TEST_CASE("an idle peer that we come to invite has 4 s to answer", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(10s, true);
  REQUIRE(t.now - t.clock.last_heard() > 8s);
  t.clock.set_invited(true, t.now);
  CHECK(t.clock.next_deadline() <= t.now);
  CHECK_FALSE(t.clock.is_dead(t.now));
  auto invited = t.now;
  t.run_until_dead();
  CHECK(t.now - invited == 4s);
}

TEST_CASE("a peer that never answered CK is dead after a minute of silence, playing or not",
          "[protocol][clock_sync]") {
  for (auto initiator : {true, false})
    for (auto plays : {true, false}) {
      lone_clock t(initiator);
      t.run_until(3s, false);
      t.clock.on_heard(t.now);
      if (plays)
        t.clock.on_midi(true, t.now);
      CHECK(t.run_until_dead() == 60s);
      CHECK(t.questions < 130);
    }
}

TEST_CASE("a peer that stopped playing long ago is idle", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(3s, true);
  t.clock.on_heard(t.now);
  t.clock.on_midi(false, t.now);
  t.run_until(20s, true);
  CHECK(t.run_until_dead() == 15s);
}

// The limit was that of the last sign of life, when the peer still counted as playing; the deadline
// stayed in the past, and the caller span until the idle limit.
TEST_CASE("a peer that dies while its playing is being forgotten keeps nobody busy",
          "[protocol][clock_sync]") {
  for (auto pause : {0ms, 1000ms, 2000ms, 2100ms, 2500ms, 3000ms, 4000ms, 4900ms, 5100ms}) {
    INFO(pause.count());
    lone_clock t(true);
    t.run_until(3s, true);
    t.clock.on_heard(t.now);
    t.clock.on_midi(false, t.now);
    t.run_until(3s + pause, true);
    t.clock.on_heard(t.now);
    CHECK(t.run_until_dead() == (pause < 2100ms ? 2900ms : 15'000ms));
    CHECK(t.questions < 40);
  }
}

// One ICMP error about a peer that had been idle for a while killed it on the spot.
TEST_CASE("a peer that is said to be unreachable is asked, and has 2.9 s to answer",
          "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(10s, true);
  REQUIRE(t.now - t.clock.last_heard() > 8s);
  t.clock.on_unreachable(t.now);
  CHECK(t.clock.next_deadline() <= t.now);
  CHECK_FALSE(t.clock.is_dead(t.now));
  auto suspected = t.now;
  t.run_until_dead();
  CHECK(t.now - suspected == 2900ms);
  CHECK(t.questions >= 10);
}

TEST_CASE("an unreachable peer that answers is forgiven", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(10s, true);
  t.clock.on_unreachable(t.now);
  CHECK(t.run_until(40s, true).size() == 4);
  CHECK(t.run_until_dead() == 15s);
}

TEST_CASE("a new session forgets the old one's clock", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(5s, true);
  REQUIRE(t.clock.synchronised());
  t.clock.start(false, t.now);
  CHECK_FALSE(t.clock.synchronised());
  CHECK(t.clock.exchanges() == 0);
  CHECK(t.run_until_dead() == 60s);
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
