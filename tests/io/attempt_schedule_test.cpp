#include "io/attempt_schedule.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using tutti::io::attempt_schedule;
using tutti::io::endpoint;

namespace {

endpoint at(const char* address) {
  return tutti::io::parse_address(address, 5004).value();
}
const endpoint a = at("fd00::1"), b = at("10.0.0.1"), c = at("10.0.0.2");
const attempt_schedule::time_point start{};

} // namespace

TEST_CASE("each address has a head start over the next", "[io][attempt_schedule]") {
  attempt_schedule round({a, b, c}, {250ms, 3s}, start);
  CHECK(round.next(start) == a);
  CHECK_FALSE(round.next(start));
  CHECK(round.next_deadline() == start + 250ms);
  CHECK_FALSE(round.next(start + 249ms));
  CHECK(round.next(start + 250ms) == b);
  CHECK(round.next(start + 500ms) == c);
  CHECK(round.is_racing(a)); // all stay in the race
  CHECK(round.is_racing(b));
  CHECK_FALSE(round.exhausted());
}

TEST_CASE("an address that fails passes its head start on", "[io][attempt_schedule]") {
  attempt_schedule round({a, b}, {250ms, 3s}, start);
  round.next(start);
  round.fail(a, start + 10ms);
  CHECK_FALSE(round.is_racing(a));
  CHECK(round.next(start + 10ms) == b);
  round.fail(b, start + 20ms);
  CHECK(round.exhausted());
  CHECK_FALSE(round.next_deadline());
}

TEST_CASE("a round ends when the last address has had its time", "[io][attempt_schedule]") {
  attempt_schedule round({a, b}, {250ms, 3s}, start);
  round.next(start);
  round.next(start + 250ms);
  CHECK(round.next_deadline() == start + 3s);
  CHECK_FALSE(round.next(start + 3s));
  CHECK_FALSE(round.is_racing(a));
  CHECK(round.is_racing(b));
  CHECK(round.next_deadline() == start + 3250ms);
  round.next(start + 3250ms);
  CHECK(round.exhausted());
}

TEST_CASE("no addresses are a round that has failed", "[io][attempt_schedule]") {
  attempt_schedule round({}, {}, start);
  CHECK(round.exhausted());
  CHECK_FALSE(round.next(start));
  CHECK_FALSE(round.next_deadline());
}

TEST_CASE("an address that was not tried cannot fail", "[io][attempt_schedule]") {
  attempt_schedule round({a, b}, {250ms, 3s}, start);
  round.next(start);
  round.fail(b, start + 1ms);
  CHECK_FALSE(round.next(start + 1ms));
  CHECK(round.next(start + 250ms) == b);
}
