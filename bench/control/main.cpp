// What the control API costs the music: latency through the hub with idle and with busy clients,
// in turn; and the CPU that many readers of meters take.
// Decides: rounds, targets. Leaves: peers and pacing (end_to_end), the clients (api_load).
// Thread: one; the hub and the API's clients are processes of their own.
#include "bench/control/api_load.hpp"
#include "bench/end_to_end/contender.hpp"
#include "bench/end_to_end/latency.hpp"
#include "bench/end_to_end/machine.hpp"
#include "bench/end_to_end/report.hpp"

#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace tutti::bench;
using namespace std::chrono_literals;

constexpr auto pace = 500us; // 2,000 messages a second
constexpr auto turn = 250ms;
constexpr auto warm_up = 50ms;
constexpr unsigned turns = 8; // in a round, idle and busy
constexpr unsigned busy_rate = 1000;
constexpr std::size_t event_streams = 10;
constexpr std::size_t meter_readers = 100;
constexpr std::size_t metered_peers = 100;

std::uint16_t free_tcp_port() {
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error("no free port");
  ::close(fd);
  return ntohs(at.sin_port);
}

settings with_api(settings how, std::uint16_t port) {
  how.hub_arguments.insert(how.hub_arguments.end(),
                           {"--control", "127.0.0.1:" + std::to_string(port)});
  return how;
}

/// The times of all rounds, with idle and with busy clients.
struct comparison {
  const char* what;
  double share;
  double limit;
  std::vector<double> one_way_times::*which;
  std::array<std::vector<double>, 2> rounds{};

  void add(const std::array<one_way_times, 2>& taken) {
    for (std::size_t i = 0; i < 2; ++i)
      rounds[i].push_back(percentile(taken[i].*which, share));
  }
  void show() const {
    auto idle = median(rounds[0]), busy = median(rounds[1]);
    std::printf("  %-28s %8.1f µs idle %8.1f µs busy   x%.3f", what, idle, busy, busy / idle);
    std::printf(" (target at most %.2f)%s\n", limit, busy / idle > limit ? "   MISSED" : "");
  }
};

// The hub stays; its clients come and go every quarter of a second, so that both halves see the
// same machine. The clients share the listener's core, so when it hears tells of them as well;
// through the hub, a message is what the system has taken for sending.
void measure_latency(const settings& how) {
  std::array<comparison, 4> all{{{"through the hub, median", 0.5, 1.1, &one_way_times::sent},
                                 {"through the hub, p99", 0.99, 1.3, &one_way_times::sent},
                                 {"heard, median", 0.5, 1.1, &one_way_times::heard},
                                 {"heard, p99", 0.99, 1.3, &one_way_times::heard}}};
  std::uint64_t answers = 0, failures = 0;
  double seconds = 0;
  for (unsigned round = 0; round < how.rounds; ++round) {
    api_load load;
    load.port = free_tcp_port();
    load.requests_per_second = busy_rate;
    load.streams.assign(event_streams, "?topics=ports,peers,invitations,log,meters&meters_ms=100");
    contender hub(kind::hub, 2, with_api(how, load.port));
    load_process clients(load);
    std::array<one_way_times, 2> taken;
    for (unsigned i = 0; i < turns; ++i) {
      bool busy = (i + round) % 2 == 1;
      if (busy)
        clients.resume();
      one_way_times ignored;
      play_paced(hub, pace, warm_up, how.spinning_peers, ignored);
      auto before = clients.counters().answers;
      play_paced(hub, pace, turn, how.spinning_peers, taken[busy]);
      if (busy) {
        answers += clients.counters().answers - before;
        seconds += std::chrono::duration<double>(turn).count();
        clients.pause();
      }
    }
    failures += clients.counters().failures;
    for (auto& one : all)
      one.add(taken);
  }
  std::printf("MIDI one way, beside %.0f requests/s and %zu event streams%s\n",
              double(answers) / seconds, event_streams,
              failures > 0 ? " (SOME REQUESTS FAILED)" : "");
  for (const auto& one : all)
    one.show();
}

/// All peers play a little, so that every meter moves.
void play_for(contender& hub, std::chrono::nanoseconds length) {
  std::array<std::uint8_t, 64> packet;
  auto end = bench_clock::now() + length;
  for (auto next = bench_clock::now(); next < end; next += 10ms) {
    auto now = bench_clock::now();
    for (std::size_t i = 0; i < 10; ++i) {
      auto& one = hub.peers()[(hub.played() + i) % hub.peers().size()];
      auto size = one.write_packet(packet.data(), 0, hub.played(), 1, now);
      one.data().send(octets(packet).first(size));
      one.advance(1);
    }
    hub.play_to(hub.played() + 10);
    hub.peers().attend(next + 10ms - now);
  }
}

void measure_meters(const settings& how) {
  std::array<std::vector<double>, 2> shares;
  for (unsigned round = 0; round < how.rounds; ++round) {
    api_load load;
    load.port = free_tcp_port();
    load.streams.assign(meter_readers, "?meters_ms=50");
    contender hub(kind::hub, metered_peers, with_api(how, load.port));
    load_process clients(load);
    for (unsigned i = 0; i < 4; ++i) {
      bool busy = (i + round) % 2 == 1;
      busy ? clients.resume() : clients.pause();
      play_for(hub, 200ms);
      auto before = hub.server().cpu_time();
      play_for(hub, 1s);
      shares[busy].push_back(std::chrono::duration<double>(hub.server().cpu_time() - before) / 1s *
                             100);
    }
  }
  auto cost = median(shares[1]) - median(shares[0]);
  std::printf("%zu readers of meters at 20 Hz, %zu ports\n", meter_readers, metered_peers);
  std::printf("  CPU of the hub     %8.1f %% without %6.1f %% with   %.1f %% of a core (target "
              "under 10)%s\n",
              median(shares[0]), median(shares[1]), cost, cost >= 10 ? "   MISSED" : "");
}

} // namespace

int main(int argc, char** argv) {
  settings how;
  how.hub = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "tutti";
  how.hub_arguments = {"serve", "--port", "0", "--discovery", "off"};
  how.cores = choose_cores();
  CLI::App app("Measures what the clients of the control API cost the music.");
  app.add_option("--rounds", how.rounds, "Rounds of each measurement")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--hub", how.hub, "The hub's program")->capture_default_str();
  app.add_flag("--spinning-peers", how.spinning_peers,
               "Peers poll for packets: latency without the time it takes to wake them");
  CLI11_PARSE(app, argc, argv);
  raise_file_limit();
  prctl(PR_SET_TIMERSLACK, 1); // ns
  if (how.cores.generator >= 0)
    pin_to_core(how.cores.generator);
  load_watch load;
  try {
    measure_latency(how);
    measure_meters(how);
  } catch (const std::exception& error) {
    std::cerr << "not measured to the end: " << error.what() << '\n';
    return 1;
  }
  auto shares = load.now();
  std::printf("%s\nmeanwhile other programs took %.0f %% of the machine\n",
              describe_machine().c_str(), shares.others * 100);
}
