#include "actors/decision_note.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using nlohmann::json;

TEST_CASE("decisions for good are noted by session and read again", "[actors][admission]") {
  session_info stage, studio;
  stage.name = "Stage";
  stage.decisions = {{"10.0.0.1", "Anna", true, decision_term::always},
                     {"10.0.0.2", "Ben", false, decision_term::always},
                     {"10.0.0.3", "Zoe", true, decision_term::restart}};
  studio.name = "Studio";
  auto note = write_decisions({stage, studio});
  auto read = read_decisions(note, "Stage");
  REQUIRE(read.size() == 2);
  CHECK(read[0] == stage.decisions[0]);
  CHECK(read[1] == stage.decisions[1]);
  CHECK(read_decisions(note, "Studio").empty());
}

TEST_CASE("a note that is none decides nothing", "[actors][admission]") {
  for (auto text : {"null", "[]", "{}", R"({"Stage":1})", R"({"Stage":[1,{},{"host":1}]})",
                    R"({"Stage":[{"host":"a","name":"b","admitted":"yes"}]})"})
    CHECK(read_decisions(json::parse(text), "Stage").empty());
}
