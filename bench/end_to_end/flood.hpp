// As many messages as go through without loss.
// Decides: a closed loop. The source keeps a window of packets on the way to its slowest listener,
// large enough that the server never waits, small enough that no socket buffer overflows. So the
// rate is the server's own, and no search for the edge of loss, which is noisy, is needed. Leaves:
// comparing (works). Thread: one.
#pragma once

#include "bench/end_to_end/contender.hpp"

namespace tutti::bench {

struct flood_total {
  std::uint64_t delivered = 0; ///< messages, summed over the listeners
  std::uint64_t packets = 0;   ///< that they came in
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds cpu{};     ///< of the server
  std::chrono::nanoseconds waiting{}; ///< of the server for its core, which others had

  flood_total& operator+=(const flood_total& other) noexcept;
  double messages_per_second() const noexcept;
  double cpu_per_message() const noexcept; ///< ns
  /// Share of the time that the server had work; below 1 the rate is not its own doing.
  double busy() const noexcept;
};

/// Plays for `length`, then waits until all is heard. What is not heard in time is counted as lost
/// by the listeners.
flood_total flood(contender& one, std::size_t messages_per_packet, std::chrono::nanoseconds length);

} // namespace tutti::bench
