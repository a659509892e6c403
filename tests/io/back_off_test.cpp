#include "io/back_off.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace std::chrono_literals;
using tutti::io::back_off;

TEST_CASE("waits grow to the cap and stay there", "[io][back_off]") {
  back_off waits({100ms, 1000ms, 2.0, 0.0}, 1);
  for (auto expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms, 1000ms})
    CHECK(waits.next() == expected);
  CHECK(waits.failures() == 7);
}

TEST_CASE("a success starts anew", "[io][back_off]") {
  back_off waits({100ms, 1000ms, 2.0, 0.0}, 1);
  waits.next();
  waits.next();
  waits.reset();
  CHECK(waits.failures() == 0);
  CHECK(waits.next() == 100ms);
}

TEST_CASE("jitter spreads the waits within its bounds and never above the cap", "[io][back_off]") {
  bool shorter = false, longer = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    back_off waits({1000ms, 2000ms, 2.0, 0.2}, seed);
    const auto first = waits.next();
    CHECK(first >= 800ms);
    CHECK(first <= 1200ms);
    shorter = shorter || first < 1000ms;
    longer = longer || first > 1000ms;
    for (int i = 0; i < 100; ++i) {
      const auto wait = waits.next();
      CHECK(wait >= 1600ms);
      CHECK(wait <= 2000ms);
    }
  }
  CHECK(shorter);
  CHECK(longer);
}

TEST_CASE("the same seed gives the same waits", "[io][back_off]") {
  back_off a({}, 42), b({}, 42), c({}, 43);
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const auto wait = a.next();
    CHECK(wait == b.next());
    differs = differs || wait != c.next();
  }
  CHECK(differs);
}
