// How much memory the process keeps in hand.
// Decides: that large blocks go back to the system as they are freed, and which pages only the
// start needed: the program's and its libraries' code and constants, which come back from the page
// cache as they are used.
// Leaves: when (cli/serve); locked memory, which stays as it is (real_time).
// Thread: any; nothing is changed that a thread could see.
#pragma once

namespace tutti::io {

/// To be called first: from now on an answer of megabytes leaves no hole in the heap.
void keep_memory_flat() noexcept;

/// To be called when the hub runs.
void release_start_up_memory() noexcept;

} // namespace tutti::io
