// Every example of config/README.md is what the program reads.
#include "config/load.hpp"
#include "config/read_rule.hpp"
#include "config/schema.hpp"
#include "tests/support/source_folder.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace tutti::config;
using nlohmann::json;

namespace {

std::vector<std::string> readme_lines() {
  std::ifstream file(tutti::test::source_folder() / "config" / "README.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  REQUIRE(lines.size() > 50);
  return lines;
}

void is_rule(const json& document) {
  mistakes found;
  auto read = load_rule(document, "", found);
  INFO(document.dump() << ": " << (found.empty() ? "" : found[0].sentence()));
  CHECK(read);
}

/// The pieces between back quotes in the first cell of a table row.
std::vector<std::string> code_in_first_cell(const std::string& line) {
  std::vector<std::string> found;
  if (!line.starts_with("| `"))
    return found;
  auto cell = line.substr(0, line.find(" | ", 2));
  for (auto at = cell.find('`'); at != cell.npos;) {
    auto end = cell.find('`', at + 1);
    found.push_back(cell.substr(at + 1, end - at - 1));
    at = cell.find('`', end + 1);
  }
  return found;
}

} // namespace

TEST_CASE("every example in the README is read", "[config][readme]") {
  std::string section, fence, block;
  int blocks = 0, cells = 0;
  for (const auto& line : readme_lines()) {
    if (line.starts_with("## "))
      section = line.substr(3);
    if (line.starts_with("```")) {
      if (fence.empty()) {
        fence = line;
        block.clear();
      } else {
        ++blocks;
        auto document = json::parse(block);
        if (fence == "```json rule") {
          is_rule(document);
        } else {
          auto result = load_document(document);
          INFO(block);
          CHECK(result);
        }
        fence.clear();
      }
      continue;
    }
    if (!fence.empty()) {
      block += line + "\n";
      continue;
    }
    for (const auto& code : code_in_first_cell(line)) {
      if (section == "Ports") {
        is_rule({{"from", json::parse(code)}, {"to", "*"}});
      } else if (section == "Filters" && code.starts_with('{')) {
        is_rule({{"from", "*"}, {"to", "*"}, {"filter", json::parse(code)}});
      } else if (section == "Transforms" && code.starts_with('{')) {
        is_rule({{"from", "*"}, {"to", "*"}, {"transforms", {json::parse(code)}}});
      } else {
        continue;
      }
      ++cells;
    }
  }
  CHECK(blocks >= 3);
  CHECK(cells >= 40);
}

TEST_CASE("the README tells of every section, rule key, criterion and transform",
          "[config][readme]") {
  std::string all;
  for (const auto& line : readme_lines())
    all += line + "\n";
  const auto& schema = schema_document();
  auto tells_of = [&](const json& properties) {
    for (const auto& [key, _] : properties.items()) {
      INFO(key);
      CHECK((all.find("`" + key + "`") != std::string::npos ||
             all.find("\"" + key + "\"") != std::string::npos));
    }
  };
  tells_of(schema["properties"]);
  for (auto part : {"rule", "filter", "transform", "port_selector", "trigger"})
    tells_of(schema["definitions"][part]["properties"]);
  for (const auto& word :
       schema["definitions"]["criteria"]["properties"]["types"]["anyOf"][0]["enum"])
    CHECK(all.find("`" + word.get<std::string>() + "`") != std::string::npos);
}
