// A port that comes when rules are in force gets the routes that it had got if it had been first.
#include "tests/support/studio.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti;
using test::studio;

namespace {

const std::vector<std::string> ports{"rtp/S/A",    "rtp/S/B",     "rtp/T/C",  "rtp/T/D",
                                     "alsa/K/in<", "alsa/K/out>", "alsa/K/0", "tcp/L/1"};

// Most are plain, as most rules are.
const std::vector<std::string> rules{"{}",
                                     "{'from': 'rtp/*'}",
                                     "{'to': 'rtp/S/*'}",
                                     "{'from': 'rtp/S/*', 'to': 'alsa/*'}",
                                     "{'from': 'alsa/*', 'to': '*', 'echo': true}",
                                     "{'from': 'rtp/*', 'to': 'rtp/*', 'priority': 2}",
                                     "{'from': 'rtp/S/A', 'to': '*', 'priority': 1, 'echo': true}",
                                     "{'to': 'tcp/*', 'enabled': false}",
                                     "{'from': 'rtp/T/C', 'block': true, 'priority': 3}",
                                     "{'from': 'alsa/*', 'filter': {'types': 'note'}}",
                                     "{'to': 'tcp/*', 'transforms': [{'channel': 3}]}",
                                     "{'from': 'tcp/*', 'chase': true}"};

std::set<std::string> routes_of(studio& s) {
  std::set<std::string> found;
  const auto& table = s.bay().table();
  for (routing::port_slot from = 0; from < table.slot_limit(); ++from)
    for (const auto& one : table.routes_from(from))
      found.insert(table.port(from).id + " > " + table.port(one.to).id + " by rule " +
                   std::to_string(one.rule) + (one.plain ? "" : ", not plain"));
  return found;
}

/// What the changes that were told amount to, `from>to`.
void follow(std::set<std::string>& pairs, const std::string& changes) {
  std::istringstream words(changes);
  for (std::string word; words >> word;) {
    if (word[0] == '+')
      CHECK(pairs.insert(word.substr(1)).second);
    else if (word[0] == '-')
      CHECK(pairs.erase(word.substr(1)) == 1);
  }
}

std::set<std::string> pairs_of(studio& s) {
  std::set<std::string> found;
  const auto& table = s.bay().table();
  for (routing::port_slot from = 0; from < table.slot_limit(); ++from)
    for (const auto& one : table.routes_from(from))
      found.insert(table.port(from).id + ">" + table.port(one.to).id);
  return found;
}

std::vector<std::string> pick_rules(std::mt19937& random) {
  std::vector<std::string> some;
  for (auto n = 1 + random() % 3; some.size() < n;)
    some.push_back(rules[random() % rules.size()]);
  return some;
}

void move_port(studio& s, const std::string& id, bool comes, bool by_rule) {
  if (!comes)
    s.down(id);
  else if (by_rule)
    s.up(id);
  else
    s.up_without_rules(id, "rtp/S/B");
}

} // namespace

TEST_CASE("routes are the same whether the rules or the ports were first",
          "[routing][patchbay][property]") {
  std::mt19937 random(20);
  for (int round = 0; round < 400; ++round) {
    auto some = pick_rules(random);
    INFO("round " << round << ": " << some[0] << (some.size() > 1 ? " ..." : ""));
    studio early(some), late(std::vector<std::string>{});
    std::set<std::string> up, told;
    for (int step = 0; step < 14; ++step) {
      const auto& id = ports[random() % ports.size()];
      bool comes = up.insert(id).second;
      if (!comes)
        up.erase(id);
      bool by_rule = id != "tcp/L/1" || round % 3 != 0;
      move_port(early, id, comes, by_rule);
      move_port(late, id, comes, by_rule);
      follow(told, early.changes());
      REQUIRE(told == pairs_of(early));
    }
    late.set_rules(some);
    REQUIRE(routes_of(early) == routes_of(late));
  }
}
