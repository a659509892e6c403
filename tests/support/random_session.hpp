// Random sessions for journal_simulation: a network, a performance, and the end of all troubles.
#pragma once

#include "tests/support/journal_simulation.hpp"
#include "tests/support/random_performance.hpp"

namespace tutti::test {

inline simulation_options random_options(random_performance& random, std::uint64_t seed) {
  static constexpr std::array<double, 5> losses = {0, 0.02, 0.1, 0.2, 0.5};
  simulation_options options;
  options.seed = seed;
  for (auto* way : {&options.forward, &options.back}) {
    way->loss = losses[random.below(losses.size())];
    way->burst = random.chance(0.4) ? 0.01 : 0;
    way->duplication = random.chance(0.4) ? 0.05 : 0;
    way->jitter = random.chance(0.5) ? 0ms : std::chrono::milliseconds(random.below(30));
  }
  return options;
}

/// Packets at random times for a while.
inline void perform(journal_simulation& simulation, random_performance& random, hub_time until,
                    const std::function<void()>& watch = {}) {
  auto hurry = random.chance(0.5);
  while (simulation.now() < until) {
    simulation.send(random.next_packet());
    auto pause = random.chance(0.02) ? 100 + random.below(400) : random.below(hurry ? 5 : 40);
    simulation.run(simulation.now() + std::chrono::milliseconds(pause), watch);
  }
}

inline void heal(journal_simulation& simulation) {
  simulation.options().forward = {};
  simulation.options().back = {};
  auto interval = protocol::guard_policy::last_interval + 50ms;
  simulation.run(simulation.now() + interval);
}

} // namespace tutti::test
