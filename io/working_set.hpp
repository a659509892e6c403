// How much memory the process keeps: what only the start needed is given back, and large blocks
// when they are freed. Decides: which pages. Leaves: when the start is over (cli/serve).
// Spec: madvise(2), dl_iterate_phdr(3), mallopt(3). Thread: any.
#pragma once

#include <cstddef>

namespace tutti::io {

/// To be called first: blocks of 128 KiB and more go back to the system as they are freed, so that
/// an answer of megabytes leaves no hole in the heap.
void keep_heap_flat() noexcept;

/// Unmaps the code and constants of the program and its libraries; those that are used again come
/// back from the system's cache of files, in a few µs each. Reading settings, announcing services
/// and opening sound systems takes megabytes that a running hub never looks at again. Also gives
/// the heap's free pages back. Does nothing for memory that is locked. One part with each call,
/// from 0 on, as the whole is long for one turn; false if there was no such part.
bool release_start_pages(std::size_t part) noexcept;

} // namespace tutti::io
