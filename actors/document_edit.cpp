#include "actors/document_edit.hpp"

#include "config/configuration.hpp"

#include <charconv>

namespace tutti {

using nlohmann::json;

namespace {

const json& list_in(const json& document, const std::string& section) {
  static const json none = json::array();
  auto found = document.find(section);
  return found == document.end() || !found->is_array() ? none : *found;
}

json operation(const char* what, std::string path) {
  return {{"op", what}, {"path", std::move(path)}};
}

json operation(const char* what, std::string path, json value) {
  auto out = operation(what, std::move(path));
  out["value"] = std::move(value);
  return out;
}

} // namespace

document_list::document_list(const json& document, std::string_view section)
    : section_(section)
    , items_(&list_in(document, section_)) {
}

std::string document_list::id_of(std::size_t index) const {
  const auto& item = items()[index];
  auto name = item.find("name");
  if (name != item.end() && name->is_string() && !name->get_ref<const std::string&>().empty())
    return name->get<std::string>();
  return '#' + std::to_string(index + 1);
}

std::optional<std::size_t> document_list::find(std::string_view id) const {
  for (std::size_t i = 0; i < items().size(); ++i)
    if (id_of(i) == id)
      return i;
  return std::nullopt;
}

std::string document_list::tag() const {
  return config::revision_of(items());
}

std::string document_list::tag(std::size_t index) const {
  return config::revision_of(items()[index]);
}

std::string document_list::path(std::size_t index) const {
  return '/' + section_ + '/' + std::to_string(index);
}

json document_list::test(std::size_t index) const {
  return operation("test", path(index), items()[index]);
}

json document_list::insertion(json item, std::optional<std::size_t> before) const {
  auto where = before ? path(*before) : '/' + section_ + "/-";
  auto add = operation("add", std::move(where), std::move(item));
  return before ? json::array({test(*before), add}) : json::array({add});
}

json document_list::replacement(std::size_t index, json item) const {
  return json::array({test(index), operation("replace", path(index), std::move(item))});
}

json document_list::removal(std::size_t index) const {
  return json::array({test(index), operation("remove", path(index))});
}

json document_list::move(std::size_t index, std::size_t to) const {
  return json::array({operation("test", '/' + section_, items()), operation("remove", path(index)),
                      operation("add", path(to), items()[index])});
}

json document_list::replacement_of_all(json items_wanted, bool guarded) const {
  auto out = json::array();
  if (guarded)
    out.push_back(operation("test", '/' + section_, items()));
  out.push_back(operation("replace", '/' + section_, std::move(items_wanted)));
  return out;
}

config::mistakes seen_from(const std::string& path, config::mistakes found) {
  for (auto& one : found)
    if (one.path.starts_with(path) &&
        (one.path.size() == path.size() || one.path[path.size()] == '/'))
      one.path.erase(0, path.size());
  return found;
}

// Weak tags never match here, and ours are strong.
bool matches_tag(std::string_view header, std::string_view tag) {
  while (!header.empty()) {
    auto comma = header.find(',');
    auto one = header.substr(0, comma);
    while (one.starts_with(' ') || one.starts_with('\t'))
      one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t'))
      one.remove_suffix(1);
    if (one == "*")
      return true;
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"' &&
        one.substr(1, one.size() - 2) == tag)
      return true;
    if (comma == header.npos)
      break;
    header.remove_prefix(comma + 1);
  }
  return false;
}

} // namespace tutti
