// The client commands: each asks the running hub one thing.
// Decides: their names, arguments and what they print. Leaves: the API (actors/control).
// Thread: main.
#pragma once

#include <CLI/CLI.hpp>

namespace tutti::cli {

/// Adds every command; the one that is called sets `result` to its exit code.
void add_client_commands(CLI::App& app, int& result);

} // namespace tutti::cli
