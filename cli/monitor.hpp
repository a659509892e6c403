// `tutti monitor` and `tutti top`: live views of the hub.
// Decides: how they look. Leaves: the facts (the API's event stream). Thread: main.
#pragma once

#include "cli/client.hpp"

#include <string>
#include <vector>

namespace tutti::cli {

struct monitor_options {
  std::vector<std::string> ports; ///< none: whatever comes into the hub
  std::string from, to;           ///< a route instead
  bool events = false;            ///< also what happens to ports, peers, invitations, services
  bool log = false;               ///< also the log
  bool octets = false;            ///< with their octets
  std::size_t count = 0;          ///< end after so many lines; 0: never
};

/// Prints a line per message until it is interrupted.
void run_monitor(const client_options& options, const monitor_options& wanted);

struct top_options {
  int interval_ms = 1000;
  std::size_t count = 0; ///< end after so many tables; 0: never
};

/// A table of peers and ports, drawn anew at each interval.
void run_top(const client_options& options, const top_options& wanted);

} // namespace tutti::cli
