// Rules as tests write them: the JSON that users write, read by the program's own reader.
#pragma once

#include "config/read_rule.hpp"

#include <stdexcept>
#include <string>

namespace tutti::test {

/// A rule from JSON with single quotes for double ones; from and to default to everything.
inline config::rule rule(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  auto document = nlohmann::json::parse(text);
  for (auto key : {"from", "to"})
    if (!document.contains(key))
      document[key] = "*";
  config::mistakes found;
  auto result = config::load_rule(document, "", found);
  if (!result)
    throw std::invalid_argument(found.at(0).sentence());
  return *result;
}

inline config::filter filter(const std::string& text) {
  return rule("{'filter': " + text + "}").filter;
}

/// One transform, or a list of them.
inline std::vector<config::transform> transforms(const std::string& text) {
  return rule("{'transforms': " + (text.front() == '[' ? text : "[" + text + "]") + "}").transforms;
}

} // namespace tutti::test
