// Client commands about routes, rules, scenes and the configuration.
// Decides: what `connect` and `disconnect` mean as rules. Leaves: rules themselves (the hub).
// Thread: main.
#pragma once

#include <CLI/CLI.hpp>

namespace tutti::cli {

void add_rule_commands(CLI::App& app, int& result);

} // namespace tutti::cli
