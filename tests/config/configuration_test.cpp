// File, run-time changes and command line make one document, which changes as a whole or not at
// all.
#include "config/configuration.hpp"
#include "tests/support/scratch_folder.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::config;
using nlohmann::json;
using verdict = change_result::verdict;

namespace {

/// A configuration file and a state file that outlive the configurations made of them.
class desk {
public:
  explicit desk(const json& file) { write(file); }

  void write(const json& file) { folder_.put("tutti.json", file.dump()); }
  void write_text(const std::string& text) { folder_.put("tutti.json", text); }

  configuration_sources sources() const {
    return {folder_.path() / "tutti.json", folder_.path() / "tutti.state.json", {}};
  }
  /// As after a start of the hub.
  configuration fresh() const {
    configuration made(sources());
    made.start();
    return made;
  }
  test::scratch_folder& folder() { return folder_; }

private:
  test::scratch_folder folder_;
};

json add_rule(const std::string& from) {
  return {{{"op", "add"}, {"path", "/rules/-"}, {"value", {{"from", from}, {"to", "*"}}}}};
}

const json two_scenes = {{"scenes", {{{"name", "verse"}}, {{"name", "chorus"}}}},
                         {"scene", "verse"}};

} // namespace

TEST_CASE("without file and command line the defaults are in force, spelled out",
          "[config][configuration]") {
  configuration made;
  REQUIRE(made.start());
  const auto& now = *made.in_force();
  CHECK(now.settings == settings());
  CHECK(now.document["rules"][0]["name"] == "everyone to everyone else");
  CHECK(now.document["sessions"] == json::parse("[{}]"));
  CHECK(now.document["scenes"] == json::array());
  CHECK(now.changed_sections.empty());
  CHECK(now.revision.size() == 16);
}

TEST_CASE("an edit is in force and survives a restart", "[config][configuration]") {
  desk d(json({{"rules", json::array()}}));
  auto made = d.fresh();
  auto before = made.in_force()->revision;
  auto result = made.edit(add_rule("kind:rtp"), before);
  REQUIRE(result);
  CHECK(result.remarks.empty());
  CHECK(result.in_force->settings.rules.size() == 1);
  CHECK(result.in_force->revision != before);
  CHECK(result.in_force->changed_sections == std::vector<std::string>{"rules", "scenes"});

  auto again = d.fresh();
  CHECK(again.in_force()->document == made.in_force()->document);
  CHECK(again.in_force()->revision == made.in_force()->revision);
  CHECK(again.in_force()->settings == made.in_force()->settings);
}

TEST_CASE("a default that is edited is kept as it was seen", "[config][configuration]") {
  desk d(json::object());
  auto made = d.fresh();
  // Scenes alone would mean that there are no common rules; but the one that was shown stays.
  REQUIRE(made.edit({{{"op", "add"}, {"path", "/scenes/-"}, {"value", {{"name", "verse"}}}}}));
  CHECK(made.in_force()->settings.rules == std::vector{default_rule()});
  CHECK(d.fresh().in_force()->settings.rules == std::vector{default_rule()});
}

TEST_CASE("an edit that is not possible changes nothing and says why", "[config][configuration]") {
  desk d(json({{"rules", {{{"from", "*"}, {"to", "*"}}}}}));
  auto made = d.fresh();
  auto before = made.in_force();
  SECTION("of another revision") {
    CHECK(made.edit(add_rule("*"), "0123456789abcdef").what == verdict::outdated);
  }
  SECTION("by a test that fails") {
    auto result = made.edit({{{"op", "test"}, {"path", "/rules"}, {"value", 1}}});
    CHECK(result.what == verdict::outdated);
  }
  SECTION("of a place that is not there") {
    for (auto path : {"/rules/7", "/nowhere/0", "/rules/x"})
      CHECK(made.edit({{{"op", "remove"}, {"path", path}}}).what == verdict::missing);
  }
  SECTION("by what is no patch") {
    for (auto text : {"1", "{}", "[1]", R"([{"op":"add"}])", R"([{"op":"fly","path":""}])",
                      R"([{"op":"add","path":"rules","value":1}])"})
      CHECK(made.edit(json::parse(text)).what == verdict::mistaken);
  }
  SECTION("to a document with mistakes, all of which are told") {
    auto result = made.edit({{{"op", "replace"},
                              {"path", "/rules"},
                              {"value", {{{"from", "*"}, {"too", "*"}}, {{"from", 1}}}}}});
    REQUIRE(result.what == verdict::mistaken);
    CHECK(result.mistakes.size() >= 3);
    CHECK(result.mistakes[0].path.starts_with("/rules/0"));
    CHECK(result.mistakes.back().path.starts_with("/rules/1"));
  }
  SECTION("to something that is no document") {
    for (auto whole : {json(1), json::array(), json("x"), json()})
      CHECK(made.edit({{{"op", "replace"}, {"path", ""}, {"value", whole}}}).what ==
            verdict::mistaken);
  }
  CHECK(made.in_force() == before);
  CHECK(d.fresh().in_force()->document == before->document);
}

TEST_CASE("the whole can be replaced and judged in advance", "[config][configuration]") {
  desk d(json({{"rules", json::array()}, {"log", {{"level", "debug"}}}}));
  auto made = d.fresh();
  json whole = {{"rules", {{{"from", "*"}, {"to", "kind:tcp"}}}}};
  auto judged = made.check(whole);
  REQUIRE(judged);
  CHECK(judged.in_force->settings.rules.size() == 1);
  CHECK(made.in_force()->settings.rules.empty());
  CHECK_FALSE(made.check({{"rulez", 1}}));

  REQUIRE(made.edit({{{"op", "replace"}, {"path", ""}, {"value", whole}}}));
  auto again = d.fresh();
  CHECK(again.in_force()->settings.rules.size() == 1);
  CHECK(again.in_force()->settings.log.level == log_level::info);
}

