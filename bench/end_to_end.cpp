// End to end: the hub beside a bare relay, on the same work, in turn, on this machine.
// Decides: the command line.
// Leaves: the works and their targets (end_to_end/works), how to read the table (README.md).
// Thread: one; relay and hub are processes of their own.
#include "bench/end_to_end/machine.hpp"
#include "bench/end_to_end/works.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sys/prctl.h>

namespace {

using namespace tutti::bench;

struct choices {
  settings how;
  std::vector<std::string> works;
  bool markdown = false;
};

void add_options(CLI::App& app, choices& chosen) {
  std::vector<std::string> names;
  for (auto& one : all_works())
    names.push_back(one.name);
  app.add_option("--works", chosen.works, "Only these, separated by commas; default: all")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--rounds", chosen.how.rounds, "Rounds of each work")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--hub", chosen.how.hub, "The hub's program")->capture_default_str();
  app.add_option("--hub-arguments", chosen.how.hub_arguments, "What it is started with")
      ->delimiter(' ')
      ->capture_default_str();
  app.add_option("--relay", chosen.how.relay, "The relay's program")->capture_default_str();
  app.add_option("--server-core", chosen.how.cores.server, "Core of relay and hub; -1: any")
      ->capture_default_str();
  app.add_option("--generator-core", chosen.how.cores.generator, "Core of the peers; -1: any")
      ->capture_default_str();
  app.add_option_function<long>(
      "--alive", [&](long seconds) { chosen.how.alive = std::chrono::seconds(seconds); },
      "Keep the many peers for so many seconds and see whether all still hear");
  app.add_flag("--spinning-peers", chosen.how.spinning_peers,
               "Peers poll for packets: latency without the time it takes to wake them");
  app.add_flag("--hub-is-relay", chosen.how.hub_is_relay,
               "Measure the relay against itself: shows the noise of machine and method");
  app.add_flag("--markdown", chosen.markdown, "Print the table for a README");
}

std::vector<work_report> measure(const choices& chosen) {
  std::vector<work_report> reports;
  for (auto& one : all_works()) {
    auto named = std::ranges::find(chosen.works, one.name) != chosen.works.end();
    if ((!chosen.works.empty() && !named) || (chosen.how.hub_is_relay && !one.with_relay))
      continue;
    std::cerr << one.what << " ..." << std::endl;
    work_report report{one.what, {}, {}};
    try {
      one.measure(chosen.how, report);
    } catch (const std::exception& error) {
      report.remarks.push_back(std::string("not measured to the end: ") + error.what());
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

void print_preamble(const choices& chosen, const load_watch& load) {
  auto shares = load.now();
  std::cout << describe_machine() << "\nserver on core " << chosen.how.cores.server
            << ", peers on core " << chosen.how.cores.generator << "; " << chosen.how.rounds
            << " rounds; meanwhile other programs took " << int(shares.others * 100 + 0.5)
            << " % of the machine and its host " << int(shares.stolen * 100 + 0.5) << " %\n\n";
}

} // namespace

int main(int argc, char** argv) {
  choices chosen;
  auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  chosen.how.relay = here / "relay";
  chosen.how.hub = here.parent_path() / "tutti";
  chosen.how.cores = choose_cores();
  CLI::App app(
      "Measures the hub beside a bare UDP relay, in turn, with the same peers and traffic.");
  add_options(app, chosen);
  CLI11_PARSE(app, argc, argv);

  raise_file_limit();
  prctl(PR_SET_TIMERSLACK, 1); // ns; the peers' pace is not to wait for the kernel's 50 µs
  if (chosen.how.cores.generator >= 0)
    pin_to_core(chosen.how.cores.generator);
  load_watch load;
  auto reports = measure(chosen);
  print_preamble(chosen, load);
  if (chosen.markdown)
    print_markdown(std::cout, reports);
  else
    print_text(std::cout, reports);
}
