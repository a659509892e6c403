#include "protocol/time_code.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;

namespace {

constexpr std::uint8_t fps25 = 1 << 5;
constexpr std::uint8_t drop = 2 << 5;

/// The quarter frames that tell a time, forwards or backwards.
void tell(time_code& code, const time_of_code& time, bool forward) {
  for (unsigned i = 0; i < 8; ++i) {
    auto piece = forward ? i : 7 - i;
    code.apply_quarter_frame(
        static_cast<std::uint8_t>(piece << 4 | quarter_frame_nibble(time, piece)));
  }
}

} // namespace

TEST_CASE("frames are counted by the rate", "[protocol][time_code]") {
  CHECK(shifted({0, 0, 0, 23}, 1) == time_of_code{0, 0, 1, 0});
  CHECK(shifted({fps25, 59, 59, 24}, 1) == time_of_code{fps25 | 1, 0, 0, 0});
  CHECK(shifted({fps25 | 23, 59, 59, 24}, 1) == time_of_code{fps25, 0, 0, 0});
  CHECK(shifted({fps25, 0, 0, 0}, -1) == time_of_code{fps25 | 23, 59, 59, 24});
}

TEST_CASE("drop frame leaves out two frames of each minute but the tenth",
          "[protocol][time_code]") {
  CHECK(shifted({drop, 0, 59, 29}, 1) == time_of_code{drop, 1, 0, 2});
  CHECK(shifted({drop, 9, 59, 29}, 1) == time_of_code{drop, 10, 0, 0});
  CHECK(shifted({drop, 1, 0, 2}, -1) == time_of_code{drop, 0, 59, 29});
}

TEST_CASE("two frames on and two frames back is where it was", "[protocol][time_code]") {
  for (std::uint8_t rate = 0; rate < 4; ++rate) {
    time_of_code time{static_cast<std::uint8_t>(rate << 5), 0, 58, 0};
    for (int i = 0; i < 40000; ++i, time = shifted(time, 1))
      REQUIRE(shifted(shifted(time, 2), -2) == time);
  }
}

TEST_CASE("a forward series tells the time two frames later, a reverse one its own",
          "[protocol][time_code]") {
  time_of_code time{fps25 | 17, 42, 33, 24};
  time_code code;
  tell(code, time, true);
  CHECK(code.has_time());
  CHECK(code.from_quarter_frames());
  CHECK(code.time() == time_of_code{fps25 | 17, 42, 34, 1});
  CHECK_FALSE(code.in_series());
  tell(code, time, false);
  CHECK(code.time() == time);
}

// A repair tells the time by a full frame; what follows from it is the source's state all the same.
TEST_CASE("a time is the same however it was told", "[protocol][time_code]") {
  time_of_code time{fps25 | 17, 42, 33, 24};
  time_code by_series, by_frame;
  tell(by_series, time, false);
  by_frame.apply_full_frame(time);
  CHECK(by_series == by_frame);
  by_series.apply_quarter_frame(0x72);
  CHECK_FALSE(by_series == by_frame);
  by_frame.apply_quarter_frame(0x72);
  CHECK(by_series == by_frame);
}

TEST_CASE("an unfinished series is known by its pieces", "[protocol][time_code]") {
  time_code code;
  code.apply_full_frame({1, 2, 3, 4});
  code.apply_quarter_frame(0x05);
  code.apply_quarter_frame(0x11);
  CHECK(code.progress() == time_code::series::forward);
  CHECK(code.point() == 1);
  CHECK(code.nibbles() == std::array<std::uint8_t, 8>{5, 1, 0, 0, 0, 0, 0, 0});
  CHECK(code.has_time()); // still the full frame's
}

TEST_CASE("pieces out of order mean nothing", "[protocol][time_code]") {
  time_code code;
  code.apply_full_frame({1, 2, 3, 4});
  code.apply_quarter_frame(0x30);
  CHECK(code.progress() == time_code::series::illegal);
  CHECK_FALSE(code.has_time());
  code.apply_quarter_frame(0x02); // a new series begins
  CHECK(code.progress() == time_code::series::forward);
  code.apply_quarter_frame(0x22); // and misses a piece
  CHECK(code.progress() == time_code::series::illegal);
}
