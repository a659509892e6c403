// One SysEx at a time, case by case.
#include "tests/protocol/gate_stage.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test::gates;

TEST_CASE("without a SysEx everything passes as it comes", "[protocol][sysex_gate]") {
  gate_under_test t;
  CHECK(t.gate.transparent());
  t.accept(1, {note_on(60), clock_tick_event, note_off(60)});
  t.accept(2, {complete()});
  CHECK(t.take() == messages({note_on(60), clock_tick_event, note_off(60), complete()}));
  CHECK(t.gate.transparent());
  CHECK(t.gate.next_deadline() == hub_time::max());
}

TEST_CASE("while a SysEx is open the others wait and real-time passes", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  CHECK_FALSE(t.gate.transparent());
  t.accept(2, {note_on(60), clock_tick_event});
  t.accept(1, {clock_tick_event, proceed()});
  t.accept(3, {note_on(70)});
  t.accept(2, {note_off(60)});
  CHECK(t.take() == messages({start(), clock_tick_event, clock_tick_event, proceed()}));
  t.accept(1, {end(), note_on(80)});
  CHECK(t.take() == messages({end(), note_on(60), note_on(70), note_off(60), note_on(80)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a SysEx that waited goes out in one piece before what came after it",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(1), start({7}), proceed({8})});
  t.accept(3, {note_on(2)});
  t.accept(2, {end({9}), note_on(3)});
  t.take();
  t.accept(1, {end()});
  CHECK(t.take() ==
        messages({end(), note_on(1), start({7}), proceed({8}), end({9}), note_on(2), note_on(3)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a SysEx that waited unfinished takes the stream when its turn comes",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.accept(2, {start({7})}, 10ms);
  t.accept(3, {note_on(2)}, 20ms);
  t.accept(1, {end()}, 30ms);
  CHECK(t.take() == messages({start(), end(), start({7})}));
  CHECK(t.gate.next_deadline() == at(30ms + 1s)); // its turn began only now
  t.accept(2, {end({8})}, 40ms);
  CHECK(t.take() == messages({end({8}), note_on(2)}));
}

TEST_CASE("a cancelled SysEx gives the stream free", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(60)});
  t.accept(1, {cancelled()});
  CHECK(t.take() == messages({start(), cancelled(), note_on(60)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("chunks of a SysEx whose start did not come here are dropped", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {proceed(), end(), cancelled()});
  CHECK(t.take().empty());
  CHECK(t.gate.transparent());
  t.accept(1, {start()});
  t.accept(2, {proceed(), note_on(60), end()});
  t.accept(1, {end()});
  CHECK(t.take() == messages({start(), end(), note_on(60)}));
}

// A start inside one's own open SysEx waited behind it: nothing could ever end that, and after the
// stall the new SysEx lost its rest.
TEST_CASE("a source that begins anew cancels its own open SysEx", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start({1})});
  t.accept(1, {start({2}), end({3})});
  CHECK(t.take() == messages({start({1}), cancelled(), start({2}), end({3})}));
  CHECK(t.gate.transparent());
  t.accept(1, {start({1}), complete({2})});
  CHECK(t.take() == messages({start({1}), cancelled(), complete({2})}));
  CHECK(t.gate.transparent());
}

// The second start stayed behind in the queue while the chunks after it were taken for the first.
TEST_CASE("a source that begins anew while it waits does not mix its two SysEx",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {start({10}), proceed({11}), start({20}), end({21})});
  t.take();
  t.accept(1, {end()});
  stream_checker checker;
  checker.take(start().message);
  for (const auto& message : t.take())
    checker.take(message);
  CHECK_FALSE(checker.illegal);
  CHECK(checker.whole == std::vector<octets>{{1, 3}, {20, 21}});
}

TEST_CASE("a stalled SysEx is cancelled and the rest of it dropped", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 10, .stall = 100ms});
  t.accept(1, {start()}, 0ms);
  t.accept(1, {proceed()}, 60ms);
  t.accept(2, {note_on(60)}, 70ms);
  CHECK(t.gate.next_deadline() == at(160ms));
  t.gate.on_deadline(at(159ms), t.out);
  CHECK(t.take() == messages({start(), proceed()}));
  t.gate.on_deadline(at(160ms), t.out);
  CHECK(t.take() == messages({cancelled(), note_on(60)}));
  CHECK(t.gate.counters().stalled_sysex == 1);
  CHECK(t.gate.next_deadline() == hub_time::max());
  t.accept(1, {proceed(), note_on(61), end(), note_on(62)}, 200ms);
  CHECK(t.take() == messages({note_on(61), note_on(62)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("after a stall the source's next SysEx passes", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 10, .stall = 100ms});
  t.accept(1, {start()}, 0ms);
  t.gate.on_deadline(at(100ms), t.out);
  t.take();
  t.accept(1, {start({5}), proceed({6}), end({7})}, 200ms); // the end of the first never came
  CHECK(t.take() == messages({start({5}), proceed({6}), end({7})}));
}

TEST_CASE("real-time does not keep a stalled SysEx alive", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.accept(1, {clock_tick_event}, 900ms);
  CHECK(t.gate.next_deadline() == at(1s));
}

TEST_CASE("a source that goes away ends its open SysEx", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start(), proceed()});
  t.accept(2, {note_on(60)});
  t.take();
  t.gate.on_source_gone(1, at(5ms), t.out);
  CHECK(t.take() == messages({cancelled(), note_on(60)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("what a source sent before it went away still goes out, its unfinished SysEx does not",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(60), complete({9}), start({10}), proceed({11})});
  t.accept(2, {note_off(60)});
  t.take();
  t.gate.on_source_gone(2, at(0ms), t.out);
  CHECK(t.take().empty());
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), note_on(60), complete({9}), note_off(60)}));
  CHECK(t.gate.counters().dropped_sysex == 1);
}

