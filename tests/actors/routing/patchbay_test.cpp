// Rules, ports, scenes and what happens to held notes when they change, as a user sees them.
#include "tests/support/studio.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti;
using namespace std::chrono_literals;
using test::studio;

namespace {

studio two_rooms(std::vector<std::string> rules = {"{}"}) {
  studio s(std::move(rules));
  for (auto id : {"rtp/S/A", "rtp/S/B", "alsa/K/0"})
    s.up(id);
  s.changes();
  return s;
}

config::scene scene(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  config::mistakes found;
  auto read = config::load_scene(nlohmann::json::parse(text), "", found);
  if (!read)
    throw std::invalid_argument(found.at(0).sentence());
  return *read;
}

} // namespace

TEST_CASE("everyone hears everyone else, and gets the very batch", "[routing][patchbay]") {
  auto s = two_rooms();
  s.play("rtp/S/A", "90 3c 40 | f8");
  CHECK(s.unchanged() == 2);
  CHECK(s.heard() == "alsa/K/0: 90 3c 40 | f8; rtp/S/B: 90 3c 40 | f8");
  s.play("alsa/K/0", "fa");
  CHECK(s.heard() == "rtp/S/A: fa; rtp/S/B: fa");
}

TEST_CASE("a rule without rules makes silence", "[routing][patchbay]") {
  auto s = two_rooms({});
  s.play("rtp/S/A", "90 3c 40");
  CHECK(s.heard() == "");
}

