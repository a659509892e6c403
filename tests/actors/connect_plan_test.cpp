// Whom the hub wants, as services come, change and go.
#include "actors/connect_plan.hpp"
#include "config/load.hpp"

#include <catch2/catch.hpp>

using namespace tutti;

namespace {

using kind = io::service_event::kind;

std::vector<config::connect_rule> rules(const nlohmann::json& text) {
  auto loaded =
      config::load_document({{"sessions", {{{"name", "A"}}, {{"name", "B"}, {"port", 6004}}}},
                             {"discovery", {{"connect", text}}}});
  REQUIRE(loaded);
  return loaded.settings().discovery.connect;
}

io::service_event event(kind what, const std::string& name, const std::vector<const char*>& hosts) {
  io::service_event out{what, {name, "_apple-midi._udp", "mac.local", {}}};
  for (auto host : hosts)
    out.service.endpoints.emplace_back(boost::asio::ip::make_address(host), std::uint16_t(5004));
  return out;
}

/// As "+session key address,address" for an invitation, and "-session key" for its end, with "!" if
/// it says goodbye.
std::string commands(connect_plan& plan) {
  std::string out;
  for (const auto& one : plan.take_commands()) {
    out += out.empty() ? "" : "; ";
    out += one.what == connect_plan::command::kind::invite ? '+' : '-';
    out += one.session + ' ' + one.target.key;
    for (const auto& where : one.target.candidates)
      out += ' ' + address_text(where);
    out += one.how == farewell::goodbye ? "!" : "";
  }
  return out;
}

io::network_interface interface(const char* name, unsigned index,
                                const std::vector<std::pair<const char*, unsigned>>& addresses) {
  io::network_interface out{index, name, true, true, false, true, {}};
  for (auto [address, bits] : addresses)
    out.addresses.push_back({boost::asio::ip::make_address(address), bits, false, false});
  return out;
}

} // namespace

TEST_CASE("nobody is invited without a rule", "[actors][connect_plan]") {
  connect_plan plan({});
  plan.on_service(event(kind::added, "Piano", {"10.0.0.7"}));
  CHECK(commands(plan).empty());
  CHECK(plan.services().count("Piano") == 1);
  plan.on_service(event(kind::removed, "Piano", {"10.0.0.7"}));
  CHECK(commands(plan).empty());
  CHECK(plan.services().empty());
}

TEST_CASE("a service is invited when it comes, when it moves and when it returns",
          "[actors][connect_plan]") {
  connect_plan plan(rules({{{"service", {"P*"}}, {"session", "B"}}}));
  plan.on_service(event(kind::added, "Piano", {"10.0.0.7"}));
  CHECK(commands(plan) == "+B service/Piano 10.0.0.7");
  plan.on_service(event(kind::added, "Drums", {"10.0.0.8"}));
  CHECK(commands(plan).empty());
  plan.on_service(event(kind::changed, "Piano", {"10.0.0.7"})); // another host name, perhaps
  CHECK(commands(plan).empty());
  plan.on_service(event(kind::changed, "Piano", {"10.0.0.9"}));
  CHECK(commands(plan) == "+B service/Piano 10.0.0.9");
  plan.on_service(event(kind::removed, "Piano", {"10.0.0.9"}));
  CHECK(commands(plan) == "-B service/Piano"); // whoever is in session stays
  plan.on_service(event(kind::added, "Piano", {"10.0.0.9"}));
  CHECK(commands(plan) == "+B service/Piano 10.0.0.9");
}

TEST_CASE("a service that falls under another rule changes its session", "[actors][connect_plan]") {
  connect_plan plan(rules({{{"addresses", {"10.1.0.0/16"}}, {"session", "B"}},
                           {{"addresses", {"10.2.0.0/16"}}, {"when", "never"}},
                           {{"service", {"*"}}}}));
  plan.on_service(event(kind::added, "Piano", {"10.0.0.7"}));
  CHECK(commands(plan) == "+ service/Piano 10.0.0.7");
  plan.on_service(event(kind::changed, "Piano", {"10.1.0.7"}));
  CHECK(commands(plan) == "- service/Piano!; +B service/Piano 10.1.0.7");
  plan.on_service(event(kind::changed, "Piano", {"10.2.0.7"}));
  CHECK(commands(plan) == "-B service/Piano!");
}

