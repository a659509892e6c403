// Each transform, by tables of what goes in and what comes out; then those with time.
#include "actors/routing/transform_chain.hpp"

#include "tests/support/midi_text.hpp"
#include "tests/support/rule_text.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace std::chrono_literals;
using routing::transform_chain;

namespace {

transform_chain chain(const std::string& json, std::size_t delay_limit = 1000) {
  return transform_chain(test::transforms(json), delay_limit);
}

std::string transformed(const std::string& json, std::string_view in) {
  auto made = chain(json);
  routing::events out;
  made.process(test::midi(in), out, {});
  return test::to_text(out);
}

constexpr protocol::hub_time at(std::chrono::nanoseconds time) {
  return protocol::hub_time(time);
}

/// Runs a timed chain and writes what leaves, each message behind its time in milliseconds.
class timeline {
public:
  explicit timeline(const std::string& json, std::size_t delay_limit = 1000)
      : chain_(chain(json, delay_limit)) {}

  void play(std::chrono::nanoseconds when, std::string_view text,
            std::chrono::nanoseconds source_time = -1ns) {
    advance(when);
    routing::events out;
    chain_.process(test::midi(text, at(source_time < 0ns ? when : source_time)), out, at(when));
    note(when, out);
  }

  /// Wakes the chain at each of its deadlines up to `when`.
  void advance(std::chrono::nanoseconds when) {
    while (chain_.next_deadline() <= at(when)) {
      auto now = chain_.next_deadline();
      routing::events out;
      chain_.on_deadline(now, out);
      note(now.time_since_epoch(), out);
      REQUIRE(chain_.next_deadline() > now);
    }
  }

  const std::string& text() const { return text_; }
  const transform_chain& made() const { return chain_; }

private:
  void note(std::chrono::nanoseconds when, std::span<const protocol::event> out) {
    for (const auto& e : out)
      text_ += (text_.empty() ? "" : ", ") + std::to_string(when / 1ms) + ": " +
               test::to_text(std::span(&e, 1));
  }

  transform_chain chain_;
  std::string text_;
};

} // namespace

