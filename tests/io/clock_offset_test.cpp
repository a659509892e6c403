// Two clocks that drift apart, as JACK's and the hub's do, in virtual time.
#include "io/clock_offset.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using tutti::io::clock_offset;

namespace {

constexpr std::int64_t period = 21'333'333; // 1,024 frames at 48 kHz
constexpr std::int64_t frame = 20'833;

} // namespace

TEST_CASE("clocks that drift apart stay within a frame for hours, in small steps",
          "[io][clock_offset]") {
  for (auto ppm : {-50, 3, 50}) {
    std::mt19937 random(7);
    clock_offset offset;
    std::int64_t ours = 88'000'000'000'000, farthest = 0, largest_step = 0;
    for (int i = 0; i < 1'000'000; ++i) { // six hours
      auto drifted = (ours - 88'000'000'000'000) / 1'000'000 * ppm;
      auto truth = 249'000'000 + drifted;
      auto look = static_cast<std::int64_t>(random() % 400);
      auto before = offset.ns();
      // JACK counts whole microseconds.
      offset.observe(ours, (ours + look / 2 - truth) / 1000 * 1000, ours + look);
      if (i > 0) {
        farthest = std::max(farthest, std::abs(offset.ns() - truth));
        largest_step = std::max(largest_step, std::abs(offset.ns() - before));
      }
      ours += period;
    }
    CAPTURE(ppm);
    CHECK(farthest < frame);
    CHECK(largest_step < frame / 10);
  }
}

TEST_CASE("a look that something came in between does not count", "[io][clock_offset]") {
  clock_offset offset;
  offset.observe(1000, 500, 1200);
  CHECK(offset.ns() == 600);
  offset.observe(100'000, 50'000, 100'000 + clock_offset::longest_look + 2);
  CHECK(offset.ns() == 600);
}

TEST_CASE("the first look counts however long it took", "[io][clock_offset]") {
  clock_offset offset;
  offset.observe(0, 0, 2 * clock_offset::longest_look);
  CHECK(offset.ns() == clock_offset::longest_look);
}

TEST_CASE("a jump is followed at once", "[io][clock_offset]") {
  clock_offset offset;
  offset.observe(1000, 0, 1000);
  offset.observe(5'000'000, 0, 5'000'000);
  CHECK(offset.ns() == 5'000'000);
}
