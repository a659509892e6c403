#include "config/load.hpp"

#include "config/json_reader.hpp"
#include "config/parse.hpp"
#include "config/read_settings.hpp"
#include "config/validate.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace tutti::config {

loaded load_text(std::string_view text) {
  mistakes found;
  auto document = parse_json(text, found);
  return document ? load_document(*document) : loaded(std::move(found));
}

loaded load_document(const nlohmann::json& document) {
  mistakes found;
  validate(document, "", "", found);
  if (!document.is_object())
    return found;
  auto result = read_settings(json_reader(document, "", found));
  if (found.empty())
    return result;
  std::stable_sort(found.begin(), found.end(),
                   [](const mistake& a, const mistake& b) { return a.path < b.path; });
  if (found.size() > max_reported_mistakes)
    found.resize(max_reported_mistakes);
  return found;
}

std::optional<nlohmann::json> read_document(const std::filesystem::path& file, mistakes& found) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad()) {
    found.push_back({"", "no readable file \"" + file.string() + "\"", "a JSON file"});
    return std::nullopt;
  }
  return parse_json(text, found);
}

loaded load_file(const std::filesystem::path& file) {
  mistakes found;
  auto document = read_document(file, found);
  return document ? load_document(*document) : loaded(std::move(found));
}

} // namespace tutti::config