TEST_CASE("transforms turn messages into others", "[routing][transform]") {
  struct row {
    std::string transforms, in, out;
  };
  const std::vector<row> rows = {
      // channel
      {"{'channel': 5}", "90 3c 40 | b3 07 01 | f8", "94 3c 40 | b4 07 01 | f8"},
      {"{'channel': [1, 16]}", "92 3c 40 | e2 00 40", "90 3c 40 | 9f 3c 40 | e0 00 40 | ef 00 40"},
      {"{'channel': {'1': 2, '2': 1, '3-4': [5, 6], '10': null}}",
       "90 3c 40 | 91 3c 40 | 93 3c 40 | 99 3c 40 | 9a 3c 40",
       "91 3c 40 | 90 3c 40 | 94 3c 40 | 95 3c 40 | 9a 3c 40"},
      {"{'channel': 1}", "3:91 3c 40", "3:90 3c 40"},
      // transpose
      {"{'transpose': 12}", "90 3c 40 | 80 3c 40 | a0 3c 40 | b0 3c 40",
       "90 48 40 | 80 48 40 | a0 48 40 | b0 3c 40"},
      {"{'transpose': -61}", "90 3c 40 | 90 3d 40 | 80 3c 00", "90 00 40"},
      {"{'transpose': 127}", "90 00 40 | 90 01 40", "90 7f 40"},
      // notes
      {"{'notes': {'36': 38, 'C4': 'D4', '72-74': null}}",
       "99 24 40 | 90 3c 40 | 80 3c 40 | a0 3c 05 | 90 49 40 | 90 40 40 | c0 24",
       "99 26 40 | 90 3e 40 | 80 3e 40 | a0 3e 05 | 90 40 40 | c0 24"},
      // velocity
      {"{'velocity': 100}", "90 3c 01 | 90 3c 00 | 80 3c 40", "90 3c 64 | 90 3c 00 | 80 3c 40"},
      {"{'velocity': {'scale': 0.5}}", "90 3c 7f | 90 3c 01 | 90 3c 02",
       "90 3c 40 | 90 3c 01 | 90 3c 01"},
      {"{'velocity': {'scale': 2, 'offset': -10}}", "90 3c 40 | 90 3c 05 | 90 3c 7f",
       "90 3c 76 | 90 3c 01 | 90 3c 7f"},
      {"{'velocity': {'min': 20, 'max': 100}}", "90 3c 01 | 90 3c 32 | 90 3c 7f",
       "90 3c 14 | 90 3c 32 | 90 3c 64"},
      {"{'velocity': {'invert': true}}", "90 3c 01 | 90 3c 7f", "90 3c 7e | 90 3c 01"},
      {"{'velocity': {'curve': 2}}", "90 3c 40 | 90 3c 7f", "90 3c 20 | 90 3c 7f"},
      {"{'velocity': {'curve': [[0, 10], [64, 100], [127, 110]]}}",
       "90 3c 20 | 90 3c 40 | 90 3c 7f", "90 3c 37 | 90 3c 64 | 90 3c 6e"},
      {"{'velocity': {'fixed': 90, 'max': 80}}", "90 3c 01", "90 3c 50"},
      // controllers
      {"{'controller': {'1': 11, '11': 1, '64-67': null}}",
       "b0 01 05 | b0 0b 06 | b0 40 7f | b0 44 7f | 90 01 05",
       "b0 0b 05 | b0 01 06 | b0 44 7f | 90 01 05"},
      {"{'controller_value': {'controllers': [7, 11], 'curve': [[0, 20], [127, 100]]}}",
       "b0 07 00 | b0 0b 7f | b0 01 00", "b0 07 14 | b0 0b 64 | b0 01 00"},
      {"{'controller_value': {'controllers': 1, 'invert': true}}", "b0 01 00", "b0 01 7f"},
      {"{'note_to_controller': {'notes': 'C2', 'controller': 80}}",
       "90 24 33 | a0 24 10 | 80 24 40 | 90 25 33", "b0 50 33 | b0 50 00 | 90 25 33"},
      {"{'note_to_controller': {'notes': [36, 37], 'controller': 64, 'on': 127, 'off': null}}",
       "95 24 33 | 95 24 00 | 95 25 01", "b5 40 7f | b5 40 7f"},
      {"{'controller_to_note': {'controller': 64, 'note': 'C2', 'velocity': 100}}",
       "b0 40 10 | b0 40 40 | b0 40 7f | b0 40 3f | b0 40 00 | b1 40 7f | b0 41 7f",
       "90 24 64 | 80 24 40 | 91 24 64 | b0 41 7f"},
      {"{'controller_to_note': {'controller': 2, 'note': 60, 'threshold': 1}}",
       "b0 02 05 | b0 02 20 | b0 02 00", "90 3c 05 | 80 3c 40"},
      // programs
      {"{'program': {'0': 5, '9': null}}", "c0 00 | c0 01 | c0 09", "c0 05 | c0 01"},
      {"{'program': {'129:3': {'program': 7, 'bank': 0}, '3': 8, '0-127': 1}}",
       "c0 03 | b0 00 01 | b0 20 01 | c0 03 | c0 04",
       "c0 08 | b0 00 01 | b0 20 01 | b0 00 00 | b0 20 00 | c0 07 | c0 01"},
      {"{'program': {'5': {'bank': 16383}}}", "c2 05", "b2 00 7f | b2 20 7f | c2 05"},
      // pitch bend
      {"{'bend_range': {'from': 2, 'to': 12}}", "e0 00 40 | e0 00 00 | e0 7f 7f",
       "e0 00 40 | e0 2b 35 | e0 55 4a"},
      {"{'bend_range': {'from': 12, 'to': 2}}", "e0 00 41 | e0 00 60 | e0 00 20",
       "e0 00 46 | e0 7f 7f | e0 00 00"},
      // zones
      {"{'zones': [{'notes': 'C-1-B3', 'channel': 2, 'transpose': 12}, {'notes': 'C4-G9', "
       "'channel': 1}]}",
       "90 3b 40 | 90 3c 40 | 80 3b 40 | b0 40 7f | f8",
       "91 47 40 | 90 3c 40 | 81 47 40 | b0 40 7f | b1 40 7f | f8"},
      {"{'zones': [{'notes': '0-60', 'channel': 1}, {'notes': '60-127', 'channel': 3}]}",
       "90 3c 40 | a0 3c 10 | 90 00 40", "90 3c 40 | 92 3c 40 | a0 3c 10 | a2 3c 10 | 90 00 40"},
      {"{'zones': [{'velocities': '1-63', 'channel': 1}, {'velocities': '64-127', 'channel': 2}]}",
       "90 3c 20 | 90 40 70 | 80 40 00 | a0 3c 05 | 80 3c 00",
       "90 3c 20 | 91 40 70 | 81 40 00 | a0 3c 05 | 80 3c 00"},
      {"{'zones': [{'velocities': '1-63', 'channel': 1}, {'velocities': '64-127', 'channel': 2}]}",
       "90 3c 20 | 90 3c 70 | 80 3c 00 | 80 3c 00", "90 3c 20 | 91 3c 70 | 80 3c 00 | 81 3c 00"},
      {"{'zones': [{}, {'transpose': 100}]}", "92 3c 40 | 92 01 40 | c2 01",
       "92 3c 40 | 92 01 40 | 92 65 40 | c2 01"},
      // pressure
      {"{'pressure_to_controller': 1}", "d3 20 | a3 3c 20", "b3 01 20 | a3 3c 20"},
      {"{'pressure_to_controller': {'controller': 11, 'invert': true}}", "d0 00", "b0 0b 7f"},
      {"{'controller_to_pressure': 1}", "b3 01 20 | b3 02 20", "d3 20 | b3 02 20"},
      {"{'controller_to_pressure': {'controller': 2, 'scale': 0.5}}", "b0 02 7f", "d0 40"},
      // duplicates
      {"{'drop_duplicates': true}",
       "b0 07 05 | b0 07 05 | b0 07 06 | b0 07 05 | b1 07 05 | b0 08 05 | e0 00 40 | e0 00 40 | "
       "d0 01 | d0 01 | a0 3c 01 | a0 3c 01 | a0 3d 01 | c0 01 | c0 01 | 90 3c 40 | 90 3c 40 | f8 "
       "| f8",
       "b0 07 05 | b0 07 06 | b0 07 05 | b1 07 05 | b0 08 05 | e0 00 40 | d0 01 | a0 3c 01 | "
       "a0 3d 01 | c0 01 | 90 3c 40 | 90 3c 40 | f8 | f8"},
      {"{'drop_duplicates': true}", "c0 01 | b0 00 02 | c0 01 | b0 00 02 | c0 01",
       "c0 01 | b0 00 02 | c0 01"},
      {"{'drop_duplicates': true}",
       "b0 06 01 | b0 06 01 | b0 60 00 | b0 60 00 | b0 7b 00 | b0 7b 00",
       "b0 06 01 | b0 06 01 | b0 60 00 | b0 60 00 | b0 7b 00 | b0 7b 00"},
      {"{'drop_duplicates': true}", "b0 01 05 | b0 79 00 | b0 01 05 | d0 05 | ff | d0 05",
       "b0 01 05 | b0 79 00 | b0 01 05 | d0 05 | ff | d0 05"},
      // only
      {"{'transpose': 12, 'only': {'channels': 2}}", "90 3c 40 | 91 3c 40", "90 3c 40 | 91 48 40"},
      {"{'channel': 9, 'only': {'notes': '0-59'}}", "90 3b 40 | 90 3c 40 | b0 07 01 | 80 3b 40",
       "98 3b 40 | 90 3c 40 | b0 07 01 | 88 3b 40"},
      {"{'channel': 9, 'only': {'velocities': '100-127'}}",
       "90 3c 7f | 90 3d 01 | 80 3c 40 | 80 3d 40", "98 3c 7f | 90 3d 01 | 88 3c 40 | 80 3d 40"},
      // in order
      {"[{'transpose': 12}, {'zones': [{'notes': 72, 'channel': 2}]}, {'velocity': 1}]",
       "90 3c 40 | 90 48 40", "91 48 01"},
      {"[]", "90 3c 40 | f8", "90 3c 40 | f8"},
  };
  for (const auto& [json, in, out] : rows) {
    INFO(json);
    CHECK(transformed(json, in) == out);
  }
}

