// Each criterion of a filter, by tables of what goes in and what comes out.
#include "actors/routing/event_filter.hpp"

#include "tests/support/midi_text.hpp"
#include "tests/support/rule_text.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using routing::event_filter;

namespace {

std::string filtered(const std::string& json, std::string_view in) {
  event_filter filter(test::filter(json));
  routing::events out;
  filter.process(test::midi(in), out);
  return test::to_text(out);
}

const std::string one_of_each =
    "80 3c 40 | 90 3c 40 | a0 3c 10 | b0 07 64 | c0 05 | d0 20 | "
    "e0 00 50 | f0 41 10 f7 | f1 23 | f2 01 02 | f3 04 | f6 | f8 | fa | "
    "fb | fc | fe | ff";

} // namespace

TEST_CASE("a filter passes by criteria", "[routing][filter]") {
  struct row {
    std::string filter, in, out;
  };
  const std::vector<row> rows = {
      {"{}", one_of_each, one_of_each},
      {"{'types': []}", one_of_each, ""},
      {"{'types': 'note'}", one_of_each, "80 3c 40 | 90 3c 40"},
      {"{'types': 'poly_pressure'}", one_of_each, "a0 3c 10"},
      {"{'types': 'controller'}", one_of_each, "b0 07 64"},
      {"{'types': 'program'}", one_of_each, "c0 05"},
      {"{'types': 'channel_pressure'}", one_of_each, "d0 20"},
      {"{'types': 'pitch_bend'}", one_of_each, "e0 00 50"},
      {"{'types': 'sysex'}", one_of_each, "f0 41 10 f7"},
      {"{'types': 'time_code'}", one_of_each, "f1 23"},
      {"{'types': 'song_position'}", one_of_each, "f2 01 02"},
      {"{'types': 'song_select'}", one_of_each, "f3 04"},
      {"{'types': 'tune_request'}", one_of_each, "f6"},
      {"{'types': 'clock'}", one_of_each, "f8"},
      {"{'types': 'start'}", one_of_each, "fa"},
      {"{'types': 'continue'}", one_of_each, "fb"},
      {"{'types': 'stop'}", one_of_each, "fc"},
      {"{'types': 'active_sensing'}", one_of_each, "fe"},
      {"{'types': 'reset'}", one_of_each, "ff"},
      {"{'types': 'other'}", "f4 | f5 | f9 | fd | f8", "f4 | f5 | f9 | fd"},
      {"{'types': 'channel'}", one_of_each,
       "80 3c 40 | 90 3c 40 | a0 3c 10 | b0 07 64 | c0 05 | d0 20 | e0 00 50"},
      {"{'types': 'system_common'}", one_of_each, "f1 23 | f2 01 02 | f3 04 | f6"},
      {"{'types': 'transport'}", one_of_each, "fa | fb | fc"},
      {"{'types': 'real_time'}", one_of_each, "f8 | fa | fb | fc | fe | ff"},
      {"{'types': ['clock', 'program']}", one_of_each, "c0 05 | f8"},
      {"{'exclude': {'types': 'system'}}", one_of_each,
       "80 3c 40 | 90 3c 40 | a0 3c 10 | b0 07 64 | c0 05 | d0 20 | e0 00 50"},
      // A criterion says nothing about messages that lack what it speaks of.
      {"{'channels': [1, '3-4']}", "90 3c 40 | 91 3c 40 | 92 3c 40 | 93 3c 40 | f8 | f0 41 f7",
       "90 3c 40 | 92 3c 40 | 93 3c 40 | f8 | f0 41 f7"},
      {"{'exclude': {'channels': 10}}", "99 24 40 | 90 24 40 | f8", "90 24 40 | f8"},
      {"{'groups': 3}", "2:90 3c 40 | 90 3c 40 | 2:f8 | f8", "2:90 3c 40 | 2:f8"},
      {"{'notes': 'C4-B4'}", "90 3b 40 | 90 3c 40 | a0 47 01 | a0 48 01 | 80 3b 00 | b0 3b 01",
       "90 3c 40 | a0 47 01 | b0 3b 01"},
      {"{'controllers': [7, '64-69']}", "b0 07 01 | b0 08 01 | b0 45 01 | 90 08 01",
       "b0 07 01 | b0 45 01 | 90 08 01"},
      {"{'programs': '0-9'}", "c0 09 | c0 0a", "c0 09"},
      {"{'values': '64-127'}",
       "b0 07 3f | b0 07 40 | d0 3f | d0 40 | a0 3c 3f | a0 3c 40 | e0 7f 3f | e0 00 40 | 90 3c 01",
       "b0 07 40 | d0 40 | a0 3c 40 | e0 00 40 | 90 3c 01"},
      {"{'types': 'note', 'channels': 1, 'notes': 60}", "90 3c 40 | 91 3c 40 | 90 3d 40 | b0 3c 40",
       "90 3c 40"},
      // An exclusion must speak of the message in all its parts.
      {"{'exclude': {'channels': 10, 'notes': '0-35'}}",
       "99 20 40 | 99 24 40 | b9 20 40 | 90 20 40", "99 24 40 | b9 20 40 | 90 20 40"},
      {"{'exclude': [{'types': 'clock'}, {'controllers': 1}]}", "f8 | b0 01 00 | b0 02 00 | fa",
       "b0 02 00 | fa"},
  };
  for (const auto& [json, in, out] : rows) {
    INFO(json);
    CHECK(filtered(json, in) == out);
  }
}