TEST_CASE("a file with mistakes is refused as a whole", "[config][configuration]") {
  desk d(json({{"log", {{"level", "debug"}}}}));
  auto made = d.fresh();
  auto before = made.in_force();
  d.write({{"log", {{"level", "loud"}}}, {"x", 1}});
  auto result = made.reload();
  CHECK(result.mistakes.size() == 2);
  d.write_text("{");
  CHECK(made.reload().what == verdict::mistaken);
  CHECK(made.in_force() == before);
  d.write({{"log", {{"level", "error"}}}});
  REQUIRE(made.reload());
  CHECK(made.in_force()->settings.log.level == log_level::error);

  d.write({{"x", 1}});
  configuration never(d.sources());
  CHECK_FALSE(never.start());
  CHECK_FALSE(never.in_force());
}

TEST_CASE("what the operator edits in the file counts again", "[config][configuration]") {
  desk d(json({{"rules", json::array()}, {"log", {{"level", "debug"}}}}));
  auto made = d.fresh();
  REQUIRE(made.edit(add_rule("*")));
  d.write({{"rules", json::array()}, {"log", {{"level", "error"}}}});
  REQUIRE(made.reload());
  CHECK(made.in_force()->settings.rules.size() == 1); // another section was edited
  d.write({{"rules", {{{"from", "*"}, {"to", "kind:tcp"}}, {{"from", "kind:tcp"}, {"to", "*"}}}}});
  auto result = made.reload();
  REQUIRE(result);
  CHECK(result.in_force->settings.rules.size() == 2);
  REQUIRE(result.remarks.size() == 1);
  CHECK_THAT(result.remarks[0], Catch::Contains("\"rules\""));
  CHECK(d.fresh().in_force()->settings.rules.size() == 2);
}

TEST_CASE("the active scene survives a restart but is no edit", "[config][configuration]") {
  desk d(two_scenes);
  auto made = d.fresh();
  auto revision = made.in_force()->revision;
  CHECK_FALSE(made.set_scene("bridge"));
  REQUIRE(made.set_scene("chorus"));
  CHECK(made.in_force()->revision == revision);
  CHECK(d.fresh().in_force()->settings.scene == "chorus");
  REQUIRE(made.set_scene(""));
  CHECK(d.fresh().in_force()->settings.scene == "");
  CHECK_FALSE(d.fresh().in_force()->document.contains("scene"));
  REQUIRE(made.set_scene("verse"));
  CHECK(made.in_force()->changed_sections.empty());

  SECTION("unless the file has lost it") {
    REQUIRE(made.set_scene("chorus"));
    d.write({{"scenes", {{{"name", "verse"}}}}, {"scene", "verse"}});
    REQUIRE(made.reload());
    CHECK(made.in_force()->settings.scene == "verse");
  }
  SECTION("and cannot be edited away") {
    auto result = made.edit({{{"op", "remove"}, {"path", "/scenes/0"}}});
    REQUIRE(result.what == verdict::mistaken);
    CHECK(result.mistakes[0].path == "/scene");
  }
}

TEST_CASE("former changes that do not go with the file any more do not keep the hub from starting",
          "[config][configuration]") {
  desk d(json({{"sessions", {{{"name", "A"}}}}}));
  auto made = d.fresh();
  REQUIRE(made.edit({{{"op", "add"},
                      {"path", "/connect/-"},
                      {"value", {{"host", "mac.local"}, {"session", "A"}}}}}));
  d.write({{"sessions", {{{"name", "B"}}}}});
  CHECK_FALSE(made.reload());
  configuration again(d.sources());
  auto result = again.start();
  REQUIRE(result);
  CHECK(result.in_force->settings.connect.empty());
  CHECK_THAT(result.remarks.back(), Catch::Contains("\"connect\""));
}

TEST_CASE("the command line lies over file and edits", "[config][configuration]") {
  desk d(json({{"log", {{"level", "debug"}}}}));
  auto sources = d.sources();
  sources.command_line = [](json& document) { document["log"]["level"] = "error"; };
  configuration made(sources);
  REQUIRE(made.start());
  CHECK(made.in_force()->settings.log.level == log_level::error);
  REQUIRE(made.edit({{{"op", "replace"}, {"path", "/log/level"}, {"value", "info"}}}));
  CHECK(made.in_force()->settings.log.level == log_level::error);
  CHECK(d.fresh().in_force()->settings.log.level == log_level::info);
}

TEST_CASE("a change that cannot be kept is in force, and whoever asked is told",
          "[config][configuration]") {
  configuration made({{}, "/nowhere/tutti.state.json", {}});
  REQUIRE(made.start());
  auto result = made.edit(add_rule("kind:tcp"));
  REQUIRE(result);
  CHECK(result.in_force->settings.rules.size() == 2);
  REQUIRE(result.remarks.size() == 1);
  CHECK_THAT(result.remarks[0], Catch::Contains("/nowhere/tutti.state.json"));
}

TEST_CASE("what is to be remembered survives a restart", "[config][configuration]") {
  desk d(json::object());
  auto made = d.fresh();
  CHECK(made.note("approved").is_null());
  REQUIRE(made.set_note("approved", {"Anna"}));
  CHECK(d.fresh().note("approved") == json{"Anna"});
  REQUIRE(made.set_note("approved", nullptr));
  CHECK(d.fresh().note("approved").is_null());
}