TEST_CASE("system exclusive is replaced on a pattern", "[routing][transform]") {
  struct row {
    std::string transforms, in, out;
  };
  const std::vector<row> rows = {
      {"{'sysex': {'find': 'F0 7E ?? 09 01 F7', 'replace': '41 10 42'}}",
       "f0 7e 7f 09 01 f7 | f0 7e 7f 09 02 f7", "f0 41 10 42 f7 | f0 7e 7f 09 02 f7"},
      {"{'sysex': {'find': '41 ?? 42 12 ?? ?? 7f *', 'replace': '41 ?? 42 11 ?? ?? 7e *'}}",
       "f0 41 10 42 12 40 00 7f 00 41 f7", "f0 41 10 42 11 40 00 7e 00 41 f7"},
      {"{'sysex': {'find': '41 *', 'replace': '43 *'}}",
       "f0 41 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d f7 | f0 41 f7 | f0 42 01 f7",
       "f0 43 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d f7 | f0 43 f7 | f0 42 01 f7"},
      {"{'sysex': {'find': '41 *', 'replace': '7d 01'}}", "f0 41 01 02 03 04 05 06 07 08 f7",
       "f0 7d 01 f7"},
      {"{'sysex': {'find': '41 01', 'replace': '01 02 03 04 05 06 07 08'}}",
       "f0 41 01 f7 | f0 41 f7", "f0 01 02 03 04 05 06 07 08 f7 | f0 41 f7"},
      {"{'sysex': {'find': '41 01', 'replace': '02'}}", "f0 41 01 02 f7", "f0 41 01 02 f7"},
      {"{'sysex': {'find': '01 02 03 04 05 06 07 08', 'replace': '7d'}}",
       "f0 01 02 03 04 05 06 07 09 f7 | f0 01 02 03 04 05 06 07 08 f7 | 90 3c 40",
       "f0 01 02 03 04 05 06 07 09 f7 | f0 7d f7 | 90 3c 40"},
      {"{'sysex': {'find': '?? 01', 'replace': '?? 02'}}", "1:f0 33 01 f7 | f0 44 01 f7",
       "1:f0 33 02 f7 | f0 44 02 f7"},
  };
  for (const auto& [json, in, out] : rows) {
    INFO(json);
    CHECK(transformed(json, in) == out);
  }
}

