// What the client commands share: how the hub is reached, what a failure means for scripts.
// Decides: options, environment variables, exit codes. Leaves: each command (commands, monitor).
// Thread: main.
#pragma once

#include "io/http_client.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <string>

namespace tutti::cli {

/// Keeps the order of keys, for people who read it.
using json = nlohmann::ordered_json;

/// For scripts; `tutti --help` tells them.
enum exit_code : int {
  done = 0,
  refused = 1,     ///< the hub said no
  wrong_use = 2,   ///< arguments or configuration
  unreachable = 3, ///< no hub answers
  forbidden = 4,   ///< a token is missing or does not suffice
  not_found = 5,   ///< no such port, peer, rule ...
};

/// Ends the command with a sentence on stderr.
struct failure {
  int code;
  std::string sentence;
};

struct client_options {
  std::string url = "http://127.0.0.1:8504";
  std::string token;
  std::string token_file;
  std::string authorities;
  bool as_json = false;
  bool no_color = false;
};

/// Adds --url, --token, --token-file, --ca, --json and --no-color, with their variables.
void add_client_options(CLI::App& command, client_options& options);

class client {
public:
  explicit client(const client_options& options);

  /// The answer's JSON (null if it has no body); throws `failure` for anything but success.
  json ask(const char* method, const std::string& path, const json& body = {});
  json get(const std::string& path) { return ask("GET", path); }
  /// The items of all pages of a list.
  json list(const std::string& path);
  /// The entity tag of the last answer.
  const std::string& etag() const noexcept { return etag_; }
  /// The next ask() is made only if this is still the entity tag.
  void if_match(std::string tag) { if_match_ = std::move(tag); }
  /// Calls `use(event)` until it returns false or the hub ends.
  void listen(const std::string& path, const std::function<bool(const json&)>& use);

private:
  [[noreturn]] void fail(const io::http_reply& reply) const;

  io::http_client http_;
  std::string etag_;
  std::string if_match_;
};

/// Calls `run`, tells a failure on stderr; the process's exit code.
int run_command(const std::function<void()>& run);

/// "rtp/Studio/Anna" as a segment of a path.
std::string segment(const std::string& id);

/// Colours are wanted: a terminal, NO_COLOR is not set, TERM is not dumb.
bool use_color(const client_options& options);

} // namespace tutti::cli
