// How much a program's queue at the ALSA sequencer still takes.
// Decides: how the kernel is asked; alsa-lib asks for its own client only, and its header and the
// kernel's cannot be included together.
// Spec: the kernel's sound/asequencer.h. Thread: any.
#pragma once

namespace tutti::io {

/// Cells that are free in the queue of this client, a program, as the sequencer behind this file
/// tells. When it overflows, the kernel empties it altogether. INT_MAX if it is empty, so that the
/// smallest queue takes something, and if there is no such client.
int alsa_free_cells(int sequencer, int client) noexcept;

} // namespace tutti::io
