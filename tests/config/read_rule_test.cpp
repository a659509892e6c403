// Patterns, numbers and octets as people write them, and what is said of those that are none.
#include "config/midi_number.hpp"
#include "config/read_rule.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;
using nlohmann::json;

namespace {

std::string complaint(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  auto document = json::parse(text);
  for (auto key : {"from", "to"})
    if (!document.contains(key))
      document[key] = "*";
  mistakes found;
  CHECK_FALSE(load_rule(document, "/rules/3", found));
  std::string lines;
  for (const auto& mistake : found)
    lines += (lines.empty() ? "" : "\n") + mistake.sentence();
  return lines;
}

} // namespace

TEST_CASE("names match globs and regular expressions", "[config][pattern]") {
  struct row {
    const char* pattern;
    std::vector<const char*> yes, no;
  };
  const std::vector<row> rows = {
      {"rtp/S/A", {"rtp/S/A"}, {"rtp/S/AB", "Rtp/S/A", "rtp/S"}},
      {"*", {"", "a", "a/b/c"}, {}},
      {"rtp/*", {"rtp/", "rtp/a/b"}, {"rtp", "tcp/rtp/"}},
      {"*A*B*", {"AB", "xAyBz", "ABAB"}, {"BA", "A", ""}},
      {"a?c", {"abc", "aéc", "a*c"}, {"ac", "abbc"}},
      {"a\\*c", {"a*c"}, {"abc", "a\\*c"}},
      {"???", {"abc", "äöü"}, {"ab", "abcd"}},
      {"*a", {"a", "aa", "ba"}, {"ab", ""}},
      {"/b/", {"abc", "b"}, {"ac", "B"}},
      {"/^usb.*[0-9]$/i", {"USB x 1", "usb1"}, {"an usb1", "usb"}},
      {"/a\\/b/", {"xa/by"}, {"ab"}},
  };
  for (const auto& [text, yes, no] : rows) {
    std::string why;
    auto pattern = name_pattern::parse(text, why);
    INFO(text << " " << why);
    REQUIRE(pattern);
    for (auto name : yes) {
      INFO(name);
      CHECK(pattern->matches(name));
    }
    for (auto name : no) {
      INFO(name);
      CHECK_FALSE(pattern->matches(name));
    }
  }
}

TEST_CASE("patterns that would take for ever are matched at once", "[config][pattern]") {
  std::string why, name(4000, 'a');
  for (auto text : {"/(a+)+$/", "/(a|a)*b/", "*a*a*a*a*a*a*a*b"}) {
    auto pattern = name_pattern::parse(text, why);
    REQUIRE(pattern);
    CHECK(pattern->matches(name) == (std::string(text) == "/(a+)+$/"));
  }
  CHECK_FALSE(name_pattern::parse("/(/", why));
  CHECK_FALSE(name_pattern::parse("/abc", why));
  CHECK_FALSE(name_pattern::parse("/", why));
  CHECK_FALSE(name_pattern::parse("", why));
  CHECK_FALSE(name_pattern::parse(std::string(2000, 'a'), why));
}

TEST_CASE("notes have names from C-1 to G9", "[config][rule]") {
  for (auto [text, note] : std::vector<std::pair<const char*, int>>{{"C-1", 0},
                                                                    {"C4", 60},
                                                                    {"G9", 127},
                                                                    {"C#4", 61},
                                                                    {"Db4", 61},
                                                                    {"A0", 21},
                                                                    {"B3", 59},
                                                                    {"Cb4", 59},
                                                                    {"60", 60},
                                                                    {"0", 0},
                                                                    {"127", 127}})
    CHECK(parse_number(text, number_kind::note) == note);
  for (auto text : {"", "H4", "C", "C10", "G#9", "Cb-1", "128", "-1", "c4", "C4 ", "4C"})
    CHECK_FALSE(parse_number(text, number_kind::note));
  CHECK(parse_range("C-1-C4", number_kind::note) == std::pair(0, 60));
  CHECK(parse_range("60-C5", number_kind::note) == std::pair(60, 72));
  CHECK(parse_range("1-16", number_kind::channel) == std::pair(0, 15));
  for (auto text : {"5-4", "1-", "-4", "1-17", "0-4", "1-4-5", "1 - 4"})
    CHECK_FALSE(parse_range(text, number_kind::channel));
}

TEST_CASE("octets are written in hex", "[config][rule]") {
  auto read = parse_octets("F0 41 ?? 4a * F7");
  REQUIRE(read);
  CHECK(read->rest);
  REQUIRE(read->octets.size() == 3);
  CHECK(read->octets[0] == 0x41);
  CHECK_FALSE(read->octets[1]);
  CHECK(parse_octets("F04110F7")->octets.size() == 2);
  for (auto text : {"4", "4 1", "80", "41 * 42", "41 ?", "g0", "41 F7 41", "0x41"})
    CHECK_FALSE(parse_octets(text));
}

