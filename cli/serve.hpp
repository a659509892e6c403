// `tutti serve`: runs the hub in the foreground until SIGINT or SIGTERM; SIGHUP reads the
// configuration again.
// Decides: wiring only. Leaves: everything (actors, io, config). Thread: main.
#pragma once

#include "config/configuration.hpp"

#include <chrono>
#include <memory>

namespace tutti::cli {

struct serve_options {
  std::shared_ptr<config::configuration> configuration; ///< started
  /// Spin this long for the next datagram before sleeping; 0 sleeps at once.
  std::chrono::microseconds busy_poll{0};
};

/// The process's exit code: 0 after an orderly end, 1 if the hub could not start.
int serve(const serve_options& options);

} // namespace tutti::cli
