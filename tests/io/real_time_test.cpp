// What is granted holds, and what is not is told in a sentence with a way out.
#include "io/real_time.hpp"
#include "io/udp_socket.hpp"

#include <catch2/catch.hpp>

#include <thread>

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace tutti::io;

namespace {

/// Runs `use` in a thread of its own without any privilege; the process keeps its.
template <class Use>
void without_privileges(Use use) {
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    REQUIRE(::syscall(SYS_capset, &header, none) == 0);
    use();
  }).join();
}

rlim_t hard_limit(decltype(RLIMIT_NOFILE) resource) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  return limit.rlim_max;
}

int mark_on(const udp_socket& socket, int level, int option) {
  // The descriptor is private, so it is found by its local address.
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0 &&
        (bound.ss_family == AF_INET || bound.ss_family == AF_INET6) &&
        from_socket_address(reinterpret_cast<sockaddr*>(&bound)) == socket.local()) {
      int value = -1;
      size = sizeof value;
      ::getsockopt(fd, level, option, &value, &size);
      return value;
    }
  }
  return -2;
}

} // namespace

TEST_CASE("nothing is asked of the system that nobody wants", "[io][real_time]") {
  CHECK(enter_real_time({}).empty());
}

TEST_CASE("a priority is granted to this thread alone, or the log says what it takes",
          "[io][real_time]") {
  std::thread([] {
    auto told = enter_real_time({5, false});
    REQUIRE(told.size() == 1);
    INFO(told[0].text);
    sched_param parameters{};
    ::sched_getparam(0, &parameters);
    if (told[0].level == severity::info) {
      CHECK((::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO);
      CHECK(parameters.sched_priority == 5);
      std::thread([] { CHECK(::sched_getscheduler(0) == SCHED_OTHER); }).join();
    } else {
      CHECK(told[0].text.find("LimitRTPRIO=5") != std::string::npos);
    }
  }).join();
  CHECK(::sched_getscheduler(0) == SCHED_OTHER);
}

TEST_CASE("without the privilege the hub runs without, and says so", "[io][real_time]") {
  if (hard_limit(RLIMIT_RTPRIO) > 0 || hard_limit(RLIMIT_MEMLOCK) == RLIM_INFINITY)
    return; // everybody may, here
  without_privileges([] {
    auto told = enter_real_time({50, true});
    REQUIRE(told.size() == 2);
    CHECK(told[0].level == severity::warning);
    CHECK(told[0].text.find("LimitMEMLOCK=infinity") != std::string::npos);
    CHECK(told[1].level == severity::warning);
    CHECK(told[1].text.find("LimitRTPRIO=50") != std::string::npos);
    CHECK(::sched_getscheduler(0) == SCHED_OTHER);
  });
}

TEST_CASE("MIDI sockets are marked for expedited forwarding in both families", "[io][real_time]") {
  event_loop loop;
  udp_socket both(loop, *parse_address("::", 0));
  CHECK(mark_on(both, IPPROTO_IP, IP_TOS) == 46 << 2);
  if (!both.local().is_v4())
    CHECK(mark_on(both, IPPROTO_IPV6, IPV6_TCLASS) == 46 << 2);
  udp_options plain;
  plain.dscp = 0;
  udp_socket unmarked(loop, *parse_address("127.0.0.1", 0), plain);
  CHECK(mark_on(unmarked, IPPROTO_IP, IP_TOS) == 0);
}
