// A client command: what it is called, how it reaches a hub, how it prints.
// Decides: that every one of them takes the same options and prints lists the same way.
// Leaves: what it does (commands, rule_commands). Thread: main.
#pragma once

#include "cli/client.hpp"
#include "cli/table.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace tutti::cli {

void print_json(const json& content);

/// Prints the items as JSON, or the table, or a sentence if there are none.
void print_list(const client_options& options, const json& items, const table& rows,
                const char* nothing);

/// A string as it is, nothing for null, else JSON.
std::string text(const json& value);

class command {
public:
  /// `result` becomes the process's exit code.
  command(CLI::App& app, int& result, const char* name, const char* description);

  CLI::App* operator->() const { return app_; }

  /// `act(options)` is called when the command is.
  void does(std::function<void(const client_options&)> act);
  /// The same with a connection to the hub.
  void asks(std::function<void(client&, const client_options&)> act);

private:
  CLI::App* app_;
  std::shared_ptr<client_options> options_;
  int& result_;
};

} // namespace tutti::cli
