// See peer_group.hpp.
#include "bench/end_to_end/peer_group.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <system_error>
#include <unistd.h>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t lowest_port = 20000;
constexpr std::uint16_t highest_port = 32766; // below what Linux gives to others

/// An epoll set of both sockets of some peers; lives as long as it is needed.
class socket_watch {
public:
  socket_watch()
      : fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~socket_watch() { close(fd_); }
  socket_watch(const socket_watch&) = delete;
  socket_watch& operator=(const socket_watch&) = delete;

  void add(const udp_socket& socket, std::size_t peer, bool data) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = peer * 2 + (data ? 1 : 0);
    if (epoll_ctl(fd_, EPOLL_CTL_ADD, socket.fd(), &event) < 0)
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }

  /// Sleeps for at most 10 ms and drains what is ready.
  void turn(std::deque<peer>& peers) {
    int count = epoll_wait(fd_, events_.data(), int(events_.size()), 10);
    for (int i = 0; i < count; ++i) {
      auto key = events_[static_cast<std::size_t>(i)].data.u64;
      auto& owner = peers[key / 2];
      if (key % 2 != 0)
        owner.drain_data(bench_clock::now());
      else
        owner.drain_control(bench_clock::now());
    }
  }

private:
  int fd_;
  std::array<epoll_event, 256> events_;
};

} // namespace

peer_group::peer_group(std::size_t count, bool joins, std::uint32_t first_index) {
  for (unsigned refusals = 0; peers_.size() < count;) {
    try {
      peers_.emplace_back(next_port(), first_index + static_cast<std::uint32_t>(peers_.size()),
                          joins);
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::address_in_use || ++refusals > 1000)
        throw;
    }
  }
}

std::uint16_t peer_group::next_port() noexcept {
  static std::uint16_t port = lowest_port;
  auto result = port;
  port = port + 2 > highest_port ? lowest_port : static_cast<std::uint16_t>(port + 2);
  return result;
}

std::vector<std::uint16_t> peer_group::data_ports() const {
  std::vector<std::uint16_t> ports;
  for (auto& peer : peers_)
    ports.push_back(peer.data_port());
  return ports;
}

void peer_group::connect_to(std::uint16_t server_port) {
  for (auto& peer : peers_)
    peer.connect_to(server_port);
}

joining peer_group::join(std::chrono::nanoseconds limit) {
  socket_watch watch;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    watch.add(peers_[i].control(), i, false);
    watch.add(peers_[i].data(), i, true);
  }
  auto start = bench_clock::now();
  for (auto& peer : peers_)
    peer.invite(bench_clock::now());

  auto waiting = [](const peer& one) { return !one.joined(); };
  auto next_service = start + 100ms;
  while (std::ranges::any_of(peers_, waiting) && bench_clock::now() < start + limit) {
    watch.turn(peers_);
    if (auto now = bench_clock::now(); now >= next_service) {
      std::ranges::for_each(peers_, [&](peer& one) { one.service(now); });
      next_service = now + 100ms;
    }
  }
  joining result;
  for (auto& peer : peers_) {
    result.repeats += peer.repeats();
    result.absent += waiting(peer);
    result.all_connected = std::max(result.all_connected, peer.connected_at() - start);
    result.all_in_sync = std::max(result.all_in_sync, peer.in_sync_at() - start);
  }
  return result;
}

void peer_group::attend(std::chrono::nanoseconds length, const std::function<bool()>& done) {
  socket_watch watch;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    watch.add(peers_[i].control(), i, false);
    watch.add(peers_[i].data(), i, true);
  }
  auto end = bench_clock::now() + length;
  for (auto now = bench_clock::now(); now < end && !done(); now = bench_clock::now()) {
    watch.turn(peers_);
    std::ranges::for_each(peers_, [&](peer& one) { one.service(now); });
  }
}

void peer_group::service(time_point now) {
  for (auto& peer : peers_) {
    peer.drain_control(now);
    peer.service(now);
  }
}

std::size_t peer_group::alive() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      peers_, [](const peer& one) { return one.state() != peer_state::gone && one.joined(); }));
}

} // namespace tutti::bench
