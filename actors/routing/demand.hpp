// Which ports the rules ask for by name, whether they are up or not.
// Decides: what counts as asking: a pattern on id or name that says more than "*".
// Leaves: bringing them up (discovery, for rules that connect on demand). Thread: pure functions.
#pragma once

#include "actors/routing/port.hpp"

#include <span>

namespace tutti::routing {

/// True if one of the rules in force names this port, as a source or as a destination.
bool is_named(std::span<const config::rule> rules, const port_description& port);

} // namespace tutti::routing