TEST_CASE("mistakes in rules are told where and what", "[config][rule]") {
  CHECK(complaint("{'from': '/(/'}") ==
        "/rules/3/from: found \"/(/\" (missing ): (); allowed is a name with * and ?, or a regular "
        "expression between slashes.");
  CHECK(
      complaint("{'to': ['direction:up', '!']}") ==
      "/rules/3/to/0: found \"direction:up\"; allowed is direction:in, direction:out or "
      "direction:both.\n/rules/3/to/1: found \"!\" (it is empty); allowed is a name with * and ?, "
      "or a regular expression between slashes.");
  CHECK(
      complaint("{'filter': {'channels': [1, '0-3', 17], 'notes': 'H4'}}") ==
      "/rules/3/filter/channels/2: found 17; allowed is a whole number from 1 to 16 or text (range "
      "such as \"1-4\").");
  CHECK(complaint("{'filter': {'channels': [1, '0-3'], 'notes': 'H4'}}") ==
        "/rules/3/filter/channels/1: found \"0-3\"; allowed is a number from 1 to 16, or a range "
        "such "
        "as \"1-4\".\n/rules/3/filter/notes: found \"H4\"; allowed is a note from 0 to 127 or "
        "\"C-1\" "
        "to \"G9\", or a range such as \"C2-B3\".");
  CHECK(complaint("{'transforms': [{'transpose': 1, 'velocity': 2}, {'$comment': 'x'}, "
                  "{'trnspose': 1}]}") ==
        "/rules/3/transforms/0: found \"transpose\" and \"velocity\" together; allowed is exactly "
        "one "
        "of \"channel\", \"transpose\", \"notes\", \"velocity\", \"controller\", "
        "\"controller_value\", "
        "\"note_to_controller\", \"controller_to_note\", \"program\", \"bend_range\", \"zones\", "
        "\"pressure_to_controller\", \"controller_to_pressure\", \"sysex\", \"drop_duplicates\", "
        "\"rate_limit\", \"delay_ms\" or \"play_at_ms\".\n"
        "/rules/3/transforms/1: found none of these keys; allowed is exactly one of \"channel\", "
        "\"transpose\", \"notes\", \"velocity\", \"controller\", \"controller_value\", "
        "\"note_to_controller\", \"controller_to_note\", \"program\", \"bend_range\", \"zones\", "
        "\"pressure_to_controller\", \"controller_to_pressure\", \"sysex\", \"drop_duplicates\", "
        "\"rate_limit\", \"delay_ms\" or \"play_at_ms\".\n"
        "/rules/3/transforms/2/trnspose: found the unknown key \"trnspose\"; allowed is "
        "\"transpose\" "
        "perhaps, of \"bend_range\", \"channel\", \"controller\", \"controller_to_note\", "
        "\"controller_to_pressure\", \"controller_value\", \"delay_ms\", \"drop_duplicates\", "
        "\"note_to_controller\", \"notes\", \"only\", \"play_at_ms\", \"pressure_to_controller\", "
        "\"program\", \"rate_limit\", \"sysex\", \"transpose\", \"velocity\" or \"zones\".");
  CHECK(
      complaint("{'block': true, 'filter': {}}") ==
      "/rules/3/filter: found \"filter\" in a rule with \"block\"; allowed is nothing, for a rule "
      "that blocks passes nothing.");
  CHECK(
      complaint(
          "{'transforms': [{'velocity': {'min': 9, 'max': 3, 'curve': [[5, 0], [5, 1]]}}]}") ==
      "/rules/3/transforms/0/velocity/curve/1: found a point at 5; allowed is points by ascending "
      "first number.\n/rules/3/transforms/0/velocity: found a minimum above the maximum; allowed "
      "is "
      "\"min\" of at most \"max\".");
  CHECK(
      complaint("{'transforms': [{'program': {'1:2:3': 4}}, {'notes': {'C4': 'X'}}, "
                "{'sysex': {'find': '41', 'replace': '?? *'}}]}") ==
      "/rules/3/transforms/0/program/1:2:3: found the key \"1:2:3\"; allowed is a program from 0 "
      "to "
      "127, a range of them, or a bank from 0 to 16383 before either, such as \"129:0-9\".\n"
      "/rules/3/transforms/1/notes/C4: found \"X\"; allowed is a note from 0 to 127 or \"C-1\" to "
      "\"G9\".\n/rules/3/transforms/2/sysex/replace: found more ?? or * than in \"find\"; allowed "
      "is "
      "at most as many as there.");
  CHECK(complaint("{'transforms': [{'transpose': 1, 'only': {'sysex': '41'}}]}") ==
        "/rules/3/transforms/0/only/sysex: found a prefix of System Exclusive; allowed is the type "
        "\"sysex\" here; prefixes belong in the rule's filter.");
}

TEST_CASE("the default rule is the one that the README shows", "[config][rule]") {
  auto rule = default_rule();
  CHECK(rule.name == "everyone to everyone else");
  CHECK(rule.enabled);
  CHECK(rule.transforms.empty());
}