TEST_CASE("on demand, a service is invited while a route wants it", "[actors][connect_plan]") {
  connect_plan plan(rules({{{"service", {"*"}}, {"when", "on_demand"}}}));
  plan.on_service(event(kind::added, "Piano", {"10.0.0.7"}));
  CHECK(commands(plan).empty());
  plan.on_wanted("Drums", true);
  plan.on_wanted("Piano", true);
  plan.on_wanted("Piano", true);
  CHECK(commands(plan) == "+ service/Piano 10.0.0.7");
  plan.on_wanted("Piano", false);
  CHECK(commands(plan) == "- service/Piano!");
}

TEST_CASE("what is near is tried first, and a new interface is a reason to try again",
          "[actors][connect_plan]") {
  connect_plan plan(rules({{{"service", {"*"}}}}));
  plan.on_interfaces({interface("eth0", 2, {{"10.0.0.1", 24}})});
  plan.on_service(event(kind::added, "Piano", {"10.9.0.7", "10.0.0.7"}));
  CHECK(commands(plan) == "+ service/Piano 10.0.0.7 10.9.0.7");
  plan.on_interfaces({interface("eth0", 2, {{"10.9.0.1", 24}})});
  CHECK(commands(plan) == "+ service/Piano 10.9.0.7 10.0.0.7");
}

TEST_CASE("a peer named by the operator is wanted wherever its name leads",
          "[actors][connect_plan]") {
  connect_plan plan({});
  auto key = plan.add_peer({"desk.example", 5004, "B", {}});
  CHECK(plan.add_peer({"desk.example", 5004, "B", {}}) == key);
  CHECK(plan.add_peer({"desk.example", 5006, "B", {}}) != key);
  REQUIRE(plan.peer(key));
  CHECK(plan.peer(key)->host == "desk.example");
  CHECK(commands(plan).empty());
  using boost::asio::ip::make_address;
  plan.on_resolved(key, {{make_address("10.0.0.7"), 5004}});
  CHECK(commands(plan) == "+B " + key + " 10.0.0.7");
  plan.on_resolved(key, {}); // the name server is away
  CHECK(commands(plan).empty());
  plan.on_resolved(key, {{make_address("10.0.0.8"), 5004}});
  CHECK(commands(plan) == "+B " + key + " 10.0.0.8");
  plan.on_resolved(key, {{make_address("10.0.0.8"), 5004}}); // no reason to try before its time
  CHECK(commands(plan).empty());
  plan.add_peer({"desk.example", 5004, "B", {}}); // but this is
  plan.on_resolved(key, {{make_address("10.0.0.8"), 5004}});
  CHECK(commands(plan) == "+B " + key + " 10.0.0.8");
}

TEST_CASE("a session's new listener is told all that is wanted in it", "[actors][connect_plan]") {
  connect_plan plan(rules({{{"service", {"P*"}}, {"session", "B"}}, {{"service", {"D*"}}}}));
  plan.on_service(event(kind::added, "Piano", {"10.0.0.7"}));
  plan.on_service(event(kind::added, "Drums", {"10.0.0.8"}));
  auto key = plan.add_peer({"10.0.0.9", 5004, "B", {}});
  plan.on_resolved(key, {{boost::asio::ip::make_address("10.0.0.9"), 5004}});
  plan.take_commands();
  plan.renew("B");
  CHECK(commands(plan) == "+B service/Piano 10.0.0.7; +B " + key + " 10.0.0.9");
  plan.renew("");
  CHECK(commands(plan) == "+ service/Drums 10.0.0.8");
}
