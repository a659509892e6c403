// Journals of every shape are read and written again without a bit changing.
#include "tests/support/journal_json.hpp"
#include "tests/support/journal_rewriting.hpp"
#include "tests/support/random_journal.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>

using namespace tutti::test;

TEST_CASE("random journals survive reading and writing, bit for bit", "[protocol][journal]") {
  random_journal random(1);
  for (int i = 0; i < 20000; ++i) {
    auto journal = random.next();
    auto again = rewrite_journal(journal);
    if (again != journal) {
      INFO("journal " << i << ' ' << journal_json(journal).dump());
      REQUIRE(again.has_value());
      REQUIRE(to_hex(*again) == to_hex(journal));
    }
  }
}

TEST_CASE("journals of other projects mean the same when we have written them",
          "[protocol][journal]") {
  for (const auto& vector : load_vectors("journal")) {
    if (vector["layer"] != "journal")
      continue;
    INFO(vector["id"]);
    auto bytes = hex(vector["hex"].get<std::string>());
    auto again = rewrite_journal(bytes);
    REQUIRE(again.has_value());
    auto ours = journal_json(*again);
    auto theirs = journal_json(bytes);
    if (theirs.contains("system")) // of a kind that only LENGTH knows
      theirs["system"].erase("extra_octets"), theirs["system"]["length"] = ours["system"]["length"];
    for (auto* each : {&ours, &theirs})
      for (auto& channel : (*each)["channels"])
        if (channel["chapters"].contains("N")) // none is written in one way only
          channel["chapters"]["N"].erase("low"), channel["chapters"]["N"].erase("high");
    CHECK(ours == theirs);
  }
}
