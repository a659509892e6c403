// Clients of the control API, in a process of their own: readers at a steady pace, event streams
// that are read and thrown away.
// Decides: the mix of requests. Leaves: what it costs the hub (control.cpp).
// Thread: one of its own process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tutti::bench {

struct api_load {
  std::uint16_t port = 0;           ///< of the API on 127.0.0.1
  unsigned requests_per_second = 0; ///< spread over `connections`
  std::size_t connections = 8;
  std::vector<std::string> streams; ///< query of each event stream, such as "?topics=ports"
};

/// What the clients were answered so far; in memory that both processes see.
struct load_counters {
  std::uint64_t answers = 0;
  std::uint64_t failures = 0; ///< other answers than 200
  std::uint64_t octets = 0;   ///< of events
};

/// The clients; paused at first, ended with this.
class load_process {
public:
  explicit load_process(const api_load& load);
  ~load_process();
  load_process(const load_process&) = delete;
  load_process& operator=(const load_process&) = delete;

  void pause() const noexcept;
  void resume() const noexcept;
  load_counters counters() const noexcept;

private:
  pid_t pid_ = -1;
  volatile load_counters* shared_ = nullptr;
};

} // namespace tutti::bench
