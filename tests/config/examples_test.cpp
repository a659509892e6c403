// The examples are valid; whatever is broken in them is refused, at the right place.
#include "config/explain.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"
#include "tests/support/source_folder.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

using namespace tutti::config;
using nlohmann::json;

namespace {

std::vector<std::filesystem::path> examples() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(tutti::test::source_folder() / "config" / "examples"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

json read(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return json::parse(stream);
}

/// Calls `use` with the pointer of every value of a document but the whole.
void each_place(const json& value, const std::string& path,
                const std::function<void(const std::string&)>& use) {
  if (!path.empty())
    use(path);
  if (value.is_object())
    for (const auto& [key, item] : value.items())
      each_place(item, pointer_to(path, key), use);
  if (value.is_array())
    for (std::size_t i = 0; i < value.size(); ++i)
      each_place(value[i], pointer_to(path, i), use);
}

bool within(const std::string& path, const std::string& place) {
  return path == place || path.starts_with(place + "/");
}

/// The document is refused, every mistake lies at the place or in it, and each has its own words.
void refused_at(const json& document, const std::string& place) {
  auto result = load_document(document);
  INFO(place << " = " << document.at(json::json_pointer(place)).dump());
  REQUIRE_FALSE(result);
  for (const auto& mistake : result.mistakes()) {
    INFO(mistake.sentence());
    CHECK(within(mistake.path, place));
    CHECK(mistake.allowed != "what the schema says");
    CHECK_FALSE(mistake.found.empty());
  }
}

} // namespace

TEST_CASE("every example is a valid configuration", "[config][examples]") {
  REQUIRE(examples().size() >= 4);
  for (const auto& file : examples()) {
    auto result = load_file(file);
    INFO(file.string() << ": " << (result ? "" : result.mistakes().front().sentence()));
    CHECK(result);
  }
}

TEST_CASE("the examples use every transform", "[config][examples]") {
  std::string all;
  for (const auto& file : examples())
    all += read(file).dump();
  for (const auto& [key, _] : schema_document()["definitions"]["transform"]["properties"].items())
    CHECK(all.find("\"" + key + "\":") != std::string::npos);
}

TEST_CASE("a wrong type anywhere in an example is refused there", "[config][examples]") {
  const json wrong = json::array({json::array({{{"no such key", 1}}})});
  for (const auto& file : examples()) {
    auto document = read(file);
    each_place(document, "", [&](const std::string& place) {
      auto mutated = document;
      mutated[json::json_pointer(place)] = wrong;
      refused_at(mutated, place);
    });
  }
}

TEST_CASE("a number out of range anywhere in an example is refused there", "[config][examples]") {
  for (const auto& file : examples()) {
    auto document = read(file);
    each_place(document, "", [&](const std::string& place) {
      json::json_pointer pointer(place);
      if (!document[pointer].is_number())
        return;
      for (auto number : {1e9, -1e9}) {
        auto mutated = document;
        mutated[pointer] = static_cast<std::int64_t>(number);
        refused_at(mutated, place);
      }
    });
  }
}

TEST_CASE("an unknown key in any object of an example is refused there", "[config][examples]") {
  for (const auto& file : examples()) {
    auto document = read(file);
    auto add_key = [&](const std::string& place) {
      json::json_pointer pointer(place);
      if (!document[pointer].is_object())
        return;
      auto mutated = document;
      mutated[pointer]["no such key"] = json::array({json::object()});
      refused_at(mutated, place + "/no such key");
    };
    add_key("");
    each_place(document, "", add_key);
  }
}

TEST_CASE("a word that is none of an enumeration's is refused there", "[config][examples]") {
  for (auto [place, word] :
       std::vector<std::pair<std::string, std::string>>{{"/log/level", "loud"},
                                                        {"/sessions/0/invitations/policy", "opne"},
                                                        {"/discovery/mode", "automatic"},
                                                        {"/discovery/connect/0/when", "sometimes"},
                                                        {"/local/alsa/export/mode", "some"},
                                                        {"/rules/0/filter/types", "notes"},
                                                        {"/rules/0/filter/types/1", "notes"},
                                                        {"/control/tokens/0/role", "admin"}}) {
    json document = {
        {"log", {{"level", "info"}}},
        {"sessions", {{{"invitations", {{"policy", "ask"}}}}}},
        {"discovery", {{"mode", "auto"}, {"connect", {{{"when", "never"}}}}}},
        {"local", {{"alsa", {{"export", {{"mode", "off"}}}}}}},
        {"rules", {{{"from", "*"}, {"to", "*"}, {"filter", {{"types", {"note", "clock"}}}}}}},
        {"control", {{"tokens", {{{"name", "a"}, {"role", "read"}, {"file", "f"}}}}}}};
    REQUIRE(load_document(document));
    document[json::json_pointer(place)] = word;
    refused_at(document, place);
  }
}

TEST_CASE("a key that must be there is missed where it is missing", "[config][examples]") {
  for (const auto& file : examples()) {
    auto document = read(file);
    each_place(document, "", [&](const std::string& place) {
      json::json_pointer pointer(place);
      auto parent = pointer.parent_pointer();
      if (!document[parent].is_object())
        return;
      auto mutated = document;
      mutated[parent].erase(pointer.back());
      auto result = load_document(mutated);
      if (result)
        return;
      for (const auto& mistake : result.mistakes()) {
        INFO("without " << place << ": " << mistake.sentence());
        // Names that others refer to are missed there.
        CHECK((mistake.path == parent.to_string() || mistake.path == "/scene" ||
               mistake.path.ends_with("/session") || within(mistake.path, parent.to_string())));
      }
    });
  }
}

TEST_CASE("the schema's defaults are the settings' own", "[config][schema]") {
  const auto& schema = schema_document();
  auto defaults_of = [&](const json& node) {
    json defaults = json::object();
    for (const auto& [key, property] : node["properties"].items())
      if (property.contains("default"))
        defaults[key] = property["default"];
    return defaults;
  };
  const auto& definitions = schema["definitions"];
  for (auto section : {"discovery", "control", "limits", "real_time", "log"}) {
    auto defaults = defaults_of(definitions[section]);
    INFO(section << ": " << defaults.dump());
    CHECK_FALSE(defaults.empty());
    auto result = load_document({{section, defaults}});
    REQUIRE(result);
    CHECK(result.settings() == settings{});
  }
  auto sound = defaults_of(definitions["sound_system"]);
  sound["export"] = defaults_of(definitions["sound_system"]["properties"]["export"]);
  auto local = load_document({{"local", {{"alsa", sound}, {"jack", sound}}}});
  REQUIRE(local);
  CHECK(local.settings() == settings{});
  auto offered = defaults_of(definitions["session"]);
  offered["invitations"] = defaults_of(definitions["invitations"]);
  auto session = load_document({{"sessions", {offered}}});
  REQUIRE(session);
  CHECK(session.settings() == settings{});
  auto rule = defaults_of(definitions["rule"]);
  rule.update({{"from", "*"}, {"to", "*"}});
  auto rules = load_document({{"rules", {rule}}});
  REQUIRE(rules);
  auto plain = default_rule();
  plain.name.clear();
  CHECK(rules.settings().rules == std::vector<tutti::config::rule>{plain});
}

TEST_CASE("every property of the schema is described or titled", "[config][schema]") {
  each_place(schema_document(), "", [&](const std::string& place) {
    json::json_pointer pointer(place);
    if (place.find("/examples") != std::string::npos || pointer.parent_pointer().empty() ||
        pointer.parent_pointer().back() != "properties")
      return;
    const auto& property = schema_document()[pointer];
    if (!property.is_object() || property.contains("$ref"))
      return;
    INFO(place);
    // Small whole numbers whose key says all, such as "controller", may go without.
    CHECK((property.contains("title") || property.contains("description") ||
           property.value("maximum", 0) == 127 || property.value("maximum", 0) == 16 ||
           pointer.back() == "transpose"));
  });
}
