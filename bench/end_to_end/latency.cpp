// See latency.hpp.
#include "bench/end_to_end/latency.hpp"

#include <algorithm>
#include <array>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t remembered = 4096; // send times; a later answer is taken for lost
constexpr auto service_interval = 20ms;
constexpr auto patience = 200ms;

class paced_run {
public:
  paced_run(contender& one, bool spin, one_way_times& taken)
      : one_(one)
      , listener_(one.peers()[1])
      , spin_(spin)
      , taken_(taken) {}

  void run(std::chrono::nanoseconds interval, std::chrono::nanoseconds length) {
    auto start = bench_clock::now();
    auto end = start + length;
    for (auto next = start; next < end; next += interval) {
      listen_until(next, false);
      send();
    }
    listen_until(bench_clock::now() + patience, true);
    one_.give_up_waiting();
  }

private:
  void send() {
    std::array<std::uint8_t, 64> packet;
    auto& source = one_.peers().source();
    auto now = bench_clock::now();
    auto size = source.write_packet(packet.data(), 0, one_.played(), 1, now);
    sent_at_[one_.played() % remembered] = now;
    one_.play_to(one_.played() + 1);
    source.data().send(octets(packet).first(size));
    source.advance(1);
  }

  /// Until `limit`, or until everything is heard if that is enough.
  void listen_until(time_point limit, bool until_all_heard) {
    for (auto now = bench_clock::now(); now < limit; now = bench_clock::now()) {
      if (until_all_heard && listener_.heard().expected() >= one_.played())
        return;
      if (now >= next_service_) {
        one_.peers().source().drain_data(now);
        one_.peers().service(now);
        next_service_ = now + service_interval;
      }
      if (!spin_)
        sleep(limit - now);
      hear();
    }
  }

  void sleep(std::chrono::nanoseconds length) {
    pollfd waiting{listener_.data().fd(), POLLIN, 0};
    timespec limit{length / 1s, (length % 1s).count()};
    ppoll(&waiting, 1, &limit, nullptr);
  }

  void hear() {
    auto before = listener_.heard().expected();
    listener_.drain_data(bench_clock::now());
    auto now = bench_clock::now();
    if (before == listener_.heard().expected())
      return;
    auto arrived = latest_arrival();
    for (auto number = before; number < listener_.heard().expected(); ++number)
      if (one_.played() - number < remembered) {
        auto played = sent_at_[number % remembered];
        taken_.heard.push_back(std::chrono::duration<double, std::micro>(now - played).count());
        taken_.sent.push_back(std::chrono::duration<double, std::micro>(arrived - played).count());
      }
  }

  // On loopback a datagram arrives while its sender sends it. The system notes that on its clock of
  // the day, from the second time that it is asked on.
  time_point latest_arrival() const {
    timespec noted{};
    auto today = std::chrono::system_clock::now();
    auto now = bench_clock::now();
    if (::ioctl(listener_.data().fd(), SIOCGSTAMPNS, &noted) != 0)
      return now;
    auto since = today.time_since_epoch() - std::chrono::seconds(noted.tv_sec) -
                 std::chrono::nanoseconds(noted.tv_nsec);
    return now - since;
  }

  contender& one_;
  peer& listener_;
  bool spin_;
  one_way_times& taken_;
  time_point next_service_{};
  std::array<time_point, remembered> sent_at_{};
};

} // namespace

void play_paced(contender& one, std::chrono::nanoseconds interval, std::chrono::nanoseconds length,
                bool spin, one_way_times& taken) {
  paced_run(one, spin, taken).run(interval, length);
}

} // namespace tutti::bench
