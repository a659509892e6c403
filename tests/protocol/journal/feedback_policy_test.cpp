#include "protocol/journal/feedback_policy.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace std::chrono_literals;

TEST_CASE("feedback is due a second after the first packet since the last",
          "[protocol][journal][feedback_policy]") {
  feedback_policy policy;
  CHECK(policy.next_deadline() == hub_time::max());
  policy.on_packet(false, hub_time(5s));
  policy.on_packet(false, hub_time(5500ms));
  CHECK(policy.next_deadline() == hub_time(6s));
  policy.on_sent(hub_time(6s));
  CHECK(policy.next_deadline() == hub_time::max());
}

TEST_CASE("a loss or a guard is answered at once", "[protocol][journal][feedback_policy]") {
  feedback_policy policy;
  policy.on_packet(true, hub_time(5s));
  CHECK(policy.next_deadline() == hub_time(5s));
}

TEST_CASE("but not more often than every 10 ms", "[protocol][journal][feedback_policy]") {
  feedback_policy policy;
  policy.on_sent(hub_time(5s));
  policy.on_packet(true, hub_time(5s + 1ms));
  CHECK(policy.next_deadline() == hub_time(5s + 10ms));
  policy.on_packet(false, hub_time(5s + 2ms));
  CHECK(policy.next_deadline() == hub_time(5s + 10ms));
}