TEST_CASE("echo is given only where it is asked for", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/*', 'echo': true}"});
  s.play("rtp/S/A", "fa");
  CHECK(s.heard() == "rtp/S/A: fa; rtp/S/B: fa");
}

TEST_CASE("ports are sources and destinations only as they are", "[routing][patchbay]") {
  studio s;
  for (auto id : {"alsa/K/in<", "alsa/K/out>", "rtp/S/A"})
    s.up(id);
  s.play("alsa/K/in<", "fa");
  CHECK(s.heard() == "alsa/K/out>: fa; rtp/S/A: fa");
  s.play("alsa/K/out>", "fa");
  CHECK(s.heard() == "");
  s.play("rtp/S/A", "fa");
  CHECK(s.heard() == "alsa/K/out>: fa");
}

TEST_CASE("a port that rules do not concern is routed with its partner alone",
          "[routing][patchbay]") {
  auto s = two_rooms();
  s.up_without_rules("alsa/Tutti/A", "rtp/S/A");
  s.play("alsa/Tutti/A", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 3c 40");
  s.play("rtp/S/A", "fa");
  CHECK(s.heard() == "alsa/K/0: fa; alsa/Tutti/A: fa; rtp/S/B: fa");
  s.play("rtp/S/B", "fa");
  CHECK(s.heard() == "alsa/K/0: fa; rtp/S/A: fa");
  s.set_rules({});
  s.play("rtp/S/A", "fc");
  CHECK(s.heard() == "alsa/Tutti/A: fc");
  s.down("alsa/Tutti/A");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40");
}

TEST_CASE("partners find each other in whatever order they come", "[routing][patchbay]") {
  studio s({"{}"});
  s.up_without_rules("rtp/K/A", "alsa/K/0");
  s.up_without_rules("rtp/K/B", "alsa/K/0");
  s.up("rtp/S/C");
  s.up("alsa/K/0");
  s.play("alsa/K/0", "fa");
  CHECK(s.heard() == "rtp/K/A: fa; rtp/K/B: fa; rtp/S/C: fa");
  s.play("rtp/K/A", "fa");
  CHECK(s.heard() == "alsa/K/0: fa");
}

TEST_CASE("for each pair only the rules of the highest priority count", "[routing][patchbay]") {
  auto s = two_rooms({"{}", "{'from': 'alsa/*', 'to': 'rtp/S/A', 'priority': 1, 'transforms': "
                            "[{'transpose': 12}]}"});
  s.play("alsa/K/0", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 48 40; rtp/S/B: 90 3c 40");
}

TEST_CASE("rules of one priority make layers, and alike ones one route", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A'}", "{'from': 'alsa/*'}",
                      "{'from': 'alsa/*', 'to': 'rtp/S/A', 'transforms': [{'transpose': 12}]}",
                      "{'from': 'alsa/K/0', 'to': 'rtp/S/A', 'transforms': [{'transpose': 12}]}"});
  s.play("alsa/K/0", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 3c 40 | 90 48 40; rtp/S/B: 90 3c 40");
}

TEST_CASE("a rule that blocks cuts a pair out of wider rules", "[routing][patchbay]") {
  auto s = two_rooms({"{}", "{'from': 'rtp/S/A', 'to': 'alsa/*', 'priority': 5, 'block': true}"});
  s.play("rtp/S/A", "fa");
  CHECK(s.heard() == "rtp/S/B: fa");
  s.play("rtp/S/B", "fa");
  CHECK(s.heard() == "alsa/K/0: fa; rtp/S/A: fa");
}

TEST_CASE("a disabled rule makes no routes", "[routing][patchbay]") {
  auto s = two_rooms({"{'enabled': false}"});
  s.play("rtp/S/A", "fa");
  CHECK(s.heard() == "");
}

TEST_CASE("routes come and go with ports, and others are left alone", "[routing][patchbay]") {
  auto s = two_rooms();
  s.up("tcp/desk/x");
  CHECK(s.changes() == "+tcp/desk/x>rtp/S/A +tcp/desk/x>rtp/S/B +tcp/desk/x>alsa/K/0 "
                       "+rtp/S/A>tcp/desk/x +rtp/S/B>tcp/desk/x +alsa/K/0>tcp/desk/x");
  s.down("rtp/S/B");
  CHECK(s.changes() == "-rtp/S/A>rtp/S/B -rtp/S/B>rtp/S/A -alsa/K/0>rtp/S/B -rtp/S/B>alsa/K/0 "
                       "-tcp/desk/x>rtp/S/B -rtp/S/B>tcp/desk/x");
  s.set_rules({"{'name': 'the same by another name'}"});
  CHECK(s.changes() == "");
  s.set_rules({"{}", "{'from': 'alsa/*', 'to': 'rtp/*', 'transforms': [{'transpose': 1}]}"});
  CHECK(s.changes() == "~alsa/K/0>rtp/S/A");
}

TEST_CASE("a departing port's notes end where they sound", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A'}", "{'to': 'rtp/S/B', 'transforms': [{'transpose': 12}]}"});
  s.play("alsa/K/0", "90 3c 40 | 91 40 40 | 81 40 40 | b0 40 7f | e0 00 50 | d2 05");
  s.heard();
  s.down("alsa/K/0");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40 | b0 40 00 | e0 00 40 | d2 00; "
                     "rtp/S/B: 80 48 40 | b0 40 00 | e0 00 40 | d2 00");
}

TEST_CASE("a silent source is released without losing its routes", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A'}", "{'to': 'rtp/S/B', 'transforms': [{'transpose': 12}]}"});
  s.play("alsa/K/0", "90 3c 40");
  s.heard();
  s.release("alsa/K/0");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40; rtp/S/B: 80 48 40");
  s.play("alsa/K/0", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 3c 40; rtp/S/B: 90 48 40");
}

TEST_CASE("a note off follows its note on when the rule changes in between",
          "[routing][patchbay]") {
  auto up_by = [](int n) {
    return "{'to': 'rtp/S/A', 'transforms': [{'transpose': " + std::to_string(n) + "}]}";
  };
  auto s = two_rooms({up_by(12)});
  s.play("alsa/K/0", "90 3c 40 | b0 40 7f");
  s.set_rules({up_by(24)});
  s.heard();
  s.play("alsa/K/0", "90 40 40");
  CHECK(s.heard() == "rtp/S/A: 90 58 40");
  s.play("alsa/K/0", "80 3c 40");
  CHECK(s.heard() ==
        "rtp/S/A: 80 48 40 | 80 54 40"); // the old place, and what the new map makes of it
  s.play("alsa/K/0", "b0 40 00 | 80 40 40");
  CHECK(s.heard() == "rtp/S/A: b0 40 00 | b0 40 00 | 80 58 40");
  CHECK(s.at("rtp/S/A").silent());
  s.play("alsa/K/0", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 54 40");
}

TEST_CASE("plain and transformed routes take over from each other", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A'}"});
  s.play("alsa/K/0", "90 3c 40 | e0 00 7f");
  s.set_rules({"{'to': 'rtp/S/A', 'transforms': [{'channel': 9}]}"});
  CHECK(s.heard() == "rtp/S/A: 90 3c 40 | e0 00 7f | e0 00 40"); // the bend ends at the old place
  s.play("alsa/K/0", "90 40 40");
  s.set_rules({"{'to': 'rtp/S/A'}"});
  s.play("alsa/K/0", "80 3c 40 | 80 40 40");
  // Every way lets go of the keys that were down while it was there; at worst once too often.
  CHECK(s.heard() == "rtp/S/A: 98 40 40 | 80 3c 40 | 80 40 40 | 80 3c 40 | 88 3c 40 | 88 40 40");
  CHECK(s.at("rtp/S/A").silent());
}

TEST_CASE("removing or disabling a route releases what it left sounding", "[routing][patchbay]") {
  for (std::string gone :
       {"", "{'to': 'rtp/S/A', 'enabled': false, 'transforms': [{'channel': 2}]}",
        "{'to': 'rtp/S/A', 'block': true, 'priority': 1}"}) {
    auto s = two_rooms({"{'to': 'rtp/S/A', 'transforms': [{'channel': 2}]}"});
    s.play("alsa/K/0", "90 3c 40 | b0 40 7f | b0 42 7f | e0 00 00 | d0 10");
    s.heard();
    s.set_rules(gone.empty() ? std::vector<std::string>{} : std::vector{gone});
    CHECK(s.heard() == "rtp/S/A: 81 3c 40 | b1 40 00 | b1 42 00 | e1 00 40 | d1 00");
  }
}

TEST_CASE("a layer that is taken away ends at once while the other goes on",
          "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A'}", "{'to': 'rtp/S/A', 'transforms': [{'transpose': 12}]}"});
  s.play("alsa/K/0", "90 3c 40");
  s.heard();
  s.set_rules({"{'to': 'rtp/S/A'}"});
  CHECK(s.heard() == "rtp/S/A: 80 48 40");
  s.play("alsa/K/0", "80 3c 40");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40");
}

TEST_CASE("routes that a change does not concern keep their state", "[routing][patchbay]") {
  const std::string limited = "{'to': 'rtp/S/A', 'transforms': [{'drop_duplicates': true}]}";
  auto s = two_rooms({limited});
  s.play("alsa/K/0", "b0 07 05");
  s.set_rules({"{'from': 'rtp/*', 'to': 'alsa/*'}", limited});
  s.up("rtp/S/C");
  s.heard();
  s.play("alsa/K/0", "b0 07 05");
  CHECK(s.heard() == "");
}

TEST_CASE("a storm of reloads loses and doubles nothing on routes that stay",
          "[routing][patchbay]") {
  const std::string plain = "{'from': 'alsa/K/0', 'to': 'rtp/S/A', 'priority': 5}";
  const std::string shifted =
      "{'from': 'alsa/K/0', 'to': 'rtp/S/B', 'priority': 5, 'transforms': [{'channel': 2}]}";
  auto s = two_rooms({plain, shifted});
  std::mt19937 random(7);
  std::string expected_a, expected_b;
  for (int i = 0; i < 1000; ++i) {
    std::vector<std::string> rules = {plain, shifted};
    for (auto count = random() % 4; count > 0; --count)
      rules.insert(rules.begin() + long(random() % (rules.size() + 1)),
                   "{'from': '" + std::string(random() % 2 ? "*" : "rtp/*") +
                       "', 'priority': " + std::to_string(random() % 4) +
                       ", 'transforms': [{'transpose': " + std::to_string(random() % 12) + "}]}");
    s.set_rules(rules);
    CHECK(s.changes().find("alsa/K/0>rtp") == std::string::npos);
    if (random() % 3 == 0)
      s.up("tcp/d/x"), s.down("tcp/d/x");
    s.heard();
    char text[16];
    std::snprintf(text, sizeof text, "b0 07 %02x", i % 128);
    s.play("alsa/K/0", text);
    auto heard = s.heard();
    std::string moved = text;
    moved[1] = '1';
    CHECK(heard == "rtp/S/A: " + std::string(text) + "; rtp/S/B: " + moved);
    s.changes();
  }
}

TEST_CASE("all notes off reaches through a filter that drops it", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A', 'filter': {'types': 'note'}}"});
  s.play("alsa/K/0", "90 3c 40 | 91 3d 40");
  s.heard();
  s.play("alsa/K/0", "b0 7b 00");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40");
  s.play("alsa/K/0", "b1 78 00");
  CHECK(s.heard() == "rtp/S/A: 81 3d 40");
}

TEST_CASE("keys that nobody lets go are released after so many changes", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A', 'transforms': [{'transpose': 1}]}"});
  s.play("alsa/K/0", "90 3c 40");
  s.heard();
  for (int i = 2; i < 5; ++i)
    s.set_rules({"{'to': 'rtp/S/A', 'transforms': [{'transpose': " + std::to_string(i) + "}]}"});
  CHECK(s.heard() == "");
  s.set_rules({"{'to': 'rtp/S/A', 'transforms': [{'transpose': 5}]}"});
  s.set_rules({"{'to': 'rtp/S/A', 'transforms': [{'transpose': 6}]}"});
  CHECK(s.heard() == "rtp/S/A: 80 3d 40");
}

TEST_CASE("a delayed note is let go as late as it was struck", "[routing][patchbay]") {
  auto s = two_rooms({"{'to': 'rtp/S/A', 'transforms': [{'delay_ms': 100}]}"});
  s.play("alsa/K/0", "90 3c 40");
  s.wait(10ms);
  s.set_rules({"{'to': 'rtp/S/A'}"});
  s.play("alsa/K/0", "80 3c 40");
  CHECK(s.heard() == "rtp/S/A: 80 3c 40"); // by the new route; the note itself is still on its way
  s.wait(1s);
  CHECK(s.heard() == "rtp/S/A: 90 3c 40 | 80 3c 40");
  CHECK(s.at("rtp/S/A").silent());
}

TEST_CASE("a late destination is brought up to date if the rule says so", "[routing][patchbay]") {
  studio s({"{'chase': true, 'to': 'rtp/*'}",
            "{'chase': true, 'to': 'tcp/*', 'transforms': [{'channel': 2}], 'filter': {'types': "
            "'program'}}",
            "{'to': 'jack/*'}"});
  s.up("alsa/K/0");
  s.play("alsa/K/0", "b0 00 01 | b0 20 02 | c0 05 | b0 07 64 | b0 07 65 | b0 06 01 | e0 00 50 | "
                     "d0 03 | b5 01 10 | 90 3c 40 | b0 7a 00");
  s.up("rtp/S/A");
  s.up("tcp/d/x");
  s.up("jack/j/x");
  CHECK(s.heard() == "rtp/S/A: b0 00 01 | b0 20 02 | c0 05 | b0 07 65 | d0 03 | e0 00 50 | b5 01 "
                     "10; tcp/d/x: c1 05");
}

TEST_CASE("scenes are switched at once, by name and by message", "[routing][scenes]") {
  studio s;
  for (auto id : {"alsa/K/0", "alsa/Pedal/0", "rtp/S/A", "rtp/S/B"})
    s.up(id);
  s.configure(
      {"{'from': 'alsa/*', 'to': 'rtp/S/B'}"},
      {scene("{'name': 'low', 'rules': [{'from': 'alsa/K/*', 'to': 'rtp/S/A', 'transforms': "
             "[{'transpose': -12}]}], 'triggers': [{'from': 'alsa/Pedal/*', 'program': 1}]}"),
       scene("{'name': 'high', 'rules': [{'from': 'alsa/K/*', 'to': 'rtp/S/A', 'transforms': "
             "[{'transpose': 12}]}], 'triggers': [{'from': 'alsa/Pedal/*', 'controller': 80, "
             "'values': '64-127', 'pass': false}, {'from': 'alsa/*', 'note': 'C-1', 'channel': "
             "16}]}")},
      "low");
  CHECK(s.bay().active_scene() == "low");
  s.play("alsa/K/0", "90 3c 40");
  CHECK(s.heard() == "rtp/S/A: 90 30 40; rtp/S/B: 90 3c 40");
  s.play("alsa/Pedal/0", "b0 50 7f");
  CHECK(s.bay().active_scene() == "high");
  CHECK(s.heard() == ""); // not passed, and nothing is cut off
  s.play("alsa/K/0", "90 40 40 | 80 3c 40");
  CHECK(s.heard() == "rtp/S/A: 80 30 40 | 90 4c 40 | 80 48 40; rtp/S/B: 90 40 40 | 80 3c 40");
  s.play("alsa/Pedal/0", "b0 50 00 | c0 01");
  CHECK(s.bay().active_scene() == "low");
  CHECK(s.heard() == "rtp/S/B: b0 50 00 | c0 01");
  s.play("alsa/K/0", "90 41 40 | 9f 00 01 | 90 43 40 | 80 40 40");
  CHECK(s.bay().active_scene() == "high");
  CHECK(s.heard() == "rtp/S/A: 90 35 40 | 80 4c 40 | 80 34 40 | 90 4f 40 | 80 4c 40; "
                     "rtp/S/B: 90 41 40 | 9f 00 01 | 90 43 40 | 80 40 40");
  CHECK_FALSE(s.activate("nowhere"));
  CHECK(s.bay().active_scene() == "high");
  CHECK(s.activate(""));
  s.play("alsa/K/0", "fa");
  CHECK(s.heard() == "rtp/S/A: 80 4f 40 | 80 35 40; rtp/S/B: fa");
}

TEST_CASE("each rule knows how much its routes passed on", "[routing][patchbay]") {
  studio s({"{'from': 'alsa/*', 'to': 'rtp/*'}",
            "{'from': 'alsa/*', 'to': 'rtp/S/B', 'filter': {'types': 'note'}}",
            "{'from': 'tcp/*', 'to': '*'}"});
  for (auto id : {"alsa/K/0", "rtp/S/A", "rtp/S/B"})
    s.up(id);
  auto counts = [&] {
    std::string text;
    for (const auto& one : s.bay().activity())
      text += (text.empty() ? "" : " ") + std::to_string(one.events);
    return text;
  };
  CHECK(counts() == "0 0 0");
  s.play("alsa/K/0", "90 3c 40 | b0 07 10 | 80 3c 40");
  CHECK(counts() == "6 2 0");
  // A port that comes later counts from then on, and one that goes takes nothing away.
  s.up("rtp/S/C");
  s.play("alsa/K/0", "90 3c 40 | 80 3c 40");
  CHECK(counts() == "12 4 0");
  s.down("rtp/S/A");
  s.play("alsa/K/0", "b0 07 11");
  CHECK(counts() == "14 4 0");
  // Rules that stay go on counting, wherever they stand now; a new one begins at nothing.
  s.set_rules({"{'from': '*', 'to': 'rtp/S/C', 'priority': 1}",
               "{'from': 'alsa/*', 'to': 'rtp/S/B', 'filter': {'types': 'note'}}",
               "{'from': 'alsa/*', 'to': 'rtp/*'}"});
  CHECK(counts() == "0 4 14");
  s.play("alsa/K/0", "90 3c 40 | 80 3c 40");
  CHECK(counts() == "2 6 16");
}
