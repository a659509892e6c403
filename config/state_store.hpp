// A JSON document on disk that is whole at any instant, whatever kills the process or the machine.
// Decides: how it is written (temporary file, fsync, rename, fsync of the folder), that one former
// generation is kept, and what happens to a damaged one: set aside, and the former one used.
// Leaves: what the document says (run_time_changes).
// Thread: any, one call at a time. Saving waits for the disk, so it does not belong on the loop.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tutti::config {

/// What was read.
struct stored_state {
  nlohmann::json content = nlohmann::json::object();
  bool found = false;               ///< a whole generation was there
  std::vector<std::string> remarks; ///< sentences for the log about what was damaged
};

class state_store {
public:
  /// `file`, and beside it `file`.previous, `file`.new and `file`.damaged.
  explicit state_store(std::filesystem::path file)
      : file_(std::move(file)) {}

  const std::filesystem::path& file() const noexcept { return file_; }

  /// The newest whole generation; an empty object if there is none. Damaged files are set aside.
  stored_state load() const;

  /// Replaces the document. Nothing on success, else why not; the former one then stands.
  std::optional<std::string> save(const nlohmann::json& content) const;

private:
  std::filesystem::path beside(const char* suffix) const { return file_.string() + suffix; }

  std::filesystem::path file_;
};

} // namespace tutti::config
