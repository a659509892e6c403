#include "config/run_time_changes.hpp"

namespace tutti::config {
namespace {

using nlohmann::json;

/// The section as the file has it; null if it has none.
json section(const json& file, const std::string& key) {
  return file.is_object() ? file.value(key, json()) : json();
}

} // namespace

run_time_changes::run_time_changes(const json& state) {
  if (!state.is_object())
    return;
  if (auto sections = section(state, "sections"); sections.is_object())
    for (const auto& [key, entry] : sections.items())
      if (entry.is_object() && entry.contains("value") && entry.contains("instead_of"))
        sections_[key] = entry;
  if (auto notes = section(state, "notes"); notes.is_object())
    notes_ = notes;
}

json run_time_changes::to_json() const {
  return {{"sections", sections_}, {"notes", notes_}};
}

void run_time_changes::set(const std::string& key, json value, const json& file) {
  if (value == section(file, key))
    sections_.erase(key);
  else
    sections_[key] = {{"value", std::move(value)}, {"instead_of", section(file, key)}};
}

std::vector<std::string> run_time_changes::changed() const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : sections_.items())
    keys.push_back(key);
  return keys;
}

std::vector<std::string> run_time_changes::merge_into(json& file) {
  std::vector<std::string> outdated;
  if (!file.is_object())
    return outdated;
  for (const auto& [key, entry] : sections_.items())
    if (entry["instead_of"] != section(file, key))
      outdated.push_back(key);
  for (const auto& key : outdated)
    sections_.erase(key);
  for (const auto& [key, entry] : sections_.items())
    if (entry["value"].is_null())
      file.erase(key);
    else
      file[key] = entry["value"];
  return outdated;
}

const json& run_time_changes::note(const std::string& key) const {
  static const json none;
  auto found = notes_.find(key);
  return found == notes_.end() ? none : *found;
}

void run_time_changes::set_note(const std::string& key, json value) {
  if (value.is_null())
    notes_.erase(key);
  else
    notes_[key] = std::move(value);
}

} // namespace tutti::config
