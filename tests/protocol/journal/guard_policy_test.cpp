#include "protocol/journal/guard_policy.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace std::chrono_literals;

namespace {

/// Sends all guards that are due up to `until`; gives how many.
int run(guard_policy& guard, hub_time until) {
  int sent = 0;
  while (guard.next_deadline() <= until) {
    guard.on_guard_sent(guard.next_deadline());
    ++sent;
  }
  return sent;
}

} // namespace

TEST_CASE("nothing is due before anything was sent", "[protocol][journal][guard_policy]") {
  CHECK(guard_policy().next_deadline() == hub_time::max());
}

TEST_CASE("the first guard comes well within 100 ms", "[protocol][journal][guard_policy]") {
  guard_policy guard;
  guard.on_sent_midi(hub_time(1s));
  CHECK(guard.next_deadline() == hub_time(1s + 30ms));
}

TEST_CASE("guards are dense for half a second and then grow to one a second",
          "[protocol][journal][guard_policy]") {
  guard_policy guard;
  guard.on_feedback(true); // a peer that answers
  guard.on_sent_midi(hub_time{});
  CHECK(run(guard, hub_time(480ms)) == 10);
  hub_time::duration last{};
  auto at = guard.next_deadline();
  for (int i = 0; i < 20; ++i) {
    guard.on_guard_sent(guard.next_deadline());
    CHECK(guard.next_deadline() - at >= last);
    last = guard.next_deadline() - at;
    at = guard.next_deadline();
  }
  CHECK(last == guard_policy::last_interval);
}

TEST_CASE("feedback that covers everything ends the guards", "[protocol][journal][guard_policy]") {
  guard_policy guard;
  guard.on_sent_midi(hub_time{});
  guard.on_feedback(false);
  CHECK(guard.next_deadline() == hub_time(30ms));
  guard.on_feedback(true);
  CHECK(guard.next_deadline() == hub_time::max());
}

TEST_CASE("each packet of MIDI begins anew", "[protocol][journal][guard_policy]") {
  guard_policy guard;
  guard.on_sent_midi(hub_time{});
  run(guard, hub_time(300ms));
  guard.on_sent_midi(hub_time(310ms));
  CHECK(guard.next_deadline() == hub_time(340ms));
}

TEST_CASE("a peer that never answers gets few guards once that is clear",
          "[protocol][journal][guard_policy]") {
  guard_policy guard;
  guard.on_sent_midi(hub_time{});
  CHECK_FALSE(guard.peer_is_silent());
  CHECK(run(guard, hub_time(1h)) == static_cast<int>(guard_policy::patience));
  CHECK(guard.peer_is_silent());
  guard.on_sent_midi(hub_time(2h));
  CHECK(run(guard, hub_time(3h)) == static_cast<int>(guard_policy::guards_for_silent_peer));
  // And all of them again as soon as it does answer.
  guard.on_feedback(false);
  guard.on_sent_midi(hub_time(4h));
  CHECK(run(guard, hub_time(4h + 60s)) > 60);
}
