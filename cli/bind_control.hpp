// The control API's server, bound before any actor runs so that mistakes can be told.
// Decides: where tokens come from; what is fatal. Leaves: the API (actors/control). Thread: main.
#pragma once

#include "config/settings.hpp"
#include "io/event_loop.hpp"
#include "io/http_server.hpp"

#include <memory>

namespace tutti::cli {

/// Nothing if it is switched off, or if none of the usual addresses is free. Throws
/// std::system_error for tokens and certificates that cannot be read, and for other addresses that
/// are taken.
std::shared_ptr<io::http_server> bind_control(io::event_loop& loop, const config::control& wanted);

/// The tokens out of their files and variables. Throws std::system_error naming what is missing.
io::http_access read_access(const config::control& wanted);

} // namespace tutti::cli
