// What systemd hears: a plain datagram socket stands where its own would be.
#include "io/service_manager.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace tutti::io;
using namespace std::chrono_literals;

namespace {

class notify_socket {
public:
  notify_socket() {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    REQUIRE(fd_ >= 0);
    // In the abstract namespace: '@' stands for the leading zero.
    auto name = "@tutti-test-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, name.size());
    address.sun_path[0] = '\0';
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~notify_socket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(fd_);
  }
  notify_socket(const notify_socket&) = delete;

  /// The oldest message; empty if there is none.
  std::string next() {
    char text[512];
    auto size = ::recv(fd_, text, sizeof text, 0);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
  }

private:
  int fd_ = -1;
};

} // namespace

TEST_CASE("systemd is told when the hub is ready and when it stops", "[io][service_manager]") {
  notify_socket systemd;
  boost::asio::io_context context;
  service_manager manager(context);
  CHECK(manager.watchdog_period() == 0us);
  CHECK(systemd.next().empty());
  manager.ready("Stage on UDP [::]:5004");
  CHECK(systemd.next() == "READY=1\nSTATUS=Stage on UDP [::]:5004");
  manager.reloading();
  CHECK(systemd.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  manager.stopping();
  CHECK(systemd.next().starts_with("STOPPING=1\n"));
}

TEST_CASE("the watchdog is fed three times in its interval, and not while the loop hangs",
          "[io][service_manager]") {
  notify_socket systemd;
  ::setenv("WATCHDOG_USEC", "30000", 1);
  boost::asio::io_context context;
  service_manager manager(context);
  CHECK(manager.watchdog_period() == 10ms);
  CHECK(systemd.next() == "WATCHDOG=1");
  CHECK(systemd.next().empty());
  for (int i = 0; i < 2; ++i) {
    context.run_one();
    CHECK(systemd.next() == "WATCHDOG=1");
  }
  ::usleep(25'000); // a loop that hangs
  CHECK(systemd.next().empty());
}

TEST_CASE("without systemd nothing happens", "[io][service_manager]") {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  boost::asio::io_context context;
  service_manager manager(context);
  manager.ready("here");
  manager.stopping();
  CHECK(context.poll() == 0);
}
