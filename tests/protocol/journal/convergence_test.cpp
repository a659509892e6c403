// Random performances over a random network: when it heals, the receiver knows what the sender
// said.
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

/// What was heard, with the notes that were too old to be played put in as if they had been: any
/// other difference is an event that the receiver did not give away, or gave away in vain.
midi_state heard_and_skipped(const journal_simulation& simulation) {
  auto state = simulation.heard;
  for (unsigned i = 0; i < 16; ++i) {
    if (simulation.truth.channel(i) == nullptr)
      continue;
    auto& channel = state.channel_for_change(i);
    for (const auto& note : simulation.truth.channel(i)->held_notes()) {
      const auto* ours = channel.held(note.note);
      if (ours == nullptr || ours->count < note.count)
        channel.hold(note.note, note.velocity, note.count, 0);
    }
  }
  return state;
}

/// True if all is well; else the test has failed and said why.
bool check_agreement(std::uint64_t seed, const journal_simulation& simulation) {
  const auto& truth = simulation.truth;
  auto heard = heard_and_skipped(simulation);
  auto knows = truth == simulation.receiver.state();
  auto plays = truth == heard;
  auto whole = simulation.errors == decode_error_counters{};
  auto doubled = 0;
  for (const auto& [sysex, count] : simulation.sysex_heard) {
    auto sent = simulation.sysex_sent.find(sysex);
    if (sysex.rfind("7d", 0) == 0)
      doubled += sent == simulation.sysex_sent.end() || count > sent->second;
  }
  if (knows && plays && whole && doubled == 0)
    return true;
  INFO("seed " << seed << "\nsent / known\n"
               << difference(truth, simulation.receiver.state()) << "sent / heard\n"
               << difference(truth, heard));
  CHECK(knows);
  CHECK(plays);
  CHECK(whole);
  CHECK(doubled == 0);
  return false;
}

} // namespace

TEST_CASE("after the network heals, sender and receiver agree within one guard interval",
          "[protocol][journal][convergence]") {
  auto sessions = session_count(2000);
  std::uint64_t repaired = 0;
  for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
    random_performance random(seed);
    journal_simulation simulation(random_options(random, seed));
    perform(simulation, random, hub_time(std::chrono::milliseconds(500 + random.below(2500))));
    heal(simulation);
    if (!check_agreement(seed, simulation))
      break;
    repaired += simulation.repairs.total();
  }
  CHECK(repaired > 10 * sessions); // it was worth the trouble
}

TEST_CASE("journals that have not room enough still lead to agreement, packet by packet",
          "[protocol][journal][convergence]") {
  auto sessions = session_count(2000) / 10;
  std::uint64_t shortened = 0;
  for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
    random_performance random(seed);
    auto options = random_options(random, seed);
    options.room = journal_sender::least_room;
    options.back.loss = std::max(options.back.loss, 0.5);
    random.be_dense();
    journal_simulation simulation(options);
    perform(simulation, random, hub_time(std::chrono::milliseconds(500 + random.below(2500))));
    heal(simulation);
    // What had no room needs further packets, and each of them its acknowledgement.
    simulation.run(simulation.now() + 10 * guard_policy::last_interval);
    if (!check_agreement(seed, simulation))
      break;
    shortened += simulation.sender.counters().shortened;
  }
  CHECK(shortened > sessions);
}

TEST_CASE("at 20 % loss no note sounds more than half a second past its end",
          "[protocol][journal][convergence]") {
  auto sessions = session_count(2000) / 4;
  hub_time::duration worst{};
  for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
    random_performance random(seed);
    simulation_options options;
    options.seed = seed;
    options.forward.loss = options.back.loss = 0.2;
    options.forward.jitter = options.back.jitter = 5ms;
    journal_simulation simulation(options);
    std::map<int, hub_time> hanging_since;
    auto watch = [&] {
      for (int channel = 0; channel < 16; ++channel) {
        const auto* heard = simulation.heard.channel(static_cast<unsigned>(channel));
        const auto* meant = simulation.truth.channel(static_cast<unsigned>(channel));
        for (std::uint8_t note = 0; heard != nullptr && note < 128; ++note) {
          auto key = channel * 128 + note;
          if (heard->held(note) == nullptr || (meant != nullptr && meant->held(note) != nullptr))
            hanging_since.erase(key);
          else
            worst =
                std::max(worst, simulation.now() -
                                    hanging_since.try_emplace(key, simulation.now()).first->second);
        }
      }
    };
    perform(simulation, random, hub_time(2s), watch);
    simulation.run(simulation.now() + 3s, watch); // the network stays as it is
  }
  CHECK(worst < 500ms - 25ms); // as it looks every 25 ms
}

TEST_CASE("a lost last Note Off is made good within 100 ms", "[protocol][journal][convergence]") {
  simulation_options options;
  options.forward.delay = options.back.delay = 1ms;
  journal_simulation simulation(options);
  simulation.send({make_short(0x90, 60, 100)});
  simulation.run(simulation.now() + 50ms);
  REQUIRE(simulation.heard.holds_notes());
  simulation.options().forward.loss = 1;
  simulation.send({make_short(0x80, 60, 64)});
  simulation.options().forward.loss = 0;
  simulation.run(simulation.now() + 100ms);
  CHECK_FALSE(simulation.heard.holds_notes());
  CHECK(simulation.guards == 1);
  // And that was all that had to be said.
  simulation.run(simulation.now() + 10s);
  CHECK(simulation.guards == 1);
}

TEST_CASE("a peer that never sends feedback is repaired, too, and costs a bounded journal",
          "[protocol][journal][convergence]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    random_performance random(seed);
    auto options = random_options(random, seed);
    options.sends_feedback = false;
    options.forward.loss = std::min(options.forward.loss, 0.1);
    journal_simulation simulation(options);
    perform(simulation, random, hub_time(2s));
    heal(simulation);
    simulation.send({make_short(0xFE)}); // the guards of a silent peer may all have been lost
    simulation.run(simulation.now() + 50ms);
    auto had_room = simulation.sender.counters().shortened == 0;
    if (had_room && !check_agreement(seed, simulation))
      break;
    // It is taken for silent: from now on its history is short.
    simulation.run(simulation.now() + 30s);
    std::size_t longest = 0;
    simulation.on_journal = [&](const octets& journal, std::uint32_t) {
      longest = std::max(longest, journal.size());
    };
    auto guards = simulation.guards;
    for (int i = 0; i < 50; ++i) {
      simulation.send(random.next_packet());
      simulation.run(simulation.now() + 1s);
    }
    CHECK(longest <= journal_sender_options{}.silent_peer_octets);
    CHECK(simulation.guards - guards <= 50 * guard_policy::guards_for_silent_peer);
  }
}
