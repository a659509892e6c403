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

/// Reports what was allocated between its making and its end as "allocs", per iteration.
///
///     allocation_counter allocs(state);
///     for (auto _ : state)
///       ...
///
/// With several messages an iteration, `per_iteration` makes it allocations per message.
class allocation_counter {
public:
  explicit allocation_counter(benchmark::State& state, double per_iteration = 1) noexcept
      : state_(state)
      , per_iteration_(per_iteration)
      , start_(allocation_count()) {}

  ~allocation_counter() {
    auto count = static_cast<double>(allocation_count() - start_);
    state_.counters["allocs"] =
        benchmark::Counter(count / per_iteration_, benchmark::Counter::kAvgIterations);
  }

  allocation_counter(const allocation_counter&) = delete;
  allocation_counter& operator=(const allocation_counter&) = delete;

private:
  benchmark::State& state_;
  double per_iteration_;
  std::uint64_t start_;
};

} // namespace tutti::bench
