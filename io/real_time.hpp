// What the hub asks of the system for steady timing: a real-time priority for the loop thread,
// memory that is never paged out, and the mark that makes a network prefer its packets. Decides:
// what is asked, and the sentence that tells whether it was granted and, if not, what would permit
// it. Leaves: whether it is wanted (settings). Nothing here is fatal. Spec: sched(7), mlockall(2),
// RFC 2474 and RFC 3246 (DSCP, Expedited Forwarding). Thread: the priority is the calling thread's;
// threads that it starts later do not inherit it.
#pragma once

#include "io/notice.hpp"

#include <vector>

namespace tutti::io {

struct real_time_request {
  int priority = 0;         ///< SCHED_FIFO, 1 to 99; 0: stay with the ordinary scheduler
  bool lock_memory = false; ///< pages stay in memory once they were touched
};

/// Asks for what is wanted. Gives one notice for each thing: granted (info), or not (warning).
std::vector<notice> enter_real_time(const real_time_request& wanted);

/// Marks all packets that leave by this IPv4 or IPv6 socket with a DSCP of 0 to 63. Best effort: a
/// system that refuses sends them unmarked.
void mark_packets(int fd, int dscp) noexcept;

} // namespace tutti::io
