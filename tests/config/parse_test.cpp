// Syntax errors with their place, keys that stand twice, and documents that go too far.
#include "config/parse.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;

namespace {

mistake first_mistake(std::string_view text) {
  mistakes found;
  REQUIRE_FALSE(parse_json(text, found));
  REQUIRE_FALSE(found.empty());
  return found[0];
}

} // namespace

TEST_CASE("a syntax error names line and column", "[config][parse]") {
  auto found = first_mistake("{\n  \"log\": {\n    \"level\" \"info\"\n  }\n}");
  CHECK(found.path == "");
  CHECK(found.found.starts_with("a syntax error at line 3, column 1"));
  CHECK(found.allowed == "JSON (RFC 8259)");
  CHECK(first_mistake("").found.starts_with("a syntax error at line 1, column 1"));
  CHECK(first_mistake("{\"a\": \"\xff\"}").found.starts_with("a syntax error at line 1, column 8"));
}

TEST_CASE("a key that stands twice is refused with its path", "[config][parse]") {
  mistakes found;
  CHECK_FALSE(parse_json(R"({"a": [1, {"b/c": 1, "d": 2, "b/c": 3}], "a": 2})", found));
  REQUIRE(found.size() == 2);
  CHECK(found[0].path == "/a/1/b~1c");
  CHECK(found[0].found == "the key \"b/c\" twice in one object");
  CHECK(found[1].path == "/a");
}

TEST_CASE("nesting without end is refused, not followed", "[config][parse]") {
  CHECK(first_mistake(std::string(100000, '[')).found == "more than 32 nested levels");
  mistakes found;
  CHECK(parse_json(std::string(32, '[') + std::string(32, ']'), found));
  CHECK(first_mistake(std::string(max_json_size + 1, ' ')).found == "8388609 octets");
}
