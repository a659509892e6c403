#include "io/publications.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tutti::io;
namespace ip = boost::asio::ip;

namespace {

network_interface interface(unsigned index, const char* name, std::vector<const char*> addresses,
                            bool up = true) {
  network_interface result;
  result.index = index;
  result.name = name;
  result.up = result.running = up;
  result.loopback = index == 1;
  for (const auto* text : addresses)
    result.addresses.push_back({ip::make_address(text), 24});
  return result;
}

const std::vector<network_interface> three = {interface(1, "lo", {"127.0.0.1", "::1"}),
                                              interface(2, "eth0", {"10.0.0.1", "fd00::1"}),
                                              interface(3, "wlan0", {"10.1.0.1", "fe80::1"})};

announcement studio(ip_family family = ip_family::any) {
  announcement service;
  service.name = "Studio";
  service.type = "_apple-midi._udp";
  service.port = 5004;
  service.family = family;
  return service;
}

/// Plays a responder: prints what it is told, one line each, and answers on demand.
struct fixture {
  publications list;
  publications::time_point now{};

  std::string commands() {
    std::string lines;
    for (const auto& command : list.take_commands()) {
      const bool is_address = command.id >= publications::first_address;
      const auto id = is_address ? "address" : std::to_string(command.id);
      if (command.what == publication_command::kind::withdraw) {
        lines += "withdraw " + id + "\n";
        continue;
      }
      lines += "announce " + id + ":";
      const auto& service = command.service;
      if (!service.name.empty())
        lines += " " + service.name + " " + std::to_string(service.port);
      for (auto index : service.interfaces)
        lines += " on " + std::to_string(index);
      if (!service.host.empty())
        lines += " " + service.host;
      for (const auto& record : service.host_records)
        lines += " " + record.address.to_string() + " on " + std::to_string(record.interface);
      lines += "\n";
      if (is_address)
        last_address = command.id;
    }
    return lines;
  }
  void answer(registration_id id, registration_outcome outcome, const char* reason = "") {
    list.on_result({id, outcome, reason}, now);
  }
  publication_status status() {
    const auto all = list.list();
    REQUIRE(all.size() == 1);
    return all[0];
  }
  registration_id last_address = 0;
};

} // namespace

TEST_CASE("a service without restrictions is announced everywhere at once", "[io][publications]") {
  fixture f;
  f.list.publish(1, studio());
  CHECK(f.commands().empty());
  CHECK(f.status().state == publication_state::waiting);
  f.list.on_responder("hub.local");
  CHECK(f.commands() == "announce 1: Studio 5004 on 0\n");
  CHECK(f.status().state == publication_state::probing);
  f.answer(1, registration_outcome::established);
  CHECK(f.status().state == publication_state::established);
  f.list.on_interfaces(three);
  CHECK(f.commands().empty()); // the responder follows them itself
  f.list.withdraw(1);
  CHECK(f.commands() == "withdraw 1\n");
  CHECK(f.list.list().empty());
}

TEST_CASE("each change of a status is told once", "[io][publications]") {
  fixture f;
  f.list.publish(1, studio());
  REQUIRE(f.list.take_changes().size() == 1);
  CHECK(f.list.take_changes().empty());
  f.list.on_responder("hub.local");
  f.answer(1, registration_outcome::established);
  const auto changes = f.list.take_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].state == publication_state::established);
}

TEST_CASE("a name that is taken gets the next number", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.commands();
  f.answer(1, registration_outcome::collision);
  CHECK(f.commands() == "announce 1: Studio #2 5004 on 0\n");
  f.answer(1, registration_outcome::collision);
  CHECK(f.commands() == "announce 1: Studio #3 5004 on 0\n");
  f.answer(1, registration_outcome::established);
  CHECK(f.status().wanted == "Studio");
  CHECK(f.status().name == "Studio #3");
}

TEST_CASE("a name that another host is seen with is not probed for", "[io][publications]") {
  fixture f;
  const std::string type = studio().type;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.commands();
  f.list.avoid({{"_http._tcp", "Studio"}});
  CHECK(f.commands().empty());
  f.list.avoid({{type, "Studio"}, {type, "Studio #2"}});
  CHECK(f.commands() == "announce 1: Studio #3 5004 on 0\n");
  f.answer(1, registration_outcome::established);
  f.list.avoid({{type, "Studio #3"}}); // from here on it is the responders' to settle
  CHECK(f.commands().empty());
  CHECK(f.status().name == "Studio #3");
}

TEST_CASE("the next responder is asked for the wanted name first", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.answer(1, registration_outcome::collision);
  f.commands();
  f.list.on_responder({});
  CHECK(f.commands().empty()); // what was announced went with it
  CHECK(f.status().state == publication_state::waiting);
  f.list.on_responder("hub-tutti.local");
  CHECK(f.commands() == "announce 1: Studio 5004 on 0\n");
}

TEST_CASE("a name that stays taken fails, and is tried again later", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  for (unsigned i = 0; i <= publications::max_renames; ++i)
    f.answer(1, registration_outcome::collision);
  CHECK(f.status().state == publication_state::failed);
  f.commands();
  REQUIRE(f.list.next_deadline());
  f.now = *f.list.next_deadline();
  f.list.on_time(f.now);
  CHECK(f.commands() == "announce 1: Studio 5004 on 0\n");
  CHECK_FALSE(f.list.next_deadline());
}

TEST_CASE("a refusal is told with its reason, and tried again later", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.commands();
  f.answer(1, registration_outcome::failed, "too many objects");
  CHECK(f.status().state == publication_state::failed);
  CHECK(f.status().reason == "too many objects");
  f.list.on_time(f.now + publications::retry_time);
  CHECK(f.status().state == publication_state::probing);
}

