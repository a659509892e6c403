#include "tests/support/actor_house.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::protocol;
using test::actor_house;

namespace {

struct tapped {
  port_key from, to;
  std::size_t events;

  friend bool operator==(const tapped&, const tapped&) = default;
};

/// Collects what the router shows.
tap_sink spawn_tap(actor_house& house, std::vector<tapped>& seen) {
  return house.system->spawn(
      [&seen](tap_sink::pointer, int) -> tap_sink::behavior_type {
        return {[&seen](atom::tap, port_key from, port_key to, const batch_ptr& batch) {
          seen.push_back({from, to, batch->events().size()});
        }};
      },
      0);
}

bool heard_message(const std::vector<event>& heard, const ump& message) {
  return std::any_of(heard.begin(), heard.end(),
                     [&](const event& one) { return one.message == message; });
}

const ump note_on = make_short(0x90, 60, 100);
const ump note_off = make_short(0x80, 60, 64);

} // namespace

TEST_CASE("a tap shows what a port plays and what is played to one", "[actors][router][api]") {
  actor_house house;
  std::vector<event> anna, ben;
  std::vector<tapped> seen;
  auto a = house.add_port("Anna", anna), b = house.add_port("Ben", ben);
  auto tap = spawn_tap(house, seen);
  house.play(a, note_on);
  caf::anon_send(house.router, atom::tap_v, tap, std::vector<port_key>{a},
                 std::vector<port_key>{b});
  house.play(a, note_off);
  house.play(b, note_on);
  REQUIRE(house.run_until([&] { return ben.size() == 2 && anna.size() == 1; }));
  CHECK(seen == std::vector<tapped>{{a, 0, 1}, {a, b, 1}});
  caf::anon_send(house.router, atom::tap_v, tap, std::vector<port_key>{}, std::vector<port_key>{});
  house.play(a, note_on);
  REQUIRE(house.run_until([&] { return ben.size() == 3; }));
  CHECK(seen.size() == 2);
  caf::anon_send_exit(tap, caf::exit_reason::user_shutdown);
}

TEST_CASE("panic releases what is known to sound and tells every channel",
          "[actors][router][api]") {
  actor_house house;
  std::vector<event> anna, ben;
  auto a = house.add_port("Anna", anna);
  house.add_port("Ben", ben);
  house.play(a, note_on);
  REQUIRE(house.run_until([&] { return ben.size() == 1; }));
  CHECK(house.ask<std::uint32_t>(house.router, atom::panic_v, std::string("test/test/Ben")) == 1);
  REQUIRE(house.run_until([&] { return ben.size() == 2 + 16 * 4; }));
  CHECK(heard_message(ben, note_off));
  CHECK(heard_message(ben, make_short(0xBF, 123, 0)));
  CHECK(anna.empty());
  CHECK(house.ask<std::uint32_t>(house.router, atom::panic_v, std::string("none")) == 0);
  CHECK(house.ask<std::uint32_t>(house.router, atom::panic_v, std::string()) == 2);
  // The source's own release still comes, as if nothing had happened.
  auto before = ben.size();
  house.play(a, note_off);
  REQUIRE(house.run_until([&] { return ben.size() > before; }));
}

TEST_CASE("messages are played to a port or as if it had played them", "[actors][router][api]") {
  actor_house house;
  std::vector<event> anna, ben;
  house.add_port("Anna", anna);
  house.add_port("Ben", ben);
  event one{note_on};
  auto play = [&](const char* id, bool as_source) {
    return house.ask<bool>(house.router, atom::play_v, std::string(id), as_source,
                           make_batch({&one, 1}));
  };
  CHECK(play("test/test/Anna", false));
  CHECK(play("test/test/Anna", true));
  CHECK_FALSE(play("test/test/None", false));
  REQUIRE(house.run_until([&] { return anna.size() == 1 && ben.size() == 1; }));
  auto meters = house.ask<std::vector<port_activity>>(house.router, atom::meters_v);
  REQUIRE(meters.size() == 2);
  CHECK(meters[0].events_in == 1);
  CHECK(meters[0].events_out == 1);
  CHECK(meters[1].events_out == 1);
}

TEST_CASE("routes are told in pages, in the order of their ports", "[actors][router][api]") {
  actor_house house;
  std::vector<event> heard;
  for (auto name : {"A", "B", "C", "D"})
    house.add_port(name, heard);
  std::vector<std::pair<std::string, std::string>> all;
  route_query wanted;
  wanted.limit = 5;
  for (;;) {
    auto page = house.ask<std::vector<route_info>>(house.router, atom::routes_v, wanted);
    for (const auto& one : page)
      all.emplace_back(one.from, one.to);
    if (page.size() < wanted.limit)
      break;
    wanted.after_from = page.back().from_key;
    wanted.after_to = page.back().to_key;
    wanted.after_rule = page.back().rule_index;
  }
  CHECK(all.size() == 12);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  route_query to_b;
  to_b.to = "test/test/B";
  CHECK(house.ask<std::vector<route_info>>(house.router, atom::routes_v, to_b).size() == 3);
}
