#include "config/state_store.hpp"

#include "config/parse.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace tutti::config {
namespace {

using nlohmann::json;

/// FNV-1a: the file may be torn or rotten, but nobody forges it.
std::string checksum(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (unsigned char c : text)
    sum = (sum ^ c) * 0x100000001b3u;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(sum));
  return hex;
}

/// The content of a file that is whole; else nothing, with the reason in `why`, which stays empty
/// if there is no file.
std::optional<json> read_whole(const std::filesystem::path& file, std::string& why) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return std::nullopt;
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad()) {
    why = "it cannot be read";
    return std::nullopt;
  }
  mistakes found;
  auto document = parse_json(text, found);
  if (!document) {
    why = found.empty() ? "it is no JSON" : found.front().found;
    return std::nullopt;
  }
  bool has_parts =
      document->is_object() && document->contains("content") && document->contains("checksum");
  if (!has_parts || (*document)["checksum"] != checksum((*document)["content"].dump())) {
    why = has_parts ? "its checksum is wrong" : "it is no state file";
    return std::nullopt;
  }
  return std::move((*document)["content"]);
}

/// A file descriptor that closes itself.
class descriptor {
public:
  descriptor(const std::filesystem::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~descriptor() {
    if (number_ >= 0)
      ::close(number_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  bool is_open() const noexcept { return number_ >= 0; }
  bool write(std::string_view text) const {
    while (!text.empty()) {
      auto written = ::write(number_, text.data(), text.size());
      if (written < 0 && errno != EINTR)
        return false;
      if (written > 0)
        text.remove_prefix(std::size_t(written));
    }
    return true;
  }
  bool sync() const { return ::fsync(number_) == 0; }

private:
  int number_;
};

std::string failure(const char* doing, const std::filesystem::path& file) {
  return std::string("Cannot ") + doing + " " + file.string() + ": " + std::strerror(errno) + ".";
}

} // namespace

stored_state state_store::load() const {
  stored_state state;
  for (const auto& file : {file_, beside(".previous")}) {
    std::string why;
    if (auto content = read_whole(file, why)) {
      state.content = std::move(*content);
      state.found = true;
      if (!state.remarks.empty())
        state.remarks.push_back("The former state is used, from " + file.string() + ".");
      return state;
    }
    if (why.empty())
      continue;
    std::error_code error;
    auto aside = beside(".damaged");
    std::filesystem::rename(file, aside, error);
    state.remarks.push_back(
        "The state file " + file.string() + " is damaged (" + why + ") and " +
        (error ? "cannot be set aside: " + error.message() : "was set aside as " + aside.string()) +
        ".");
  }
  if (!state.remarks.empty())
    state.remarks.emplace_back("No former state is left; the configuration file alone counts.");
  return state;
}

std::optional<std::string> state_store::save(const json& content) const {
  auto fresh = beside(".new"), previous = beside(".previous");
  auto text = json{{"$comment", "Changes made while Tutti runs. Written by Tutti; do not edit."},
                   {"checksum", checksum(content.dump())},
                   {"content", content}}
                  .dump(1) +
              "\n";
  {
    descriptor file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open() || !file.write(text) || !file.sync())
      return failure("write", fresh);
  }
  // The old one gets a second name before the new one takes its place, so that at any instant
  // there is a whole file under the first name.
  std::error_code ignored;
  std::filesystem::remove(previous, ignored);
  std::filesystem::create_hard_link(file_, previous, ignored);
  if (std::rename(fresh.c_str(), file_.c_str()) != 0)
    return failure("replace", file_);
  auto folder = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
  descriptor directory(folder, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || !directory.sync())
    return failure("sync the folder", folder);
  return std::nullopt;
}

} // namespace tutti::config
