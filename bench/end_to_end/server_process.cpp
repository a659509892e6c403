// See server_process.hpp.
#include "bench/end_to_end/server_process.hpp"

#include "bench/end_to_end/machine.hpp"

#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto start_limit = 10s;
constexpr auto stop_limit = 3s;

/// The number after `key` in a file of /proc; 0 if there is none.
std::uint64_t proc_number(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key))
      return std::stoull(line.substr(key.size()));
  return 0;
}

/// Calls `visit` with the folder of each thread in /proc.
template <class Visit>
void for_each_thread(pid_t pid, Visit visit) {
  for (auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    visit(thread.path());
}

[[noreturn]] void become(const std::vector<std::string>& command, int core, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 50000); // the usual 50 µs; the generator has set its own lower
  if (core >= 0)
    pin_to_core(core);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  std::vector<char*> arguments;
  for (auto& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  perror(arguments[0]);
  _exit(127);
}

} // namespace

server_process::server_process(const std::vector<std::string>& command, int core) {
  output_ = memfd_create("server output", MFD_CLOEXEC);
  pid_ = fork();
  if (pid_ == 0)
    become(command, core, output_);
  if (pid_ < 0 || output_ < 0)
    throw std::runtime_error("cannot start " + command[0]);
  try {
    await_port();
  } catch (...) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(output_);
    throw;
  }
}

server_process::~server_process() {
  resume();
  kill(pid_, SIGTERM);
  auto limit = std::chrono::steady_clock::now() + stop_limit;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    std::this_thread::sleep_for(1ms);
    if (std::chrono::steady_clock::now() < limit)
      continue;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    break;
  }
  close(output_);
}

void server_process::await_port() {
  auto limit = std::chrono::steady_clock::now() + start_limit;
  for (;;) {
    auto said = output();
    auto line = said.find("listening on udp ");
    auto end = line == said.npos ? line : said.find('\n', line);
    if (end != said.npos) {
      // ADDRESS:PORT, where an IPv6 address has colons too.
      auto word = said.find(' ', line + 17);
      auto colon = said.rfind(':', std::min(word, end));
      port_ = static_cast<std::uint16_t>(std::stoul(said.substr(colon + 1)));
      return;
    }
    siginfo_t ended{};
    waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid != 0)
      throw std::runtime_error("the server ended at once; it said:\n" + said);
    if (std::chrono::steady_clock::now() > limit)
      throw std::runtime_error("the server does not say where it listens; it said:\n" + said);
    std::this_thread::sleep_for(1ms);
  }
}

std::string server_process::output() const {
  std::string text(1 << 16, '\0');
  auto size = pread(output_, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

void server_process::pause() const noexcept {
  kill(pid_, SIGSTOP);
}

void server_process::resume() const noexcept {
  kill(pid_, SIGCONT);
}

std::chrono::nanoseconds server_process::cpu_time() const noexcept {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0)
    return 0ns;
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::chrono::nanoseconds server_process::waiting_time() const {
  std::chrono::nanoseconds sum{};
  for_each_thread(pid_, [&](const std::filesystem::path& thread) {
    std::int64_t running = 0, waiting = 0;
    std::ifstream(thread / "schedstat") >> running >> waiting;
    sum += std::chrono::nanoseconds(waiting);
  });
  return sum;
}

std::uint64_t server_process::resident() const {
  return proc_number("/proc/" + std::to_string(pid_) + "/status", "VmRSS:") * 1024;
}

std::uint64_t server_process::sleeps() const {
  std::uint64_t sum = 0;
  for_each_thread(pid_, [&](const std::filesystem::path& thread) {
    sum += proc_number(thread / "status", "voluntary_ctxt_switches:");
  });
  return sum;
}

} // namespace tutti::bench
