// Faults on demand, between the hub and the system: preloaded into the hub by the chaos lane.
//
// TUTTI_FAULTS names a file of 64 octets that the lane writes while the hub runs:
//   int32 send_errno, send_permille      sendmmsg and sendto fail with this, so often
//   int32 receive_errno, receive_permille
//   int32 write_errno                    write and fsync on regular files fail with this; 0: not
//   int32 close_udp                      when it changes, every UDP socket is closed
//   int64 clock_step                     nanoseconds that the real-time clock is off
//   int32 end_actor                      when it changes, the next actor of this name ends with an
//   char[28] actor                       error, as if its handler had thrown
// Decides: nothing; without the file it does nothing. Thread: any.
#include <caf/scheduled_actor.hpp>
#include <caf/sec.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

struct orders {
  std::atomic<std::int32_t> send_errno, send_permille;
  std::atomic<std::int32_t> receive_errno, receive_permille;
  std::atomic<std::int32_t> write_errno, close_udp;
  std::atomic<std::int64_t> clock_step;
  std::atomic<std::int32_t> end_actor;
  char actor[28];
};
static_assert(sizeof(orders) == 64);

orders* map_orders() {
  auto name = std::getenv("TUTTI_FAULTS");
  auto fd = name ? ::open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return nullptr;
  auto mapped = ::mmap(nullptr, sizeof(orders), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return mapped == MAP_FAILED ? nullptr : static_cast<orders*>(mapped);
}

const orders* current() {
  static const orders* mapped = map_orders();
  return mapped;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool strikes(std::int32_t permille) {
  static thread_local std::uint32_t luck = 1;
  luck = luck * 1664525u + 1013904223u;
  return static_cast<std::int32_t>((luck >> 8) % 1000) < permille;
}

bool fails_to_send() {
  auto now = current();
  if (!now || !strikes(now->send_permille))
    return false;
  errno = now->send_errno;
  return true;
}

bool is_regular_file(int fd) {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

bool fails_to_write(int fd) {
  auto now = current();
  if (!now || now->write_errno == 0 || !is_regular_file(fd))
    return false;
  errno = now->write_errno;
  return true;
}

// Pulls the sockets away, as no well-behaved program would.
void close_sockets_if_told() {
  auto now = current();
  static std::int32_t done = now ? now->close_udp.load() : 0;
  if (!now || now->close_udp == done)
    return;
  done = now->close_udp;
  for (int fd = 3; fd < 1024; ++fd) {
    int type = 0;
    socklen_t size = sizeof type;
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0 &&
        (bound.ss_family == AF_INET || bound.ss_family == AF_INET6))
      ::close(fd);
  }
}

// Actors run on the loop's thread, and one on a thread of its own.
bool is_to_end(const char* name) {
  auto now = current();
  static std::atomic<std::int32_t> done = now ? now->end_actor.load() : 0;
  auto order = now ? now->end_actor.load() : 0;
  auto before = done.load();
  return before != order && std::strncmp(now->actor, name, sizeof now->actor) == 0 &&
         done.compare_exchange_strong(before, order);
}

} // namespace

// CAF calls this for every message of an actor, through its table of symbols.
caf::scheduled_actor::activation_result
caf::scheduled_actor::reactivate(caf::mailbox_element& message) {
  using function = activation_result(scheduled_actor*, mailbox_element&);
  static auto call = real<function>("_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE");
  if (is_to_end(name()))
    quit(caf::make_error(caf::sec::runtime_error));
  return call(this, message);
}

extern "C" {

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  static auto call = real<int(int, mmsghdr*, unsigned, int)>("sendmmsg");
  close_sockets_if_told();
  return fails_to_send() ? -1 : call(fd, messages, count, flags);
}

ssize_t sendto(int fd, const void* octets, size_t size, int flags, const sockaddr* to,
               socklen_t length) {
  static auto call =
      real<ssize_t(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  return fails_to_send() ? -1 : call(fd, octets, size, flags, to, length);
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* patience) {
  static auto call = real<int(int, mmsghdr*, unsigned, int, timespec*)>("recvmmsg");
  auto now = current();
  if (now && strikes(now->receive_permille)) {
    errno = now->receive_errno;
    return -1;
  }
  return call(fd, messages, count, flags, patience);
}

ssize_t write(int fd, const void* octets, size_t size) {
  static auto call = real<ssize_t(int, const void*, size_t)>("write");
  return fails_to_write(fd) ? -1 : call(fd, octets, size);
}

int fsync(int fd) {
  static auto call = real<int(int)>("fsync");
  return fails_to_write(fd) ? -1 : call(fd);
}

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static auto call = real<int(clockid_t, timespec*)>("clock_gettime");
  auto result = call(clock, out);
  auto now = current();
  if (result == 0 && now && clock == CLOCK_REALTIME) {
    auto nanoseconds = std::int64_t(out->tv_sec) * 1'000'000'000 + out->tv_nsec + now->clock_step;
    out->tv_sec = nanoseconds / 1'000'000'000;
    out->tv_nsec = nanoseconds % 1'000'000'000;
  }
  return result;
}

} // extern "C"
