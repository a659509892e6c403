// Which ports the rules ask for.
#include "actors/routing/demand.hpp"
#include "tests/support/rule_text.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::test;

namespace {

const routing::port_description piano{"rtp/Studio/Piano", "rtp", "Studio", "Piano", true, true};

bool asks(const std::string& text) {
  auto one = rule(text);
  return routing::is_named({&one, 1}, piano);
}

} // namespace

TEST_CASE("a rule asks for the ports that it names", "[actors][routing]") {
  CHECK(asks(R"({"from": "rtp/Studio/Piano", "to": "*"})"));
  CHECK(asks(R"({"from": "*", "to": "name:Pia*"})"));
  CHECK(asks(R"({"from": ["kind:alsa", "rtp/Studio/*"], "to": "*"})"));
  CHECK_FALSE(asks(R"({"from": "*", "to": "*"})"));
  CHECK_FALSE(asks(R"({"from": "kind:rtp", "to": "session:Studio"})"));
  CHECK_FALSE(asks(R"({"from": "name:Drums", "to": "*"})"));
  CHECK_FALSE(asks(R"({"from": ["name:P*", "!name:Piano"], "to": "*"})"));
  CHECK_FALSE(asks(R"({"from": "name:Piano", "to": "*", "enabled": false})"));
  CHECK_FALSE(asks(R"({"from": "name:Piano", "to": "*", "block": true})"));
  auto one = rule(R"({"from": "name:Piano", "to": "*"})");
  auto deaf = piano;
  deaf.is_source = false;
  CHECK_FALSE(routing::is_named({&one, 1}, deaf));
}
