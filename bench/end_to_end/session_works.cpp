// Works of the hub alone: many invitations at once, memory, idleness. See works.hpp.
#include "bench/end_to_end/latency.hpp"
#include "bench/end_to_end/works.hpp"

#include <algorithm>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto join_limit = 15s;
constexpr std::uint64_t melody = 20; // messages
constexpr auto melody_interval = 5ms;
constexpr auto melody_limit = 2s;
constexpr unsigned most_rounds = 3; // these figures hardly vary

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

server_process start_hub(const settings& settings) {
  std::vector<std::string> command = {settings.hub};
  command.insert(command.end(), settings.hub_arguments.begin(), settings.hub_arguments.end());
  return {command, settings.cores.server};
}

/// Peer 0 plays, all others listen; returns how many heard all of it.
std::size_t play_melody(peer_group& peers, std::uint64_t first) {
  auto& source = peers.source();
  for (auto number = first; number < first + melody; ++number) {
    std::array<std::uint8_t, 64> packet;
    auto size = source.write_packet(packet.data(), 0, number, 1, bench_clock::now());
    source.data().send(octets(packet).first(size));
    source.advance(1);
    peers.attend(melody_interval);
  }
  auto count = [&] {
    std::size_t sum = 0;
    for (std::size_t i = 1; i < peers.size(); ++i)
      sum += peers[i].heard().heard() >= first + melody;
    return sum;
  };
  peers.attend(melody_limit, [&] { return count() == peers.size() - 1; });
  return count();
}

} // namespace

void measure_joining(std::size_t peers, double connected_ms, double in_sync_ms,
                     const settings& settings, work_report& report) {
  figure connected{"all connected after", "ms", 0, target{bound::at_most, connected_ms}, {}, {}};
  figure in_sync{"all in sync after", "ms", 0, target{bound::at_most, in_sync_ms}, {}, {}};
  figure repeats{"invitations repeated", "", 0, target{bound::at_most, 0}, {}, {}};
  figure absent{"peers not in sync", "", 0, target{bound::at_most, 0}, {}, {}};
  figure deaf{"peers that miss a melody then", "", 0, target{bound::at_most, 0}, {}, {}};
  figure dead{"peers that miss one after " + std::to_string(settings.alive.count()) + " s",
              "",
              0,
              target{bound::at_most, 0},
              {},
              {}};

  for (unsigned round = 0; round < std::min(settings.rounds, most_rounds); ++round) {
    auto server = start_hub(settings);
    peer_group group(peers, true);
    group.connect_to(server.port());
    auto joined = group.join(join_limit);
    connected.hub.push_back(milliseconds(joined.all_connected));
    in_sync.hub.push_back(milliseconds(joined.all_in_sync));
    repeats.hub.push_back(static_cast<double>(joined.repeats));
    absent.hub.push_back(static_cast<double>(joined.absent));
    deaf.hub.push_back(static_cast<double>(peers - 1 - play_melody(group, 0)));
    if (round == 0 && settings.alive > 0s) {
      group.attend(settings.alive);
      dead.hub.push_back(static_cast<double>(peers - 1 - play_melody(group, melody)));
    }
  }
  report.figures = {connected, in_sync, repeats, absent, deaf};
  if (!dead.hub.empty())
    report.figures.push_back(dead);
}

void measure_memory(const settings& settings, work_report& report) {
  constexpr std::size_t peers = 1000;
  constexpr double mib = 1 << 20;
  constexpr double kib = 1 << 10;
  figure two{"resident with 2 peers", "MiB", 1, target{bound::at_most, 12}, {}, {}};
  figure further{"each of 998 further peers", "KiB", 1, target{bound::at_most, 10}, {}, {}};

  for (unsigned round = 0; round < std::min(settings.rounds, most_rounds); ++round) {
    auto server = start_hub(settings);
    peer_group pair(2, true);
    pair.connect_to(server.port());
    pair.join(join_limit);
    // What the start alone needed is given back by then, and what plays comes back with the melody.
    pair.attend(2s);
    play_melody(pair, 0);
    auto with_two = static_cast<double>(server.resident());
    peer_group rest(peers - 2, true, 2);
    rest.connect_to(server.port());
    if (rest.join(join_limit).absent > 0)
      report.remarks.push_back("not all peers could join");
    play_melody(rest, 0);
    pair.attend(10ms);
    auto with_all = static_cast<double>(server.resident());
    two.hub.push_back(with_two / mib);
    further.hub.push_back((with_all - with_two) / (peers - 2) / kib);
  }
  report.figures = {two, further};
}

void measure_idle(const settings& settings, work_report& report) {
  constexpr std::size_t peers = 100;
  constexpr auto settling = 3s;
  constexpr auto length = 10s;
  figure cpu{"CPU with 100 peers", "% of a core", 2, target{bound::at_most, 1}, {}, {}};
  figure wake_ups{"wake-ups with 100 peers", "a second", 0, {}, {}, {}};

  auto server = start_hub(settings);
  peer_group group(peers, true);
  group.connect_to(server.port());
  group.join(join_limit);
  group.attend(settling);
  auto cpu_before = server.cpu_time();
  auto sleeps_before = server.sleeps();
  group.attend(length);
  cpu.hub.push_back(milliseconds(server.cpu_time() - cpu_before) / milliseconds(length) * 100);
  wake_ups.hub.push_back(static_cast<double>(server.sleeps() - sleeps_before) /
                         std::chrono::duration<double>(length).count());
  report.figures = {cpu, wake_ups};
  if (group.alive() < peers)
    report.remarks.push_back("only " + std::to_string(group.alive()) + " peers stayed");
}

} // namespace tutti::bench
