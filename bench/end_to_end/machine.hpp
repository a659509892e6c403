// The machine the figures belong to: what it is, which cores are used, and who else was busy on it.
// Thread: one.
#pragma once

#include <chrono>
#include <string>

namespace tutti::bench {

struct core_choice {
  int server = -1; ///< -1: not pinned, there is one core only
  int generator = -1;
};

/// The last allowed core for the servers, the first for the generator.
core_choice choose_cores();

/// Pins the calling thread and what it starts.
void pin_to_core(int core) noexcept;

/// Raises the soft limit of open files to the hard one; a peer needs two.
void raise_file_limit() noexcept;

/// CPU model, cores, kernel and date in one line.
std::string describe_machine();

/// Looks at the whole machine's CPU from its making on.
class load_watch {
public:
  load_watch();
  /// Shares of all cores, 0 to 1, since the making: taken by other programs, and by the host
  /// of a virtual machine ("steal"). Servers are to be ended before, so that they count as ours.
  struct shares {
    double others = 0;
    double stolen = 0;
  };
  shares now() const;

private:
  struct sums {
    double busy = 0, stolen = 0, all = 0, ours = 0; ///< seconds
  };
  static sums read();

  sums start_;
};

} // namespace tutti::bench
