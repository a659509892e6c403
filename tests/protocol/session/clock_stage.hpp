// A clock_sync whose peer and time a test plays.
#pragma once

#include "protocol/list_encoder.hpp"
#include "protocol/session/clock_sync.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace tutti::test::clocks {

using namespace protocol;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

inline constexpr std::uint32_t ours = 0x0A0A0A0A;
inline constexpr std::uint32_t theirs = 0x0B0B0B0B;
inline const session_timing timing;

constexpr hub_time at(nanoseconds time) {
  return hub_time(1000s + time);
}
inline nanoseconds since_start(hub_time time) {
  return time - at(0s);
}

/// Answers a CK0 as a peer whose clock is `ahead` of ours would, after no time at all.
inline clock_exchange answer_to(const clock_exchange& question, std::uint64_t peer_ticks) {
  return {theirs, 1, {question.times[0], peer_ticks, 0}};
}

/// Runs a clock_sync by its deadlines until `end`; gives the times at which it asked. `answers`:
/// the peer answers each question at once.
struct lone_clock {
  explicit lone_clock(bool initiator) { clock.start(initiator, at(0s)); }

  std::vector<nanoseconds> run_until(nanoseconds end, bool answers) {
    std::vector<nanoseconds> asked;
    for (; clock.next_deadline() <= at(end); now = clock.next_deadline()) {
      now = std::max(now, clock.next_deadline());
      REQUIRE_FALSE(clock.is_dead(now));
      auto question = clock.poll(ours, now);
      if (question) {
        asked.push_back(since_start(now));
        if (answers) {
          clock.on_heard(now);
          clock.on_exchange(answer_to(*question, clock_ticks(now) + 5000), ours, now);
        }
      }
      REQUIRE(clock.next_deadline() > now);
    }
    now = at(end);
    return asked;
  }
  /// Goes on until the peer is dead; gives how long that took from the last sign of life.
  nanoseconds run_until_dead() {
    for (int i = 0; i < 10'000; ++i) {
      now = std::max(now, clock.next_deadline());
      if (clock.is_dead(now))
        return now - clock.last_heard();
      questions += clock.poll(ours, now).has_value();
      REQUIRE(clock.next_deadline() > now);
    }
    return nanoseconds::max();
  }

  clock_sync clock{timing};
  hub_time now = at(0s);
  int questions = 0;
};

} // namespace tutti::test::clocks
