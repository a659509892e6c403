// Random performances over a random network: when it heals, the receiver knows what the sender said.
#include "tests/support/journal_simulation.hpp"
#include "tests/support/random_session.hpp"
#include "tests/support/state_difference.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

/// TUTTI_JOURNAL_SESSIONS=n runs n random sessions instead of 2,000 (tests/nightly-journal).
std::uint64_t session_count(std::uint64_t usual) {
  const auto* wanted = std::getenv("TUTTI_JOURNAL_SESSIONS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : usual;
}

/// Every note that is heard is meant; what is meant and not heard was too old to be played.
bool hears_no_stray_note(const midi_state& heard, const midi_state& truth) {
  for (unsigned i = 0; i < 16; ++i) {
    if (heard.channel(i) == nullptr)
      continue;
    for (const auto& note : heard.channel(i)->held_notes())
      if (truth.channel(i) == nullptr || truth.channel(i)->held(note.note) == nullptr)
        return false;
  }
  return true;
}

} // namespace

TEST_CASE("after the network heals, sender and receiver agree within one guard interval",
          "[protocol][journal][convergence]") {
  auto sessions = session_count(2000);
  std::uint64_t repaired = 0;
  std::uint64_t shortened = 0;
  for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
    random_performance random(seed);
    journal_simulation simulation(random_options(random, seed));
    perform(simulation, random, hub_time(std::chrono::milliseconds(500 + random.below(2500))));
    heal(simulation);
    auto agrees = simulation.truth == simulation.receiver.state();
    auto clean = hears_no_stray_note(simulation.heard, simulation.truth);
    if (!agrees || !clean || simulation.errors != decode_error_counters{}) {
      INFO("seed " << seed << '\n' << difference(simulation.truth, simulation.receiver.state()));
      CHECK(simulation.errors == decode_error_counters{});
      CHECK(clean);
      CHECK(agrees);
      break;
    }
    for (const auto& [sysex, count] : simulation.sysex_heard)
      if (sysex.rfind("7d", 0) == 0 && count > simulation.sysex_sent[sysex]) {
        INFO("seed " << seed << " SysEx " << sysex);
        CHECK(count <= simulation.sysex_sent[sysex]);
      }
    repaired += simulation.repairs.total();
    shortened += simulation.sender.counters().shortened;
  }
  CHECK(repaired > sessions); // it was worth the trouble
  WARN(sessions << " sessions, " << repaired << " events repaired, " << shortened
                << " journals shortened");
}
