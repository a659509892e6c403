// Counts heap allocations in the benchmark programs.
// Decides: operator new is replaced for the whole program (allocations.cpp).
// Leaves: time (Google Benchmark).
// Thread: the count is of the calling thread.
#pragma once

#include <benchmark/benchmark.h>
#include <cstdint>

namespace tutti::bench {

/// Calls of operator new by this thread so far.
std::uint64_t allocation_count() noexcept;

/// Runs the benchmark's loop over `body`, which handles `messages` messages, and reports besides
/// its time the heap allocations per message as "allocs", and messages per second if there are
/// several.
///
///     run_counted(state, 1, [&] { benchmark::DoNotOptimize(decode(bytes)); });
template <class Body>
void run_counted(benchmark::State& state, std::size_t messages, Body body) {
  auto start = allocation_count();
  for (auto _ : state)
    body();
  auto count = static_cast<double>(allocation_count() - start);
  state.counters["allocs"] =
      benchmark::Counter(count / static_cast<double>(messages), benchmark::Counter::kAvgIterations);
  if (messages > 1)
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(messages));
}

} // namespace tutti::bench
