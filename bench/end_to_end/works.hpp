// The works that the hub is measured at, one function each, and the list of them.
// Decides: peers, traffic, length and targets of each.
// Leaves: how to play (flood, latency), what a session is (contender), printing (report).
// Thread: one.
#pragma once

#include "bench/end_to_end/contender.hpp"
#include "bench/end_to_end/report.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tutti::bench {

struct work {
  std::string name; ///< as on the command line
  std::string what; ///< as in the table
  std::function<void(const settings&, work_report&)> measure;
  bool with_relay = true; ///< else it is about sessions, which the relay does not have
};

/// All works in the order of the table.
std::vector<work> all_works();

/// Paced messages between two peers: percentiles of one-way time.
void measure_latency(kind hub, const settings& settings, work_report& report);

/// One source, `listeners` listeners, as fast as it goes.
struct flood_targets {
  double rate;               ///< of the relay's, at least
  std::optional<double> cpu; ///< of the relay's, at most
};
void measure_flood(std::size_t listeners, std::size_t messages_per_packet, flood_targets targets,
                   const settings& settings, work_report& report);

/// `peers` peers invite at once; at once and after `settings.alive` all of them must hear a melody.
void measure_joining(std::size_t peers, double connected_ms, double in_sync_ms,
                     const settings& settings, work_report& report);

/// Resident memory with 2 peers and what each of 998 more adds.
void measure_memory(const settings& settings, work_report& report);

/// CPU and wake-ups with 100 peers that play nothing.
void measure_idle(const settings& settings, work_report& report);

} // namespace tutti::bench
