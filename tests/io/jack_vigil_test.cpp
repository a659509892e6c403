// Getting up before JACK's period: when the loop is told to stay awake, and when it is left asleep.
#include "io/jack_vigil.hpp"

#include <catch2/catch.hpp>

#include <optional>

using namespace tutti::io;
using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

struct fixture {
  event_loop loop;
  jack_forecast forecast{(clock::now() + 5ms).time_since_epoch(), 20ms, 400us};
  int rehearsals = 0;
  std::optional<jack_vigil> vigil{std::in_place, loop, [this] { return forecast; },
                                  [this] { ++rehearsals; }};

  void play() {
    vigil->on_events();
    vigil->on_answered();
  }
  /// Until when the loop has been told to stay awake; nothing if that does not happen.
  std::optional<clock::time_point> alarm(std::chrono::milliseconds patience) {
    for (auto end = clock::now() + patience; clock::now() < end; loop.run_turn(1ms))
      if (loop.awake_until() != clock::time_point{})
        return loop.awake_until();
    return {};
  }
  /// Where in a period that is.
  std::chrono::nanoseconds offset(clock::time_point time) const {
    return (time.time_since_epoch() - forecast.begin) % forecast.length;
  }
};

} // namespace

TEST_CASE("the loop is awake for each period that follows one with events", "[io][jack_vigil]") {
  fixture made;
  made.play();
  for (int period = 0; period < 3; ++period) {
    auto until = made.alarm(1s);
    REQUIRE(until);
    // Half of the time that the last events took is added, as the next may be later.
    CHECK(made.offset(*until) == 600us);
    CHECK(made.rehearsals == period + 1);
    made.loop.stay_awake_until({});
  }
}

TEST_CASE("events end the vigil of their period", "[io][jack_vigil]") {
  fixture made;
  made.play();
  REQUIRE(made.alarm(1s));
  made.play();
  CHECK(made.loop.awake_until() == clock::time_point{});
  CHECK(made.alarm(1s));
}

TEST_CASE("without events the loop sleeps", "[io][jack_vigil]") {
  fixture made;
  made.vigil->on_answered();
  CHECK_FALSE(made.alarm(40ms));
}

TEST_CASE("periods that are short against the vigil do without", "[io][jack_vigil]") {
  fixture made;
  made.forecast.length = 4ms;
  made.play();
  CHECK_FALSE(made.alarm(20ms));
  CHECK(made.rehearsals == 0);
}

TEST_CASE("the vigil ends when JACK goes", "[io][jack_vigil]") {
  fixture made;
  made.play();
  made.forecast.length = 0ns;
  CHECK_FALSE(made.alarm(40ms));
}

TEST_CASE("a vigil may end before its alarm goes off", "[io][jack_vigil]") {
  fixture made;
  made.play();
  std::this_thread::sleep_until(clock::time_point(made.forecast.begin));
  made.vigil.reset();
  CHECK_FALSE(made.alarm(5ms));
}
