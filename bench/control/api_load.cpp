#include "bench/control/api_load.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tutti::bench {
namespace {

using clock = std::chrono::steady_clock;

/// What people, pages and scripts read.
constexpr std::array<std::string_view, 6> paths{"/api/v1/status", "/api/v1/ports", "/api/v1/peers",
                                                "/api/v1/routes", "/api/v1/rules", "/metrics"};

int connect_to(std::uint16_t port) {
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("the control API cannot be reached");
  return fd;
}

void send_request(int fd, std::string_view path, std::string_view more = {}) {
  std::string text =
      "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
  if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the control API has closed a connection");
}

/// One keep-alive connection with at most one request under way.
class reader {
public:
  explicit reader(std::uint16_t port)
      : fd_(connect_to(port)) {}

  int fd() const noexcept { return fd_; }
  bool is_idle() const noexcept { return idle_; }

  void ask(std::string_view path) {
    send_request(fd_, path);
    idle_ = false;
  }

  /// Reads what is there; true if it completes an answer.
  bool take(bool& good) {
    std::array<char, 65536> room;
    auto size = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
    if (size == 0)
      throw std::runtime_error("the control API has closed a connection");
    if (size < 0)
      return false;
    text_.append(room.data(), static_cast<std::size_t>(size));
    auto head = text_.find("\r\n\r\n");
    if (head == text_.npos)
      return false;
    auto length = text_.find("Content-Length: ");
    auto body = length < head ? std::stoul(text_.substr(length + 16, 12)) : 0;
    if (text_.size() < head + 4 + body)
      return false;
    good = text_.starts_with("HTTP/1.1 200");
    text_.erase(0, head + 4 + body);
    idle_ = true;
    return true;
  }

private:
  int fd_;
  bool idle_ = true;
  std::string text_;
};

class clients {
public:
  clients(const api_load& load, volatile load_counters& counters)
      : load_(load)
      , counters_(counters) {
    for (std::size_t i = 0; load.requests_per_second > 0 && i < load.connections; ++i)
      readers_.emplace_back(load.port);
    for (const auto& query : load.streams) {
      streams_.push_back(connect_to(load.port));
      send_request(streams_.back(), "/api/v1/events" + query, "Accept: text/event-stream\r\n");
    }
    for (const auto& one : readers_)
      polled_.push_back({one.fd(), POLLIN, 0});
    for (auto fd : streams_)
      polled_.push_back({fd, POLLIN, 0});
  }

  [[noreturn]] void run() {
    auto interval = load_.requests_per_second == 0
                        ? std::chrono::nanoseconds(std::chrono::seconds(1))
                        : std::chrono::nanoseconds(1'000'000'000 / load_.requests_per_second);
    for (auto next = clock::now();;) {
      auto now = clock::now();
      if (now - next > std::chrono::milliseconds(50))
        next = now; // it was paused; nothing is made up for
      for (; next <= now; next += interval)
        ask();
      wait(next - now);
    }
  }

private:
  void ask() {
    for (auto& one : readers_)
      if (one.is_idle()) {
        one.ask(paths[turn_++ % paths.size()]);
        return;
      }
  }

  void wait(std::chrono::nanoseconds length) {
    timespec limit{length.count() / 1'000'000'000, length.count() % 1'000'000'000};
    if (::ppoll(polled_.data(), polled_.size(), &limit, nullptr) <= 0)
      return;
    for (std::size_t i = 0; i < polled_.size(); ++i) {
      if (polled_[i].revents == 0)
        continue;
      if (i < readers_.size())
        take_answer(readers_[i]);
      else
        take_events(polled_[i].fd);
    }
  }

  void take_answer(reader& from) {
    bool good = false;
    if (!from.take(good))
      return;
    counters_.answers = counters_.answers + 1;
    if (!good)
      counters_.failures = counters_.failures + 1;
  }

  void take_events(int fd) {
    std::array<char, 65536> room;
    auto size = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    if (size == 0)
      throw std::runtime_error("the control API has closed a stream");
    if (size > 0)
      counters_.octets = counters_.octets + static_cast<std::uint64_t>(size);
  }

  const api_load& load_;
  volatile load_counters& counters_;
  std::vector<reader> readers_;
  std::vector<int> streams_;
  std::vector<pollfd> polled_;
  std::size_t turn_ = 0;
};

} // namespace

load_process::load_process(const api_load& load) {
  auto room = ::mmap(nullptr, sizeof(load_counters), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED)
    throw std::runtime_error("no memory to share");
  shared_ = new (room) load_counters;
  pid_ = ::fork();
  if (pid_ != 0) {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED); // until it has connected
    if (pid_ < 0 || !WIFSTOPPED(status))
      throw std::runtime_error("the clients of the control API cannot be started");
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The peers share a core with the clients, and are not to wait for them.
  if (::nice(19) == -1 && errno != 0)
    std::_Exit(1);
  try {
    clients all(load, *shared_);
    ::raise(SIGSTOP);
    all.run();
  } catch (const std::exception&) {
    std::_Exit(1);
  }
}

load_process::~load_process() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::munmap(const_cast<load_counters*>(shared_), sizeof(load_counters));
}

void load_process::pause() const noexcept {
  ::kill(pid_, SIGSTOP);
}

void load_process::resume() const noexcept {
  ::kill(pid_, SIGCONT);
}

load_counters load_process::counters() const noexcept {
  return {shared_->answers, shared_->failures, shared_->octets};
}

} // namespace tutti::bench
