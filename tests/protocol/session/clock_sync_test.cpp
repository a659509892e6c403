// What is asked and answered, and what follows from it, in virtual time.
#include "tests/protocol/session/clock_stage.hpp"

#include <algorithm>

using namespace tutti::protocol;
using namespace tutti::test::clocks;

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

TEST_CASE("a new session forgets the old one's clock", "[protocol][clock_sync]") {
  lone_clock t(true);
  t.run_until(5s, true);
  REQUIRE(t.clock.synchronised());
  t.clock.start(false, t.now);
  CHECK_FALSE(t.clock.synchronised());
  CHECK(t.clock.exchanges() == 0);
  CHECK(t.run_until_dead() == 60s);
}
