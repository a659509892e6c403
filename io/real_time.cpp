#include "io/real_time.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tutti::io {

namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

bool has_capability(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0)
    return false;
  return (data[number / 32].effective >> (number % 32) & 1) != 0;
}

/// The limit, raised as far as it goes without a privilege.
rlim_t raised_limit(decltype(RLIMIT_NOFILE) resource) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(resource, &limit);
  return limit.rlim_max;
}

notice ask_priority(int priority) {
  auto limit = raised_limit(RLIMIT_RTPRIO);
  sched_param parameters{};
  parameters.sched_priority = priority;
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0)
    return {severity::info, fmt::format("the loop thread runs with real-time priority {} "
                                        "(SCHED_FIFO)",
                                        priority)};
  return {
      severity::warning,
      fmt::format("real-time priority {} is not permitted ({}), the hub runs without: the limit "
                  "RTPRIO is {}; systemd raises it by LimitRTPRIO={}, a container by --ulimit "
                  "rtprio={}",
                  priority, reason(errno), limit, priority, priority)};
}

// Locking everything from now on makes allocations fail at the limit, so with a limit it is not
// even tried. On fault: memory that is only reserved, such as thread stacks, takes no pages.
notice ask_locked_memory() {
  auto limit = raised_limit(RLIMIT_MEMLOCK);
  if (limit != RLIM_INFINITY && !has_capability(CAP_IPC_LOCK))
    return {
        severity::warning,
        fmt::format("locking memory is not permitted, the hub runs without: the limit MEMLOCK is "
                    "{} KiB; systemd raises it by LimitMEMLOCK=infinity, a container by "
                    "--ulimit memlock=-1",
                    limit / 1024)};
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
    return {severity::info, "memory is locked"};
  return {severity::warning,
          fmt::format("memory could not be locked ({}), the hub runs without", reason(errno))};
}

} // namespace

std::vector<notice> enter_real_time(const real_time_request& wanted) {
  std::vector<notice> told;
  if (wanted.lock_memory)
    told.push_back(ask_locked_memory());
  if (wanted.priority > 0)
    told.push_back(ask_priority(wanted.priority));
  return told;
}

// A socket that takes both families has a mark for each. The mark also sets the queueing priority
// within this machine. The low two bits, for congestion notification, stay 0.
void mark_packets(int fd, int dscp) noexcept {
  int octet = dscp << 2;
  ::setsockopt(fd, IPPROTO_IP, IP_TOS, &octet, sizeof octet);
  ::setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &octet, sizeof octet);
}

} // namespace tutti::io
