// The token bucket of RL and the queue before it.
#include "protocol/session/send_limit.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tutti::protocol;
using namespace std::chrono_literals;

namespace {

constexpr hub_time at(std::chrono::nanoseconds time) {
  return hub_time(1000s + time);
}
event of(const ump& message) {
  return {message, {}, true};
}
event chunk(sysex_form form) {
  return of(make_sysex(form, std::vector<std::uint8_t>{1}));
}
std::size_t count_of(const send_limit& limit, sysex_form form) {
  return static_cast<std::size_t>(std::ranges::count_if(limit.held_back(), [form](const event& e) {
    return e.message.is_sysex() && e.message.form() == form;
  }));
}
const event note_on = of(make_short(0x90, 60, 100));
const event note_off = of(make_short(0x80, 60, 64));

} // namespace

TEST_CASE("without a limit everything may go", "[protocol][send_limit]") {
  send_limit limit;
  CHECK_FALSE(limit.active());
  for (int i = 0; i < 100; ++i) {
    CHECK(limit.may_send(at(0s)));
    limit.spend(100'000);
  }
}

TEST_CASE("a burst of a quarter of a second is allowed, then the rate", "[protocol][send_limit]") {
  send_limit limit;
  limit.set(80'000, at(0s)); // 10000 octets a second, 2500 at once
  auto sent = 0;
  while (limit.may_send(at(0s))) {
    limit.spend(100);
    sent += 100;
  }
  CHECK(sent == 2500);
  CHECK(limit.ready_at() > at(0s));
  CHECK_FALSE(limit.may_send(limit.ready_at() - 1ms));
  CHECK(limit.may_send(limit.ready_at()));
}

TEST_CASE("a limit too low for a packet still lets one go at a time", "[protocol][send_limit]") {
  send_limit limit;
  limit.set(8, at(0s)); // one octet a second
  CHECK(limit.may_send(at(0s)));
  limit.spend(1256);
  CHECK_FALSE(limit.may_send(at(1000s)));
  CHECK(limit.ready_at() > at(1000s));
  CHECK(limit.ready_at() <= at(1002s));
  CHECK(limit.may_send(limit.ready_at()));
}

TEST_CASE("what was saved up is never more than a burst", "[protocol][send_limit]") {
  send_limit limit;
  limit.set(80'000, at(0s));
  auto sent = 0;
  while (limit.may_send(at(1h))) {
    limit.spend(100);
    sent += 100;
  }
  CHECK(sent == 2500);
}

TEST_CASE("whenever it is ready it may send, for any rate and debt", "[protocol][send_limit]") {
  for (std::uint32_t rate : {1u, 7u, 300u, 9'600u, 31'250u, 1'000'000u, 4'294'967'295u})
    for (std::size_t debt : {1u, 100u, 1'428u, 100'000'000u}) {
      INFO(rate << " " << debt);
      send_limit limit;
      limit.set(rate, at(0s));
      while (limit.may_send(at(0s)))
        limit.spend(1'000'000);
      limit.spend(debt);
      CHECK(limit.ready_at() > at(0s));
      CHECK(limit.may_send(limit.ready_at()));
    }
}

// Each RL filled the bucket anew: a peer that repeats it every 100 ms got two and a half times what
// it asked for.
TEST_CASE("a limit that is told again does not fill the bucket again", "[protocol][send_limit]") {
  send_limit limit;
  auto sent = 0;
  for (auto now = 0ms; now < 10s; now += 100ms) {
    limit.set(80'000, at(now));
    while (limit.may_send(at(now))) {
      limit.spend(100);
      sent += 100;
    }
  }
  CHECK(sent <= 2500 + 100'000 + 100);
  CHECK(sent >= 95'000);
}

TEST_CASE("a new rate holds from when it is told", "[protocol][send_limit]") {
  send_limit limit;
  limit.set(80'000'000, at(0s));
  limit.set(80'000, at(0s));
  auto sent = 0;
  while (limit.may_send(at(0s))) {
    limit.spend(100);
    sent += 100;
  }
  CHECK(sent == 2500);
  limit.set(0, at(0s));
  CHECK_FALSE(limit.active());
  CHECK(limit.may_send(at(0s)));
}

TEST_CASE("held back events keep their order; beyond the limit what ends sound still enters",
          "[protocol][send_limit]") {
  send_limit limit;
  std::vector<event> notes(max_held_back_events, note_on);
  CHECK(limit.hold_back(notes) == 0);
  std::vector<event> more{note_on, note_off, note_on};
  CHECK(limit.hold_back(more) == 2);
  CHECK(limit.held_back().back() == note_off);
  std::vector<event> offs(2 * max_held_back_events, note_off);
  CHECK(limit.hold_back(offs) == max_held_back_events + 1);
  CHECK(limit.held_back().size() == 2 * max_held_back_events);
}

// Chunks were dropped one by one where they did not fit, which left a SysEx with a hole in it.
TEST_CASE("a SysEx that does not fit is cancelled, not cut", "[protocol][send_limit]") {
  send_limit limit;
  std::vector<event> notes(max_held_back_events - 2, note_on);
  CHECK(limit.hold_back(notes) == 0);
  std::vector<event> sysex{chunk(sysex_form::start), chunk(sysex_form::proceed),
                           chunk(sysex_form::proceed), chunk(sysex_form::proceed)};
  CHECK(limit.hold_back(sysex) == 2);
  CHECK(limit.held_back().back().message.form() == sysex_form::cancelled);
  limit.held_back().clear(); // meanwhile there is room again
  std::vector<event> rest{chunk(sysex_form::proceed), chunk(sysex_form::end)};
  CHECK(limit.hold_back(rest) == 2);
  CHECK(limit.held_back().empty());
  std::vector<event> next{chunk(sysex_form::start), chunk(sysex_form::end)};
  CHECK(limit.hold_back(next) == 0);
  CHECK(limit.held_back().size() == 2);
}

TEST_CASE("SysEx takes no room from what ends sound", "[protocol][send_limit]") {
  send_limit limit;
  std::vector<event> sysex(3 * max_held_back_events, chunk(sysex_form::proceed));
  sysex.front() = chunk(sysex_form::start);
  limit.hold_back(sysex);
  CHECK(limit.held_back().size() == max_held_back_events + 1);
  CHECK(count_of(limit, sysex_form::cancelled) == 1);
  std::vector<event> offs(1000, note_off);
  CHECK(limit.hold_back(offs) == 0);
  std::vector<event> whole(10, chunk(sysex_form::complete));
  CHECK(limit.hold_back(whole) == 10);
  CHECK(count_of(limit, sysex_form::cancelled) == 1);
}