TEST_CASE("a new port is announced anew under the name in use", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.answer(1, registration_outcome::collision);
  f.answer(1, registration_outcome::established);
  f.commands();
  auto moved = studio();
  moved.port = 5010;
  f.list.publish(1, moved);
  CHECK(f.commands() == "announce 1: Studio #2 5010 on 0\n");
  f.list.publish(1, moved);
  CHECK(f.commands().empty());
}

TEST_CASE("a service of one family points to a host name with those addresses only",
          "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.on_interfaces(three);
  f.list.publish(1, studio(ip_family::ipv4));
  CHECK(f.commands() == "announce address: hub-5004.local 127.0.0.1 on 1\n"
                        "announce address: hub-5004.local 10.0.0.1 on 2\n"
                        "announce address: hub-5004.local 10.1.0.1 on 3\n"
                        "announce 1: Studio 5004 on 0 hub-5004.local\n");
}

TEST_CASE("an address that comes or goes leaves the service alone", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.on_interfaces(three);
  f.list.publish(1, studio(ip_family::ipv4));
  f.answer(1, registration_outcome::established);
  f.commands();
  auto changed = three;
  changed[1].addresses = {{ip::make_address("10.0.0.77"), 24}};
  changed[2].up = false;
  f.list.on_interfaces(changed);
  CHECK(f.commands() == "withdraw address\nwithdraw address\n"
                        "announce address: hub-5004.local 10.0.0.77 on 2\n");
  CHECK(f.status().state == publication_state::established);
}

TEST_CASE("a service without an address of its family waits for one", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.on_interfaces({interface(2, "eth0", {"10.0.0.1"})});
  f.list.publish(1, studio(ip_family::ipv6));
  CHECK(f.commands().empty());
  CHECK(f.status().state == publication_state::waiting);
  f.list.on_interfaces(three);
  CHECK(f.commands().find("announce 1") != std::string::npos);
  f.list.on_interfaces({});
  CHECK(f.commands().find("withdraw 1\n") == 0);
  CHECK(f.status().state == publication_state::waiting);
}

TEST_CASE("tentative and short-lived addresses are not announced", "[io][publications]") {
  auto eth = interface(2, "eth0", {"fd00::1", "fd00::2", "fd00::3"});
  eth.addresses[0].tentative = true;
  eth.addresses[1].short_lived = true;
  const auto plan = plan_registration(studio(ip_family::ipv6), "Studio", {"hub.local", {}, {eth}});
  REQUIRE(plan.host_records.size() == 1);
  CHECK(plan.host_records[0].address == ip::make_address("fd00::3"));
}

TEST_CASE("a service on chosen interfaces is announced on these, when they are up",
          "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  auto service = studio();
  service.interfaces = {"wlan0"};
  f.list.publish(1, service);
  CHECK(f.commands().empty());
  f.list.on_interfaces(three);
  CHECK(f.commands() == "announce 1: Studio 5004 on 3\n");
  auto changed = three;
  changed[2].up = false;
  f.list.on_interfaces(changed);
  CHECK(f.commands() == "withdraw 1\n");
}

TEST_CASE("a responder that is restricted alike needs no list of interfaces",
          "[io][publications]") {
  auto service = studio();
  service.interfaces = {"eth0", "wlan0"};
  const auto plan = plan_registration(service, "Studio", {"hub.local", {"eth0", "wlan0"}, three});
  CHECK(plan.interfaces == std::vector<unsigned>{0});
  CHECK(plan.host.empty());
}

TEST_CASE("a service bound to addresses is announced with these, where they are",
          "[io][publications]") {
  auto service = studio();
  service.addresses = {ip::make_address("10.0.0.1")};
  auto plan = plan_registration(service, "Studio", {"hub.local", {}, three});
  CHECK(plan.interfaces == std::vector<unsigned>{2});
  REQUIRE(plan.host_records.size() == 1);
  service.addresses = {ip::make_address("127.0.0.1")};
  plan = plan_registration(service, "Studio", {"hub.local", {}, three});
  CHECK(plan.interfaces == std::vector<unsigned>{1}); // for the other programs of this machine
}

TEST_CASE("a host name of its own that is taken gets another", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.on_interfaces({interface(2, "eth0", {"10.0.0.1"})});
  f.list.publish(1, studio(ip_family::ipv4));
  f.commands();
  f.answer(f.last_address, registration_outcome::collision);
  CHECK(f.commands() == "withdraw 1\nwithdraw address\n"
                        "announce address: hub-5004-2.local 10.0.0.1 on 2\n"
                        "announce 1: Studio 5004 on 0 hub-5004-2.local\n");
}

TEST_CASE("results of what is withdrawn are ignored", "[io][publications]") {
  fixture f;
  f.list.on_responder("hub.local");
  f.list.publish(1, studio());
  f.list.withdraw(1);
  f.commands();
  f.answer(1, registration_outcome::collision);
  f.answer(7, registration_outcome::established);
  CHECK(f.commands().empty());
}

TEST_CASE("names are fitted to what DNS takes", "[io][publications]") {
  CHECK(fit_service_name("Studio") == "Studio");
  CHECK(fit_service_name("") == "Tutti");
  CHECK(fit_service_name("a\nb\x7F") == "ab");
  CHECK(fit_service_name("B\xC3\xBChne") == "B\xC3\xBChne");
  CHECK(fit_service_name("bad \xC3 \xFF\x80") == "bad  ");
  CHECK(fit_service_name(std::string(80, 'x')) == std::string(63, 'x'));
  // no half character at the end
  const std::string nearly(62, 'x');
  CHECK(fit_service_name(nearly + "\xC3\xBC") == nearly);
}
