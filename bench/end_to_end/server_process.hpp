// A server under test: started on a core of its own, paused, resumed, asked what it used, ended.
// Decides: how its figures are read (process CPU clock in ns, VmRSS, voluntary context switches).
// Leaves: what to run and when (the measurements).
// Thread: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tutti::bench {

class server_process {
public:
  /// Starts `command` on `core` (-1: any) and waits until it says where it listens: a line with
  /// "listening on udp ADDRESS:PORT". Throws std::runtime_error, with what it said, if it ends
  /// first or says nothing for ten seconds. What it prints is kept in memory.
  server_process(const std::vector<std::string>& command, int core);
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  /// The first port it listens on.
  std::uint16_t port() const noexcept { return port_; }

  /// Stopped by a signal, so that it cannot disturb another server on its core.
  void pause() const noexcept;
  void resume() const noexcept;

  /// User and system time of all its threads so far.
  std::chrono::nanoseconds cpu_time() const noexcept;
  /// Time so far that its threads had work and waited while other programs had the core.
  std::chrono::nanoseconds waiting_time() const;
  /// Resident memory in octets.
  std::uint64_t resident() const;
  /// Times that any of its threads went to sleep so far: what an idle server should not do often.
  std::uint64_t sleeps() const;

private:
  void await_port();
  std::string output() const;

  pid_t pid_ = -1;
  int output_ = -1;
  std::uint16_t port_ = 0;
};

} // namespace tutti::bench
