// See flood.hpp.
#include "bench/end_to_end/flood.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <system_error>
#include <thread>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t burst = 32;             // packets in one sendmmsg
constexpr std::size_t deliveries = 2048;      // packets in flight, summed over the listeners
constexpr std::size_t min_window = 2 * burst; // packets of the source in flight, at least
constexpr int octets_per_packet = 2 * 768;    // that a small packet takes of a socket buffer, twice
constexpr auto look_interval = 10us;          // per listener
constexpr auto service_interval = 20ms;
constexpr auto patience = 500ms; // without a packet

class flood_run {
public:
  flood_run(contender& one, std::size_t messages_per_packet)
      : one_(one)
      , messages_(messages_per_packet)
      , window_(window_for(one, messages_per_packet))
      , look_interval_(look_interval * (one.peers().size() - 1)) {
    for (std::size_t i = 0; i < burst; ++i) {
      pieces_[i].iov_base = storage_[i].data();
      headers_[i].msg_hdr.msg_iov = &pieces_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  flood_total run(std::chrono::nanoseconds length) {
    auto before = one_.heard();
    auto cpu_before = one_.server().cpu_time();
    auto waiting_before = one_.server().waiting_time();
    auto start = bench_clock::now();
    last_heard_ = start;
    for (auto now = start; now < start + length; now = bench_clock::now()) {
      while ((one_.played() - one_.heard_by_all()) / messages_ + burst <= window_)
        send_burst(now);
      look(now);
      if (in_vain())
        break;
    }
    while (one_.heard_by_all() < one_.played() && !in_vain())
      look(bench_clock::now());
    auto cpu = one_.server().cpu_time() - cpu_before;
    auto waiting = one_.server().waiting_time() - waiting_before;
    one_.give_up_waiting();
    auto after = one_.heard();
    return {after.heard - before.heard, after.packets - before.packets, last_heard_ - start, cpu,
            waiting};
  }

private:
  /// Some milliseconds of work for the server, no more than half of what a socket buffer holds, and
  /// few enough that the numbers of the messages on their way are distinct.
  static std::size_t window_for(contender& one, std::size_t messages_per_packet) {
    auto listeners = one.peers().size() - 1;
    auto held =
        static_cast<std::size_t>(one.peers()[1].data().granted_buffer() / octets_per_packet);
    auto told_apart = numbering_period / 4 / messages_per_packet;
    return std::max(std::min({deliveries / listeners, held, told_apart}), min_window);
  }

  /// Nothing has come for long, although we looked: either side may have been kept from its core.
  bool in_vain() const {
    return empty_looks_ > 1000 && bench_clock::now() > last_heard_ + patience;
  }

  void send_burst(time_point now) {
    auto& source = one_.peers().source();
    for (std::size_t i = 0; i < burst; ++i)
      pieces_[i].iov_len = source.write_packet(storage_[i].data(), static_cast<std::uint16_t>(i),
                                               one_.played() + i * messages_, messages_, now);
    for (std::size_t done = 0; done < burst;) {
      int sent = sendmmsg(source.data().fd(), headers_.data() + done,
                          static_cast<unsigned>(burst - done), 0);
      if (sent > 0)
        done += static_cast<std::size_t>(sent);
      else if (errno != EAGAIN && errno != EINTR)
        throw std::system_error(errno, std::generic_category(), "the server is gone: sendmmsg");
    }
    source.advance(burst);
    one_.play_to(one_.played() + burst * messages_);
  }

  /// Sleeps a little, so that packets gather and one system call fetches many, then reads them all.
  /// It sleeps rather than spins: the kernel's own thread may have work on this core.
  void look(time_point now) {
    std::this_thread::sleep_for(look_interval_);
    std::size_t received = 0;
    for (std::size_t i = 1; i < one_.peers().size(); ++i)
      received += one_.peers()[i].drain_data(now);
    now = bench_clock::now();
    empty_looks_ = received > 0 ? 0 : empty_looks_ + 1;
    if (received > 0)
      last_heard_ = now;
    if (now >= next_service_) {
      one_.peers().source().drain_data(now);
      one_.peers().service(now);
      next_service_ = now + service_interval;
    }
  }

  contender& one_;
  std::size_t messages_;
  std::size_t window_;
  std::chrono::nanoseconds look_interval_;
  time_point last_heard_{};
  unsigned empty_looks_ = 0;
  time_point next_service_{};
  std::array<std::array<std::uint8_t, 64>, burst> storage_{};
  std::array<iovec, burst> pieces_{};
  std::array<mmsghdr, burst> headers_{};
};

} // namespace

flood_total& flood_total::operator+=(const flood_total& other) noexcept {
  delivered += other.delivered;
  packets += other.packets;
  elapsed += other.elapsed;
  cpu += other.cpu;
  waiting += other.waiting;
  return *this;
}

double flood_total::messages_per_second() const noexcept {
  return static_cast<double>(delivered) * 1e9 / static_cast<double>(elapsed.count());
}

double flood_total::cpu_per_message() const noexcept {
  return static_cast<double>(cpu.count()) / static_cast<double>(delivered);
}

double flood_total::busy() const noexcept {
  return static_cast<double>((cpu + waiting).count()) / static_cast<double>(elapsed.count());
}

flood_total flood(contender& one, std::size_t messages_per_packet,
                  std::chrono::nanoseconds length) {
  return flood_run(one, messages_per_packet).run(length);
}

} // namespace tutti::bench
