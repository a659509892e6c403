#include "actors/flood_watch.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace std::chrono_literals;

TEST_CASE("many in a short time are a flood, as many in a long one are none", "[actors][flood]") {
  flood_watch watch;
  protocol::hub_time now(1000s);
  std::uint64_t count = 0;
  for (int i = 0; i < 100; ++i)
    REQUIRE_FALSE(watch.floods(count += flood_watch::limit / 2, now += flood_watch::window));

  CHECK_FALSE(watch.floods(count += flood_watch::limit / 2, now));
  CHECK(watch.floods(count += flood_watch::limit, now));
  CHECK(watch.is_new());
  CHECK(watch.rests(now));
  CHECK_FALSE(watch.floods(count += flood_watch::limit, now));

  SECTION("that it goes on after the rest is no news") {
    now += flood_watch::rest;
    CHECK_FALSE(watch.rests(now));
    CHECK_FALSE(watch.floods(count, now));
    CHECK(watch.floods(count += flood_watch::limit + 1, now + 1ms));
    CHECK_FALSE(watch.is_new());
  }
  SECTION("a rest ends early for who starts anew") {
    watch.end_rest(now += 1ms);
    CHECK_FALSE(watch.rests(now));
    CHECK(watch.floods(count += flood_watch::limit, now));
  }
  SECTION("another one later is") {
    now += 1h;
    CHECK_FALSE(watch.floods(count, now));
    CHECK(watch.floods(count += flood_watch::limit + 1, now));
    CHECK(watch.is_new());
  }
}
