// Works of the relay and the hub in turn: latency and floods. See works.hpp.
// Decides: the interleaving. In each round both are started anew and take turns of a fraction of a
// second; who begins changes. While one plays the other is stopped.
#include "bench/end_to_end/flood.hpp"
#include "bench/end_to_end/latency.hpp"
#include "bench/end_to_end/works.hpp"

#include <array>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr unsigned turns = 4; // of each contender in a round
constexpr auto flood_turn = 150ms;
constexpr auto flood_warm_up = 20ms;
constexpr auto paced_turn = 250ms;
constexpr auto paced_warm_up = 20ms;
constexpr auto pace = 500us; // 2,000 messages a second
constexpr double busy_enough = 0.9;

/// Starts relay and hub, and lets each have its turns: `play(contender, is_hub)`.
template <class Play, class Done>
void play_round(unsigned round, kind hub, std::size_t peers, const settings& settings, Play play,
                Done done) {
  contender relay(kind::relay, peers, settings);
  relay.server().pause();
  contender the_hub(hub, peers, settings);
  the_hub.server().pause();
  for (unsigned turn = 0; turn < 2 * turns; ++turn) {
    // Round 0: relay, hub, hub, relay, relay, ...; round 1 the other way round.
    bool is_hub = ((turn + 1) / 2 + round) % 2 != 0;
    auto& one = is_hub ? the_hub : relay;
    one.server().resume();
    play(one, is_hub);
    one.server().pause();
  }
  done(relay.heard(), "relay");
  done(the_hub.heard(), "hub");
}

void remark_faults(const hearing& heard, const char* who, work_report& report) {
  if (heard.lost + heard.repeated + heard.reordered + heard.foreign == 0)
    return;
  report.remarks.push_back(std::string(who) + ": " + std::to_string(heard.lost) + " lost, " +
                           std::to_string(heard.repeated) + " repeated, " +
                           std::to_string(heard.reordered) + " reordered, " +
                           std::to_string(heard.foreign) + " never played, of " +
                           std::to_string(heard.heard + heard.lost));
}

} // namespace

void measure_latency(kind hub, const settings& settings, work_report& report) {
  struct quantile {
    const char* name;
    double share;
    std::optional<target> wanted;
  };
  bool busy = hub == kind::busy_polling_hub;
  std::array<quantile, 4> quantiles = {{
      {"one way, median", 0.5, target{bound::at_most, busy ? 0.6 : 1.05}},
      {"one way, p90", 0.9, {}},
      {"one way, p99", 0.99, busy ? std::optional<target>() : target{bound::at_most, 1.2}},
      {"one way, p99.9", 0.999, {}},
  }};
  for (auto& one : quantiles)
    report.figures.push_back({one.name, "µs", 1, one.wanted, {}, {}});

  for (unsigned round = 0; round < settings.rounds; ++round) {
    std::array<one_way_times, 2> taken;
    auto play = [&](contender& one, bool is_hub) {
      one_way_times ignored;
      play_paced(one, pace, paced_warm_up, settings.spinning_peers, ignored);
      play_paced(one, pace, paced_turn, settings.spinning_peers, taken[is_hub]);
    };
    play_round(round, hub, 2, settings, play,
               [&](const hearing& heard, const char* who) { remark_faults(heard, who, report); });
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
      report.figures[i].floor.push_back(percentile(taken[0].heard, quantiles[i].share));
      report.figures[i].hub.push_back(percentile(taken[1].heard, quantiles[i].share));
    }
  }
}

void measure_flood(std::size_t listeners, std::size_t messages_per_packet, flood_targets targets,
                   const settings& settings, work_report& report) {
  figure rate{
      "delivered without loss", "messages/s", 0, target{bound::at_least, targets.rate}, {}, {}};
  figure cpu{"CPU of the server per message delivered", "ns", 0, {}, {}, {}};
  if (targets.cpu)
    cpu.wanted = target{bound::at_most, *targets.cpu};
  figure list{"messages in a packet delivered", "", 1, {}, {}, {}};

  std::array<double, 2> least_busy = {1, 1};
  for (unsigned round = 0; round < settings.rounds; ++round) {
    std::array<flood_total, 2> totals;
    auto play = [&](contender& one, bool is_hub) {
      flood(one, messages_per_packet, flood_warm_up);
      totals[is_hub] += flood(one, messages_per_packet, flood_turn);
    };
    play_round(round, kind::hub, listeners + 1, settings, play,
               [&](const hearing& heard, const char* who) { remark_faults(heard, who, report); });
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& total = totals[i];
      (i == 0 ? rate.floor : rate.hub).push_back(total.messages_per_second());
      (i == 0 ? cpu.floor : cpu.hub).push_back(total.cpu_per_message());
      (i == 0 ? list.floor : list.hub)
          .push_back(static_cast<double>(total.delivered) / static_cast<double>(total.packets));
      least_busy[i] = std::min(least_busy[i], total.busy());
    }
  }
  report.figures = {rate, cpu, list};
  for (std::size_t i = 0; i < 2; ++i)
    if (least_busy[i] < busy_enough)
      report.remarks.push_back(
          std::string(i == 0 ? "relay" : "hub") + ": in one round it had work for only " +
          std::to_string(int(least_busy[i] * 100)) +
          " % of the time: it could have done more, were the peers faster or the machine quieter");
}

} // namespace tutti::bench
