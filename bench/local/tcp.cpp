// TCP to TCP through the hub, beside a bare TCP relay, in turn; and 500 clients at once.
//
//   tcp_latency HUB [SECONDS]      HUB: the program
//
// A source writes a numbered note every 300 µs whether or not the last has arrived; the sink, a
// thread of its own, sleeps until octets come, as clients do. The relay is one thread that reads
// from one socket and writes to the other. Decides: the work. Leaves: starting the hub
// (server_process).
#include "bench/end_to_end/server_process.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto pace = 300us;
constexpr std::size_t numbers = 127 * 127;
constexpr int crowd = 500;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int require(int result, const char* what) {
  if (result < 0)
    throw std::runtime_error(std::string("cannot ") + what);
  return result;
}

/// A listening socket on a free port.
int listen_somewhere(std::uint16_t& port) {
  int fd = require(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket");
  auto address = loopback(0);
  socklen_t size = sizeof address;
  require(bind(fd, reinterpret_cast<sockaddr*>(&address), size), "bind");
  require(listen(fd, 16), "listen");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

int connect_to(std::uint16_t port) {
  for (int i = 0; i < 500; ++i) {
    int fd = require(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket");
    auto address = loopback(port);
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return fd;
    close(fd);
    std::this_thread::sleep_for(10ms);
  }
  throw std::runtime_error("cannot connect");
}

/// The floor: what one client writes, the other gets.
[[noreturn]] void relay(int listening) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::array<pollfd, 2> clients{};
  int one = 1;
  for (auto& client : clients) {
    client = {accept(listening, nullptr, nullptr), POLLIN, 0};
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  std::array<char, 4096> room;
  for (;;) {
    poll(clients.data(), clients.size(), -1);
    for (std::size_t i = 0; i < 2; ++i) {
      if (!clients[i].revents)
        continue;
      auto size = read(clients[i].fd, room.data(), room.size());
      if (size <= 0 || write(clients[1 - i].fd, room.data(), std::size_t(size)) < 0)
        _exit(0);
    }
  }
}

/// A source and a sink at one server.
class pair {
public:
  explicit pair(std::uint16_t port)
      : source_(connect_to(port))
      , sink_(connect_to(port))
      , thread_([this] { hear(); }) {
    std::this_thread::sleep_for(200ms); // both are known to the server
  }
  ~pair() {
    shutdown(sink_, SHUT_RDWR);
    thread_.join();
    close(source_);
    close(sink_);
  }

  /// Plays for so long; what was heard is added to `times`, in µs. How many were not heard.
  std::size_t play(std::chrono::milliseconds time, std::vector<double>& times) {
    std::vector<std::int64_t> sent;
    for (auto& one : heard_)
      one = 0;
    auto due = clock_type::now();
    for (auto end = due + time; due < end && sent.size() < numbers; due += pace) {
      std::this_thread::sleep_until(due);
      auto number = sent.size();
      unsigned char note[3] = {0x90, static_cast<unsigned char>(number / 127),
                               static_cast<unsigned char>(number % 127 + 1)};
      sent.push_back(clock_type::now().time_since_epoch() / 1ns);
      if (write(source_, note, sizeof note) != sizeof note)
        throw std::runtime_error("the server has closed");
    }
    std::this_thread::sleep_for(20ms);
    std::size_t lost = 0;
    for (std::size_t i = 0; i < sent.size(); ++i)
      if (auto at = heard_[i].load())
        times.push_back(double(at - sent[i]) / 1000);
      else
        ++lost;
    return lost;
  }

private:
  void hear() {
    std::array<unsigned char, 4096> room;
    std::size_t kept = 0;
    for (;;) {
      auto size = read(sink_, room.data() + kept, room.size() - kept);
      auto at = clock_type::now().time_since_epoch() / 1ns;
      if (size <= 0)
        return;
      kept += std::size_t(size);
      std::size_t i = 0;
      for (; i + 3 <= kept; i += 3)
        if (std::size_t number = std::size_t(room[i + 1]) * 127 + room[i + 2] - 1; number < numbers)
          heard_[number] = at;
      std::copy(room.begin() + long(i), room.begin() + long(kept), room.begin());
      kept -= i;
    }
  }

  int source_;
  int sink_;
  std::array<std::atomic<std::int64_t>, numbers> heard_{};
  std::thread thread_;
};

double at(std::vector<double>& times, double share) {
  std::sort(times.begin(), times.end());
  return times.empty()
             ? 0
             : times[std::min(times.size() - 1, std::size_t(share * double(times.size())))];
}

/// 500 clients; one plays, and all others must hear it.
void measure_crowd(const tutti::bench::server_process& hub, std::uint16_t port) {
  auto before = hub.resident();
  std::vector<int> clients;
  auto begin = clock_type::now();
  for (int i = 0; i < crowd; ++i)
    clients.push_back(connect_to(port));
  std::this_thread::sleep_for(500ms);
  auto memory = hub.resident() - before;
  unsigned char note[3] = {0x90, 60, 100};
  begin = clock_type::now();
  if (write(clients[0], note, sizeof note) != sizeof note)
    throw std::runtime_error("the hub has closed");
  int heard = 0;
  timeval limit{2, 0};
  for (int i = 1; i < crowd; ++i) {
    unsigned char got[3];
    setsockopt(clients[std::size_t(i)], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    heard += recv(clients[std::size_t(i)], got, sizeof got, MSG_WAITALL) == 3;
  }
  std::printf("%d clients: %d of %d hear one note within %.1f ms; %.1f KiB of memory each\n", crowd,
              heard, crowd - 1, double((clock_type::now() - begin) / 1us) / 1000,
              double(memory) / 1024 / crowd);
  for (auto fd : clients)
    close(fd);
}

void measure(const std::string& program, int seconds) {
  std::uint16_t relay_port = 0, hub_port = 0;
  auto listening = listen_somewhere(relay_port);
  close(listen_somewhere(hub_port)); // free a moment ago
  auto child = fork();
  if (child == 0)
    relay(listening);
  auto path =
      std::filesystem::temp_directory_path() / ("tutti-tcp-" + std::to_string(getpid()) + ".json");
  std::ofstream(path) << R"({ "sessions": [{ "name": "bench", "port": 0, "bind": ["127.0.0.1"] }],
    "discovery": { "mode": "off" }, "control": { "enabled": false },
    "local": { "alsa": { "enabled": false }, "jack": { "enabled": false } },
    "tcp": { "listen": [{ "name": "bench", "max_clients": 600, "port": )"
                      << hub_port << " }] } }";
  tutti::bench::server_process hub({program, "serve", "--config", path}, -1);
  std::filesystem::remove(path);
  {
    pair bare(relay_port), through(hub_port);
    std::vector<double> floor, ours;
    std::size_t lost = 0;
    hub.pause();
    for (int i = 0; i < seconds; ++i) {
      lost += bare.play(480ms, floor);
      kill(child, SIGSTOP);
      hub.resume();
      lost += through.play(480ms, ours);
      hub.pause();
      kill(child, SIGCONT);
    }
    hub.resume();
    std::printf("relay: p50 %6.1f us, p99 %6.1f us\nhub:   p50 %6.1f us, p99 %6.1f us\n",
                at(floor, 0.5), at(floor, 0.99), at(ours, 0.5), at(ours, 0.99));
    std::printf("ratio of the medians %.2f; lost %zu\n", at(ours, 0.5) / at(floor, 0.5), lost);
  }
  measure_crowd(hub, hub_port);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

} // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "tcp_latency HUB [SECONDS]\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);
  rlimit files{4096, 4096};
  setrlimit(RLIMIT_NOFILE, &files);
  try {
    measure(words[1], count > 2 ? std::atoi(words[2]) : 10);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcp_latency: %s\n", error.what());
    return 1;
  }
}
