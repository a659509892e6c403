// Gives memory back that only the start needed. Decides: which pages. Leaves: when the start is
// over (cli/serve). Spec: madvise(2), dl_iterate_phdr(3). Thread: any.
#pragma once

namespace tutti::io {

/// Unmaps the code and constants of the program and its libraries; those that are used again come
/// back from the system's cache of files, in a few µs each. Reading settings, announcing services
/// and opening sound systems takes megabytes that a running hub never looks at again. Also gives
/// the heap's free pages back. Does nothing for memory that is locked.
void release_start_pages() noexcept;

} // namespace tutti::io