TEST_CASE("a clock passes while system exclusive is held back", "[routing][transform]") {
  auto made = chain("{'sysex': {'find': '01 02 03 04 05 06 07', 'replace': '7d'}}");
  auto in = test::midi("f0 01 02 03 04 05 06 07 f7");
  in.insert(in.begin() + 1, test::midi("f8")[0]);
  routing::events out;
  made.process(in, out, {});
  CHECK(test::to_text(out) == "f8 | f0 7d f7");
}

TEST_CASE("duplicates within a window take their note offs with them", "[routing][transform]") {
  timeline line("{'drop_duplicates': {'window_ms': 5}}");
  line.play(0ms, "90 3c 40");
  line.play(2ms, "90 3c 40"); // the same key by another way
  line.play(50ms, "80 3c 40");
  line.play(52ms, "80 3c 40");
  line.play(53ms, "90 3c 40 | 90 3c 41"); // played again; another velocity is another note
  line.play(60ms, "90 3c 41 | b0 07 01 | b0 07 01");
  line.play(70ms, "b0 07 01");
  CHECK(line.text() == "0: 90 3c 40, 50: 80 3c 40, 53: 90 3c 40, 53: 90 3c 41, 60: 90 3c 41, 60: "
                       "b0 07 01, 70: b0 07 01");
}

