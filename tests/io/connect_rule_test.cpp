#include "io/connect_rule.hpp"

#include <catch2/catch.hpp>

using namespace tutti::io;
namespace ip = boost::asio::ip;

namespace {

discovered_service service(const char* name, const char* host,
                           std::vector<const char*> addresses = {"10.0.0.7"}) {
  discovered_service result{name, "_apple-midi._udp", host, {}};
  for (const auto* address : addresses)
    result.endpoints.emplace_back(ip::make_address(address), 5004);
  return result;
}

const auto ipad = service("Anna's iPad", "annas-ipad.local", {"10.0.0.7", "fd00::7"});

bool matches_address(const char* pattern) {
  return matches({"", "", pattern}, ipad);
}

} // namespace

TEST_CASE("nothing is connected without a rule", "[io][connect_rule]") {
  CHECK(decide({}, ipad) == connect_policy::never);
}

TEST_CASE("names match by pattern, in any case", "[io][connect_rule]") {
  CHECK(matches({"*ipad", "", ""}, ipad));
  CHECK(matches({"Anna?s iPad", "", ""}, ipad));
  CHECK_FALSE(matches({"iPad", "", ""}, ipad));
  CHECK(matches({"St\\*r", "", ""}, service("St*r", "x.local")));
  CHECK_FALSE(matches({"St\\*r", "", ""}, service("Star", "x.local")));
}

TEST_CASE("hosts match with and without their domain", "[io][connect_rule]") {
  CHECK(matches({"", "annas-ipad", ""}, ipad));
  CHECK(matches({"", "annas-ipad.local", ""}, ipad));
  CHECK(matches({"", "annas-*", ""}, ipad));
  CHECK_FALSE(matches({"", "ipad", ""}, ipad));
}

TEST_CASE("addresses match by network, address and pattern", "[io][connect_rule]") {
  CHECK(matches_address("10.0.0.0/8"));
  CHECK(matches_address("10.0.0.7/32"));
  CHECK(matches_address("fd00::/8"));
  CHECK(matches_address("10.0.0.7"));
  CHECK(matches_address("fd00:0:0::7"));
  CHECK(matches_address("10.0.*"));
  CHECK_FALSE(matches_address("10.1.0.0/16"));
  CHECK_FALSE(matches_address("10.0.0.8"));
  CHECK_FALSE(matches_address("192.168.*"));
  CHECK_FALSE(matches_address("nonsense/8"));
}

TEST_CASE("all parts of a rule must match", "[io][connect_rule]") {
  CHECK(matches({"*iPad", "annas-*", "10.0.0.0/24"}, ipad));
  CHECK_FALSE(matches({"*iPad", "berts-*", "10.0.0.0/24"}, ipad));
  CHECK(matches({}, ipad));
}

TEST_CASE("the first rule that matches decides, exceptions pass a service on",
          "[io][connect_rule]") {
  const std::vector<connect_rule> rules = {
      {{"*iPad", "", ""}, {{"Test*", "", ""}, {"", "", "10.9.0.0/16"}}, connect_policy::always},
      {{"*iPad", "", ""}, {}, connect_policy::on_demand},
  };
  CHECK(decide(rules, ipad) == connect_policy::always);
  CHECK(decide(rules, service("Test iPad", "x.local")) == connect_policy::on_demand);
  CHECK(decide(rules, service("Bert's iPad", "x.local", {"10.9.0.1"})) ==
        connect_policy::on_demand);
  CHECK(decide(rules, service("Piano", "x.local")) == connect_policy::never);
}

TEST_CASE("a link-local address matches whatever its scope", "[io][connect_rule]") {
  auto linked = service("Piano", "x.local");
  auto address = ip::make_address_v6("fe80::7");
  address.scope_id(4002);
  linked.endpoints = {{address, 5004}};
  for (const auto* pattern : {"fe80::/10", "fe80::7", "fe80::*"})
    CHECK(matches({"", "", pattern}, linked));
}

TEST_CASE("mistakes in address patterns are told", "[io][connect_rule]") {
  for (const auto* good : {"10.0.0.0/8", "fd00::/8", "10.0.0.7", "192.168.[12].*", "fe80::*"})
    CHECK_FALSE(address_pattern_mistake(good));
  for (const auto* bad : {"10.0.0.0/33", "studio.local", "10.0.0.0/", "fd00::/x"})
    CHECK(address_pattern_mistake(bad));
}
