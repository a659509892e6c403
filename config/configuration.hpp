// The configuration in force: the operator's file, what was changed while the hub ran, and the
// command line, laid over each other in this order and judged as one document.
// Decides: what is in force; that a change is taken as a whole or not at all; that it is kept.
// Leaves: the file's syntax and sense (load), what lies on disk (state_store), what a changed
// section stands for (run_time_changes), acting on it (supervisor).
// Spec: JSON Patch, RFC 6902. Thread: any, one call at a time; reads and writes files, so it does
// not belong on the loop.
#pragma once

#include "config/load.hpp"
#include "config/run_time_changes.hpp"
#include "config/state_store.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tutti::config {

/// What is in force at one time; never changed once it is made.
struct configuration_in_force {
  /// With `sessions`, `connect`, `rules`, `scenes` spelled out, `scene` while one is active.
  nlohmann::json document;
  /// Differs when anything but the active scene does; the same over restarts.
  std::string revision;
  config::settings settings;
  /// Sections in which the document differs from the file because of changes at run time.
  std::vector<std::string> changed_sections;
};
using configuration_ptr = std::shared_ptr<const configuration_in_force>;

/// What became of a change that was asked for.
struct change_result {
  enum class verdict : std::uint8_t {
    done,
    outdated, ///< asked for another revision, or a "test" of the patch failed
    missing,  ///< the patch speaks of a place that the document lacks
    mistaken, ///< see mistakes
  };
  verdict what = verdict::done;
  config::mistakes mistakes;
  /// Sentences for whoever asked: what was dropped, or could not be kept on disk.
  std::vector<std::string> remarks;
  /// In force now, whatever became of the change.
  configuration_ptr in_force;

  explicit operator bool() const noexcept { return what == verdict::done; }
};

/// Where a configuration comes from.
struct configuration_sources {
  std::filesystem::path file;  ///< empty: the default configuration
  std::filesystem::path state; ///< empty: changes are not kept
  /// Lays what the command line says over a document.
  std::function<void(nlohmann::json&)> command_line;
};

class configuration {
public:
  explicit configuration(configuration_sources sources = {});

  /// The first reading, of file and state. With mistakes in the file nothing is in force yet. If
  /// the changes of before do not go with the file any more, the file alone counts.
  change_result start();
  /// Reads the file again. With mistakes everything stays as it is.
  change_result reload();
  /// Changes the document in force, if it still has this revision (empty: whatever it has).
  change_result edit(const nlohmann::json& patch, const std::string& revision = {});
  /// What edit() would say, without doing it; `document` stands for the whole.
  change_result check(const nlohmann::json& document) const;
  /// This scene is active (empty: none); `missing` if there is no such scene.
  change_result set_scene(const std::string& name);

  /// Things to remember that are no part of the document, e.g. admitted peers; null: nothing.
  nlohmann::json note(const std::string& key) const { return changes_.note(key); }
  change_result set_note(const std::string& key, nlohmann::json value);

  /// Only after start() was done.
  const configuration_ptr& in_force() const noexcept { return in_force_; }

private:
  change_result judge(nlohmann::json document) const;
  void put_in_force(change_result& judged);
  void note_changes(const nlohmann::json& before, const nlohmann::json& after);
  void save(change_result& result) const;
  change_result refusal(change_result::verdict why, mistakes found = {}) const;

  configuration_sources sources_;
  std::optional<state_store> store_;
  nlohmann::json file_ = nlohmann::json::object(); ///< as the operator wrote it
  run_time_changes changes_;
  configuration_ptr in_force_;
};

/// A short text that differs for documents that differ.
std::string revision_of(const nlohmann::json& document);

} // namespace tutti::config
