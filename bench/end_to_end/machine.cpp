// See machine.hpp.
#include "bench/end_to_end/machine.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace tutti::bench {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(line.find(": ") + 2);
  return "unknown CPU";
}

} // namespace

core_choice choose_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  core_choice choice;
  if (CPU_COUNT(&allowed) < 2)
    return choice;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed))
      continue;
    if (choice.generator < 0)
      choice.generator = core;
    choice.server = core;
  }
  return choice;
}

void pin_to_core(int core) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void raise_file_limit() noexcept {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string describe_machine() {
  utsname system{};
  uname(&system);
  auto now = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", std::gmtime(&now));
  std::ostringstream out;
  out << cpu_model() << ", " << std::thread::hardware_concurrency() << " cores, " << system.sysname
      << ' ' << system.release << ", " << date;
  return out.str();
}

load_watch::load_watch()
    : start_(read()) {
}

load_watch::shares load_watch::now() const {
  auto end = read();
  auto all = std::max(end.all - start_.all, 1e-9);
  auto others = (end.busy - start_.busy) - (end.ours - start_.ours);
  return {std::clamp(others / all, 0.0, 1.0), (end.stolen - start_.stolen) / all};
}

load_watch::sums load_watch::read() {
  std::ifstream file("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
  file >> name >> user >> nice >> system >> idle >> wait >> irq >> softirq >> steal;
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  sums sum;
  sum.busy = (user + nice + system + irq + softirq) / ticks;
  sum.stolen = steal / ticks;
  sum.all = sum.busy + sum.stolen + (idle + wait) / ticks;
  sum.ours = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
  return sum;
}

} // namespace tutti::bench
