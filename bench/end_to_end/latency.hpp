// How long one message takes from the source's send to the listener's receive.
// Decides: paced messages on a fixed schedule, whether or not the ones before have come; both
// ends in this one process, so one clock tells the time.
// Leaves: percentiles and comparing (works).
// Thread: one.
#pragma once

#include "bench/end_to_end/contender.hpp"

#include <vector>

namespace tutti::bench {

/// One-way times in microseconds.
struct one_way_times {
  std::vector<double> heard; ///< until the listener has it
  std::vector<double> sent;  ///< until the server's datagram is on its way, as the system notes it
};

/// Plays single messages, one each `interval`, for `length`, and appends the time of each to
/// `taken`. `spin`: poll for packets rather than sleep until one comes.
void play_paced(contender& one, std::chrono::nanoseconds interval, std::chrono::nanoseconds length,
                bool spin, one_way_times& taken);

} // namespace tutti::bench
