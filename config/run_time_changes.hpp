// What was changed while the hub ran: sections of the configuration that stand in for the file's.
// Decides: that a changed section holds as long as the file's own section stays as it was; if the
// operator edits that one, the file counts again.
// Leaves: keeping it on disk (state_store), checking sections (load).
// Thread: values; no shared state.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tutti::config {

class run_time_changes {
public:
  run_time_changes() = default;
  /// From what to_json() gave; anything else is no changes.
  explicit run_time_changes(const nlohmann::json& state);
  nlohmann::json to_json() const;

  /// From now on `value` stands for the section `key` of the file, e.g. "rules"; null: for none.
  /// If that is what the file says, the file counts again.
  void set(const std::string& key, nlohmann::json value, const nlohmann::json& file);
  /// The file counts again.
  void drop_all() { sections_ = nlohmann::json::object(); }
  bool has(const std::string& key) const { return sections_.contains(key); }
  /// Sections of the file that something else stands for.
  std::vector<std::string> changed() const;
  bool empty() const { return sections_.empty() && notes_.empty(); }

  /// Puts the changed sections into the document of the file. Sections that the operator has edited
  /// since are dropped here and named in the answer.
  std::vector<std::string> merge_into(nlohmann::json& file);

  /// Things to remember that are no part of the configuration, e.g. approved invitations.
  const nlohmann::json& note(const std::string& key) const;
  void set_note(const std::string& key, nlohmann::json value);

private:
  nlohmann::json sections_ = nlohmann::json::object(); ///< key: {"value", "instead_of"}
  nlohmann::json notes_ = nlohmann::json::object();
};

} // namespace tutti::config
