// Routing: nanoseconds and allocations per event, and what a port or a scene costs.
// Decides: 500 ports; 10, 100 and 1,000 rules of the kinds that people write; one event a batch.
#include "actors/routing/patchbay.hpp"
#include "bench/support/allocations.hpp"
#include "config/read_rule.hpp"

#include <string>

namespace {

using namespace tutti;
using namespace tutti::routing;
using tutti::bench::run_counted;

config::rule rule(const std::string& text) {
  config::mistakes found;
  auto read = config::load_rule(nlohmann::json::parse(text), "", found);
  if (!read)
    throw std::invalid_argument(found.at(0).sentence());
  return *read;
}

port_description port(std::size_t i) {
  auto session = "S" + std::to_string(i % 10), name = "peer " + std::to_string(i);
  return {"rtp/" + session + "/" + name, "rtp", session, name, true, true};
}

constexpr std::size_t port_count = 500;

/// Rules that each mean a few ports, by id, glob, regular expression and selector.
std::vector<config::rule> some_rules(std::size_t count) {
  std::vector<config::rule> rules;
  for (std::size_t i = 0; i < count; ++i) {
    auto a = std::to_string(1 + i % (port_count - 1)),
         b = std::to_string(1 + i * 7 % (port_count - 1));
    switch (i % 4) {
    case 0:
      rules.push_back(
          rule(R"({"from": "rtp/*/peer )" + a + R"(", "to": "rtp/*/peer )" + b + R"("})"));
      break;
    case 1:
      rules.push_back(rule(R"({"from": "name:peer )" + a +
                           R"(", "to": ["session:S3", "!rtp/S3/*1*"],
                               "transforms": [{"transpose": )" +
                           std::to_string(int(i % 24) - 12) + "}]}"));
      break;
    case 2:
      rules.push_back(rule(R"({"from": "/peer )" + a + R"($/", "to": "/S[45].peer .*)" + b + R"($/",
                               "filter": {"channels": 1}})"));
      break;
    default:
      rules.push_back(
          rule(R"({"from": {"kind": "rtp", "name": "peer )" + a +
               R"("}, "to": "rtp/S7/*", "filter": {"types": ["note", "controller"]}})"));
    }
  }
  return rules;
}

patchbay full_patchbay(std::vector<config::rule> rules) {
  patchbay bay;
  outcome out;
  bay.configure(std::move(rules), {}, "", hub_time{}, out);
  for (std::size_t i = 0; i < port_count; ++i)
    bay.add_port(port(i), hub_time{}, out);
  return bay;
}

/// Controllers whose values change, as a moved fader sends them.
event next_event(unsigned i) {
  return {protocol::make_short(0xB0, 7, static_cast<std::uint8_t>(i % 127)),
          hub_time(std::chrono::milliseconds(i))};
}

/// One event of a source that has four plain routes and four with filter and transform, among so
/// many rules for others.
void route_event(benchmark::State& state) {
  auto rules = some_rules(static_cast<std::size_t>(state.range(0)) - 2);
  rules.push_back(rule(R"({"from": "rtp/S0/peer 0", "to": ["name:peer 1", "name:peer 2",
                           "name:peer 3", "name:peer 4"]})"));
  rules.push_back(rule(R"({"from": "rtp/S0/peer 0", "to": ["name:peer 5", "name:peer 6",
                           "name:peer 7", "name:peer 8"], "filter": {"channels": 1},
                           "transforms": [{"controller": {"7": 11}}]})"));
  auto bay = full_patchbay(std::move(rules));
  outcome out;
  unsigned i = 0;
  run_counted(state, 1, [&] {
    out.clear();
    auto e = next_event(i++);
    bay.take(0, std::span(&e, 1), e.at, out);
    benchmark::DoNotOptimize(out.made.data());
    benchmark::DoNotOptimize(out.unchanged);
  });
}
BENCHMARK(route_event)->Arg(10)->Arg(100)->Arg(1000);

/// One event from everyone to everyone else: the set of destinations, without delivering.
void route_plain_event(benchmark::State& state) {
  auto bay = full_patchbay({config::default_rule()});
  outcome out;
  unsigned i = 0;
  run_counted(state, 1, [&] {
    out.clear();
    auto e = next_event(i++);
    bay.take(0, std::span(&e, 1), e.at, out);
    benchmark::DoNotOptimize(out.unchanged);
  });
}
BENCHMARK(route_plain_event);

