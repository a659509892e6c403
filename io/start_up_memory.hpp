// Memory that only the start needed, given back once the hub runs.
// Decides: which pages those are: the program's and its libraries' code and constants, which come
// back from the page cache as they are used, and what the heap has free at its end.
// Leaves: when (cli/serve); locked memory, which stays as it is (real_time).
// Thread: any; nothing is changed that a thread could see.
#pragma once

namespace tutti::io {

void release_start_up_memory() noexcept;

} // namespace tutti::io
