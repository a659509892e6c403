// Ids that survive reconnects.
#include "actors/port_registry.hpp"

#include <catch2/catch.hpp>

using namespace tutti;

namespace {

port_description named(std::string name) {
  return {port_kind::rtp, "Studio", std::move(name), true, true};
}

} // namespace

TEST_CASE("an id is kind, group and name, with exactly two slashes", "[actors][port_registry]") {
  CHECK(make_port_id(named("Anna's iPad")) == "rtp/Studio/Anna's iPad");
  CHECK(make_port_id({port_kind::alsa, "USB/Keys", "in/0", true, false}) == "alsa/USB_Keys/in_0");
  CHECK(make_port_id({port_kind::tcp, "", "", true, true}) == "tcp/?/?");
}

TEST_CASE("namesakes are numbered, and a free number is used again", "[actors][port_registry]") {
  port_registry registry;
  CHECK(registry.bring_up(1, named("Anna")) == "rtp/Studio/Anna");
  CHECK(registry.bring_up(2, named("Anna")) == "rtp/Studio/Anna (2)");
  CHECK(registry.bring_up(3, named("Anna")) == "rtp/Studio/Anna (3)");
  CHECK(registry.bring_up(4, named("Bert")) == "rtp/Studio/Bert");
  registry.take_away(2);
  CHECK(registry.bring_up(5, named("Anna")) == "rtp/Studio/Anna (2)");
  CHECK(registry.bring_up(6, named("Anna")) == "rtp/Studio/Anna (4)");
}

TEST_CASE("a port that returns has its id again and is no longer away", "[actors][port_registry]") {
  port_registry registry;
  registry.bring_up(1, named("Anna"));
  registry.bring_up(2, named("Bert"));
  CHECK(registry.away().empty());
  registry.take_away(2);
  registry.take_away(1);
  registry.take_away(1); // twice is once
  auto away = registry.away();
  REQUIRE(away.size() == 2);
  CHECK(away[0].id == "rtp/Studio/Bert"); // in the order they went
  CHECK(away[1].id == "rtp/Studio/Anna");
  CHECK_FALSE(away[0].up);
  CHECK(away[0].description.name == "Bert");
  CHECK(registry.bring_up(3, named("Bert")) == "rtp/Studio/Bert");
  REQUIRE(registry.away().size() == 1);
  CHECK(registry.away()[0].id == "rtp/Studio/Anna");
}

TEST_CASE("a returning port's description is the new one", "[actors][port_registry]") {
  port_registry registry;
  auto description = named("Anna");
  registry.bring_up(1, description);
  registry.take_away(1);
  description.source = false;
  registry.bring_up(2, description);
  registry.take_away(2);
  CHECK_FALSE(registry.away()[0].description.source);
}

TEST_CASE("a port that was never up cannot go", "[actors][port_registry]") {
  port_registry registry;
  registry.take_away(7);
  CHECK(registry.away().empty());
}

TEST_CASE("of too many that are away the one away longest is forgotten",
          "[actors][port_registry]") {
  port_registry registry;
  auto name = [](std::size_t i) { return named(std::to_string(i)); };
  for (std::size_t i = 0; i < max_away_ports + 3; ++i) {
    registry.bring_up(i + 1, name(i));
    registry.take_away(i + 1);
  }
  auto away = registry.away();
  REQUIRE(away.size() == max_away_ports);
  CHECK(away.front().description.name == "3");
  // One returns, so one more may go without anybody being forgotten.
  registry.bring_up(9001, name(3));
  registry.bring_up(9002, named("new"));
  registry.take_away(9002);
  CHECK(registry.away().size() == max_away_ports);
  CHECK(registry.away().front().description.name == "4");
}

TEST_CASE("a name that ends like a number is still its own", "[actors][port_registry]") {
  port_registry registry;
  CHECK(registry.bring_up(1, named("Anna (2)")) == "rtp/Studio/Anna (2)");
  CHECK(registry.bring_up(2, named("Anna")) == "rtp/Studio/Anna");
  CHECK(registry.bring_up(3, named("Anna")) == "rtp/Studio/Anna (3)");
}

TEST_CASE("keys are never given twice", "[actors][port_registry]") {
  auto first = next_port_key();
  CHECK(first != 0);
  CHECK(next_port_key() == first + 1);
}