/// A port comes up and goes again.
void bring_up_port(benchmark::State& state, std::vector<config::rule> rules) {
  auto bay = full_patchbay(std::move(rules));
  outcome out;
  for (auto _ : state) {
    out.clear();
    auto slot = bay.add_port(port(42), hub_time{}, out);
    state.PauseTiming();
    out.clear();
    bay.remove_port(slot, hub_time{}, out);
    state.ResumeTiming();
  }
}
BENCHMARK_CAPTURE(bring_up_port, among_1000_rules, some_rules(1000))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(bring_up_port, everyone_to_everyone, {config::default_rule()})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(bring_up_port, everyone_to_everyone_1000_times,
                  std::vector<config::rule>(1000, config::default_rule()))
    ->Unit(benchmark::kMicrosecond);

/// A reload that changes one rule of a thousand.
void change_one_rule(benchmark::State& state) {
  auto rules = some_rules(1000);
  auto bay = full_patchbay(rules);
  outcome out;
  int by = 0;
  for (auto _ : state) {
    state.PauseTiming();
    rules[1] = rule(R"({"from": "name:peer 2", "to": "rtp/S3/*", "transforms": [{"transpose": )" +
                    std::to_string(by++ % 100) + "}]}");
    auto copy = rules;
    out.clear();
    state.ResumeTiming();
    bay.configure(std::move(copy), {}, "", hub_time{}, out);
  }
}
BENCHMARK(change_one_rule)->Unit(benchmark::kMicrosecond);

/// One event through transforms, without filter and table.
void transform_event(benchmark::State& state, const std::string& transforms, const ump& message) {
  transform_chain chain(
      rule(R"({"from": "*", "to": "*", "transforms": )" + transforms + "}").transforms, 65536);
  events out;
  event e{message, {}};
  run_counted(state, 1, [&] {
    out.clear();
    e.at += std::chrono::milliseconds(1);
    chain.process(std::span(&e, 1), out, e.at);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK_CAPTURE(transform_event, one, R"([{"transpose": 1}])",
                  protocol::make_short(0x90, 60, 100));
BENCHMARK_CAPTURE(transform_event, five_on_a_note,
                  R"([{"channel": {"1": 2}}, {"transpose": 12}, {"velocity": {"curve": 0.7}},
                      {"zones": [{"notes": "0-71", "channel": 3}, {"notes": "72-127", "velocities": "1-127",
                       "channel": 4}]}, {"drop_duplicates": {"window_ms": 5}}])",
                  protocol::make_short(0x90, 60, 100));
BENCHMARK_CAPTURE(transform_event, five_on_a_controller,
                  R"([{"channel": 2}, {"controller": {"7": 11}},
                      {"controller_value": {"controllers": 11, "curve": [[0, 20], [127, 100]]}},
                      {"rate_limit": {"interval_ms": 10}}, {"delay_ms": 5}])",
                  protocol::make_short(0xB0, 7, 100));
BENCHMARK_CAPTURE(transform_event, five_with_conditions,
                  R"([{"channel": 2, "only": {"notes": "C4-B4"}},
                      {"transpose": 12, "only": {"velocities": "64-127"}},
                      {"velocity": 90, "only": {"types": "note"}},
                      {"channel": 9, "only": {"channels": [1, 2]}}, {"transpose": -12}])",
                  protocol::make_short(0x90, 60, 100));

void filter_event(benchmark::State& state, const std::string& filter) {
  event_filter made(rule(R"({"from": "*", "to": "*", "filter": )" + filter + "}").filter);
  events out;
  event e{protocol::make_short(0x90, 60, 100), {}};
  run_counted(state, 1, [&] {
    out.clear();
    made.process(std::span(&e, 1), out);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK_CAPTURE(filter_event, types_and_channels,
                  R"({"types": ["note", "controller"], "channels": "1-4", "notes": "36-84"})");
BENCHMARK_CAPTURE(filter_event, velocities_and_exclusions,
                  R"({"velocities": "64-127", "exclude": [{"channels": 10}, {"types": "clock"}]})");

} // namespace