TEST_CASE("a rate limit keeps the last value and lets the rest pass", "[routing][transform]") {
  timeline line("{'rate_limit': {'interval_ms': 10}}");
  line.play(0ms, "b0 07 01 | b0 07 02 | b0 0b 01");
  line.play(3ms, "b0 07 03 | 90 3c 40 | b0 40 7f | b0 40 00 | e0 00 01");
  line.play(5ms, "b1 07 01 | e0 00 02 | d0 01 | d0 02 | a0 3c 01 | a0 3c 02 | a0 3d 03");
  line.advance(100ms);
  line.play(101ms, "b0 07 04");
  line.advance(200ms);
  CHECK(line.text() ==
        "0: b0 07 01, 0: b0 0b 01, 3: 90 3c 40, 3: b0 40 7f, 3: b0 40 00, 3: e0 00 01, "
        "5: b1 07 01, 5: d0 01, 5: a0 3c 01, 5: a0 3d 03, 10: b0 07 03, 13: e0 00 02, "
        "15: d0 02, 15: a0 3c 02, 101: b0 07 04");
  CHECK(line.made().next_deadline() == routing::never);
}

TEST_CASE("a steady stream is thinned to one value per interval", "[routing][transform]") {
  timeline line("{'rate_limit': {'interval_ms': 10, 'controllers': 1, 'bends': false}}");
  for (int i = 0; i < 30; ++i) {
    char text[16];
    std::snprintf(text, sizeof text, "b0 01 %02x", i);
    line.play(i * 1ms, text);
  }
  line.advance(1s);
  CHECK(line.text() == "0: b0 01 00, 10: b0 01 09, 20: b0 01 13, 30: b0 01 1d");
}

TEST_CASE("a delay moves everything by the same time, in order", "[routing][transform]") {
  timeline line("{'delay_ms': 12.5}");
  line.play(0ms, "90 3c 40");
  line.play(10ms, "80 3c 40 | f8");
  line.advance(100ms);
  CHECK(line.text() == "12: 90 3c 40, 22: 80 3c 40, 22: f8");
  auto made = chain("{'delay_ms': 12.5}");
  routing::events out;
  made.process(test::midi("f8", at(7ms)), out, at(9ms));
  CHECK(made.next_deadline() == at(21500us));
  made.on_deadline(at(21500us), out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].at == at(19500us));
  CHECK(made.pending() == 0);
}

TEST_CASE("a full delay lets the oldest go early instead of losing any", "[routing][transform]") {
  timeline line("{'delay_ms': 100}", 2);
  line.play(0ms, "90 3c 40 | 90 3d 40");
  line.play(1ms, "80 3c 40");
  line.advance(1s);
  CHECK(line.text() == "1: 90 3c 40, 100: 90 3d 40, 101: 80 3c 40");
  CHECK(line.made().counters().early == 1);
}

TEST_CASE("play-out removes jitter up to its constant", "[routing][transform]") {
  timeline line("{'play_at_ms': 20}");
  line.play(5ms, "90 3c 40", 0ms);
  line.play(29ms, "80 3c 40", 10ms);  // 19 ms late on the way: still in time
  line.play(65ms, "90 3d 40", 40ms);  // 25 ms: too late, goes at once
  line.play(66ms, "80 3d 40", 1000s); // a source whose clock is far ahead is not waited for
  line.advance(1s);
  CHECK(line.text() == "20: 90 3c 40, 30: 80 3c 40, 65: 90 3d 40, 106: 80 3d 40");
  CHECK(line.made().counters().late == 1);
}

TEST_CASE("what a delay releases goes on through the transforms behind it",
          "[routing][transform]") {
  timeline line("[{'delay_ms': 10, 'only': {'channels': 1}}, {'transpose': 12}, {'delay_ms': 5}]");
  line.play(0ms, "90 3c 40 | 91 3c 40");
  line.advance(1s);
  CHECK(line.text() == "5: 91 48 40, 15: 90 48 40");
}