TEST_CASE("a note off passes if its note on did", "[routing][filter]") {
  const std::string loud = "{'velocities': '64-127'}";
  CHECK(filtered(loud, "90 3c 40 | 80 3c 10") == "90 3c 40 | 80 3c 10");
  CHECK(filtered(loud, "90 3c 3f | 80 3c 40") == "");
  CHECK(filtered(loud, "90 3c 40 | 90 3c 10 | 90 3c 00 | 80 3c 00") == "90 3c 40 | 90 3c 00");
  CHECK(filtered(loud, "90 3c 40 | 91 3c 10 | 81 3c 00 | 80 3c 00") == "90 3c 40 | 80 3c 00");
  CHECK(filtered("{'exclude': {'velocities': '1-9'}}",
                 "90 3c 09 | 80 3c 40 | 90 3c 0a | 80 3c 40") == "90 3c 0a | 80 3c 40");
}

TEST_CASE("system exclusive passes by manufacturer and prefix", "[routing][filter]") {
  struct row {
    std::string filter, in, out;
  };
  const std::string gs_reset = "f0 41 10 42 12 40 00 7f 00 41 f7";
  const std::string identity = "f0 7e 7f 06 01 f7";
  const std::string novation = "f0 00 20 29 01 02 03 04 f7";
  const auto all = gs_reset + " | " + identity + " | " + novation;
  const std::vector<row> rows = {
      {"{'sysex': '41'}", all, gs_reset},
      {"{'sysex': ['7E ?? 06', '00 20 29']}", all, identity + " | " + novation},
      {"{'sysex': 'F0 41 ?? 42 12 40 00 7F 00'}", all, gs_reset},
      {"{'sysex': '41 10 42 12 40 00 7E'}", all, ""},
      {"{'sysex': '7E 7F 06 01 02'}", all, ""}, // longer than the message
      {"{'exclude': {'sysex': '41 10 42 12 40 00 7F'}}", all, identity + " | " + novation},
      {"{'sysex': '41'}", "f8 | " + gs_reset + " | 90 3c 40", "f8 | " + gs_reset + " | 90 3c 40"},
      {"{'types': 'note', 'sysex': '41'}", all, ""},
      {"{'sysex': '41'}", "1:" + identity + " | 1:" + gs_reset, "1:" + gs_reset},
  };
  for (const auto& [json, in, out] : rows) {
    INFO(json);
    CHECK(filtered(json, in) == out);
  }
}

TEST_CASE("a prefix is decided while the message is still coming", "[routing][filter]") {
  event_filter filter(test::filter("{'sysex': '01 02 03 04 05 06 07'}"));
  auto chunks = test::midi("f0 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d f7");
  REQUIRE(chunks.size() == 3);
  auto clock = test::midi("f8");
  routing::events out;
  filter.process(std::span(chunks).first(1), out);
  CHECK(out.empty());
  filter.process(clock, out);
  CHECK(test::to_text(out) == "f8");
  filter.process(std::span(chunks).subspan(1, 1), out);
  CHECK(out.size() == 3);
  filter.process(std::span(chunks).subspan(2), out);
  CHECK(test::to_text(std::span(out).subspan(1)) == "f0 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d f7");
}

TEST_CASE("a cancelled message that was held back leaves no trace", "[routing][filter]") {
  event_filter filter(test::filter("{'sysex': '01 02 03 04 05 06 07'}"));
  auto chunks = test::midi("f0 01 02 03 04 05 06 07 f7");
  chunks[1].message = protocol::make_sysex(protocol::sysex_form::cancelled, {});
  routing::events out;
  filter.process(chunks, out);
  CHECK(out.empty());
  filter.process(test::midi("f0 01 02 03 04 05 06 07 f7"), out);
  CHECK(test::to_text(out) == "f0 01 02 03 04 05 06 07 f7");
}

TEST_CASE("MIDI 2.0 voice messages are filtered by what they share", "[routing][filter]") {
  auto note = [](std::uint32_t channel, std::uint32_t velocity) {
    return protocol::event{{{0x40900000u | channel << 16 | 60u << 8, velocity << 25, 0, 0}}, {}};
  };
  routing::events in{note(0, 100), note(0, 10), note(5, 100)}, out;
  event_filter filter(test::filter("{'channels': 1, 'velocities': '64-127'}"));
  filter.process(in, out);
  REQUIRE(out.size() == 1);
  CHECK(out[0] == in[0]);
}
