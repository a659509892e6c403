// `tutti serve`: runs the hub in the foreground until SIGINT or SIGTERM.
// Decides: wiring only. Leaves: everything (actors, io, config). Thread: main.
#pragma once

#include "config/settings.hpp"

#include <chrono>

namespace tutti::cli {

struct serve_options {
  config::settings settings;
  /// Spin this long for the next datagram before sleeping; 0 sleeps at once.
  std::chrono::microseconds busy_poll{0};
  /// The control API's addresses were asked for: that one is taken ends the hub instead of going on
  /// without.
  bool control_demanded = false;
};

/// The process's exit code: 0 after an orderly end, 1 if the hub could not start.
int serve(const serve_options& options);

} // namespace tutti::cli