TEST_CASE("a source that is skipped and goes away is forgotten", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.gate.on_deadline(at(1s), t.out);
  CHECK_FALSE(t.gate.transparent());
  t.gate.on_source_gone(1, at(1s), t.out);
  CHECK(t.gate.transparent());
}

TEST_CASE("beyond the limit what adds sound is dropped and what ends it enters",
          "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 2, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {note_on(1), note_on(2), note_on(3), of(make_short(0xE0, 0, 0)), note_off(4),
               of(make_short(0x90, 5, 0)), note_off(6)});
  CHECK(t.gate.counters().dropped_events == 3); // two beyond the limit, one beyond twice the limit
  t.accept(1, {end()});
  CHECK(t.take() ==
        messages({end(), note_on(1), note_on(2), note_off(4), of(make_short(0x90, 5, 0))}));
}

TEST_CASE("pedals up and mode messages count as ending sound", "[protocol][sysex_gate]") {
  auto pedal_up = of(make_short(0xB0, 64, 0));
  gate_under_test wide({.waiting_events = 1, .stall = 1s});
  wide.accept(1, {start()});
  wide.take();
  wide.accept(2, {note_on(1), pedal_up});
  wide.accept(1, {end()});
  CHECK(wide.take() == messages({end(), note_on(1), pedal_up}));
}

TEST_CASE("a waiting SysEx that outgrows the queue is dropped whole", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 4, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(
      2, {note_on(1), start({5}), proceed({6}), proceed({7}), proceed({8}), end({9}), note_on(2)});
  CHECK(t.gate.counters().dropped_sysex == 1);
  CHECK(t.gate.counters().dropped_events == 0);
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), note_on(1), note_on(2)}));
  CHECK(t.gate.transparent());
}

// The search for "its last SysEx" found the one before, which was whole.
TEST_CASE("a SysEx that does not fit takes no earlier one with it", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 2, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {start({5}), end({6}), start({7}), proceed({8}), end({9})});
  t.accept(2, {complete({10})});
  CHECK(t.gate.counters().dropped_sysex == 2);
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), start({5}), end({6})}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a waiting SysEx of another source is not touched when one is dropped",
          "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 3, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {start({5})});
  t.accept(3, {start({6})});
  t.accept(2, {end({7})});
  t.accept(3, {end({8})}); // does not fit
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), start({5}), end({7})}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a queue full of short SysEx drains in one go", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  std::vector<event> many;
  for (int i = 0; i < 8000; ++i) {
    many.push_back(start({5}));
    many.push_back(end({6}));
  }
  t.accept(2, many);
  t.take();
  auto begin = std::chrono::steady_clock::now();
  t.accept(1, {end()});
  auto took = std::chrono::steady_clock::now() - begin;
  CHECK(t.take().size() == 16'001);
  CHECK(took < 500ms); // some milliseconds; seconds before
}
