#include "actors/document_edit.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using nlohmann::json;

namespace {

const json document = json::parse(R"({"rules":[{"name":"a","to":"*"},{"to":"x"},{"name":"b"}]})");

} // namespace

TEST_CASE("a rule is found by its name, or by its number if it has none", "[actors][document]") {
  document_list rules(document, "rules");
  CHECK(rules.id_of(0) == "a");
  CHECK(rules.id_of(1) == "#2");
  CHECK(rules.find("b") == 2);
  CHECK(rules.find("#2") == 1);
  CHECK_FALSE(rules.find("#1"));
  CHECK_FALSE(rules.find("#4"));
  CHECK(document_list(document, "scenes").items().empty());
}

TEST_CASE("each edit is a patch that does what it says", "[actors][document]") {
  document_list rules(document, "rules");
  auto ids = [](const json& patched) {
    document_list now(patched, "rules");
    std::string out;
    for (std::size_t i = 0; i < now.items().size(); ++i)
      out += now.id_of(i) + ' ';
    return out;
  };
  CHECK(ids(document.patch(rules.insertion({{"name", "c"}}, std::nullopt))) == "a #2 b c ");
  CHECK(ids(document.patch(rules.insertion({{"name", "c"}}, 0))) == "c a #3 b ");
  CHECK(ids(document.patch(rules.replacement(1, {{"name", "c"}}))) == "a c b ");
  CHECK(ids(document.patch(rules.removal(0))) == "#1 b ");
  CHECK(ids(document.patch(rules.move(0, 2))) == "#1 b a ");
  CHECK(ids(document.patch(rules.move(2, 0))) == "b a #3 ");
  CHECK(ids(document.patch(rules.replacement_of_all(json::array(), true))) == "");
}

TEST_CASE("a patch fails if another one has changed its rule meanwhile", "[actors][document]") {
  document_list rules(document, "rules");
  auto other = document.patch(rules.replacement(0, {{"name", "a"}, {"to", "y"}}));
  CHECK_THROWS(other.patch(rules.replacement(0, json::object())));
  CHECK_THROWS(other.patch(rules.removal(0)));
  CHECK_THROWS(other.patch(rules.move(2, 0)));
  CHECK_THROWS(other.patch(rules.insertion(json::object(), 0)));
  CHECK_THROWS(other.patch(rules.replacement_of_all(json::array(), true)));
  CHECK_NOTHROW(other.patch(rules.removal(2)));
  CHECK_NOTHROW(other.patch(rules.replacement_of_all(json::array(), false)));
  CHECK(document_list(other, "rules").tag(0) != rules.tag(0));
  CHECK(document_list(other, "rules").tag(2) == rules.tag(2));
}

TEST_CASE("mistakes of the document point into the client's body", "[actors][document]") {
  auto found = seen_from("/rules/1", {{"/rules/1/to", "", ""},
                                      {"/rules/1", "", ""},
                                      {"/rules/10/to", "", ""},
                                      {"/scene", "", ""}});
  CHECK(found[0].path == "/to");
  CHECK(found[1].path == "");
  CHECK(found[2].path == "/rules/10/to");
  CHECK(found[3].path == "/scene");
}

TEST_CASE("If-Match takes strong tags, lists of them and the star", "[actors][document]") {
  CHECK(matches_tag("\"x\"", "x"));
  CHECK(matches_tag("\"a\" ,\t\"x\"", "x"));
  CHECK(matches_tag("*", "x"));
  CHECK_FALSE(matches_tag("W/\"x\"", "x"));
  CHECK_FALSE(matches_tag("x", "x"));
  CHECK_FALSE(matches_tag("\"", "x"));
  CHECK_FALSE(matches_tag(",,", "x"));
}
