// The man pages, made from what the program says of itself, so that they cannot drift.
// Decides: their order and layout. Leaves: the words (the commands' own help, the schema).
// Spec: man(7). Thread: pure functions.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace tutti::cli {

/// tutti(1): every command and option of `app`.
std::string command_manual(const CLI::App& app, const std::string& version);
/// tutti.json(5): every key of the configuration.
std::string configuration_manual(const std::string& version);

/// `tutti manual PAGE` prints one of them; not in the help, as packages call it and nobody else.
void add_manual_command(CLI::App& app, int& result);

} // namespace tutti::cli
