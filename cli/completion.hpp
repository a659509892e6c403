// Completions for shells, made from the commands and options that there are.
// Decides: commands, options and fixed words are completed; ids of ports are asked of a hub that
// runs. Leaves: the commands themselves. Thread: pure functions.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace tutti::cli {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

} // namespace tutti::cli
