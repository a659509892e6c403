// When a silent peer is asked whether it lives, and when it is given up.
#include "tests/protocol/session/clock_stage.hpp"

using namespace tutti::protocol;
using namespace tutti::test::clocks;

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
