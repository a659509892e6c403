#include "io/service_table.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace std::chrono_literals;
using namespace tutti::io;
namespace ip = boost::asio::ip;

namespace {

constexpr unsigned lo = 1, eth = 4002, wifi = 4003; // no real ones: scopes print as numbers

sighting on(unsigned interface, ip_family family = ip_family::ipv4) {
  return {interface, family, true};
}
sighting off(unsigned interface, ip_family family = ip_family::ipv4) {
  return {interface, family, false};
}

/// Plays records into a table and keeps a transcript of what comes out, one line each.
struct fixture {
  service_table table{"_apple-midi._udp"};
  service_table::time_point now{};

  void instance(const std::string& name, sighting where) { table.on_instance(name, where, now); }
  void server(const std::string& name, sighting where, const std::string& host,
              std::uint16_t port) {
    table.on_server(name, where, host, port, now);
  }
  void address(const std::string& host, sighting where, const char* address) {
    table.on_address(host, where, ip::make_address(address), now);
  }
  /// One service as it is announced on one interface.
  void announce(const std::string& name, const std::string& host, std::uint16_t port,
                const char* address_text, unsigned interface = eth) {
    instance(name, on(interface));
    server(name, on(interface), host, port);
    address(host, on(interface), address_text);
  }
  void answer(const std::string& name, const std::string& host, std::uint16_t port,
              const char* address_text, unsigned interface = eth) {
    server(name, on(interface), host, port);
    address(host, on(interface), address_text);
  }

  /// The events of the next `time`, walking from deadline to deadline.
  std::string after(std::chrono::milliseconds time) {
    std::ostringstream lines;
    const auto end = now + time;
    for (;;) {
      const auto deadline = table.next_deadline();
      now = std::max(now, std::min(deadline.value_or(end), end));
      for (const auto& event : table.take_events(now))
        write(lines, event);
      if (!deadline || *deadline > end)
        break;
    }
    now = end;
    return lines.str();
  }
  std::string settled() { return after(service_table::settle_time); }

  /// The changes of questions, as "+SRV name" and "-ADR host".
  std::string questions() {
    std::string lines;
    for (const auto& change : table.take_questions())
      lines +=
          (change.asked ? "+" : "-") +
          std::string(change.question.what == service_question::kind::server ? "SRV " : "ADR ") +
          change.question.name + "\n";
    return lines;
  }

  static void write(std::ostringstream& to, const service_event& event) {
    to << (event.what == service_event::kind::added     ? "added "
           : event.what == service_event::kind::changed ? "changed "
                                                        : "removed ")
       << event.service.name << " at " << event.service.host << ":";
    for (const auto& endpoint : event.service.endpoints)
      to << " " << endpoint;
    to << "\n";
  }
};

network_interface interface(unsigned index, const char* name, std::vector<const char*> addresses) {
  network_interface result;
  result.index = index;
  result.name = name;
  result.up = result.running = true;
  result.loopback = index == lo;
  for (const auto* text : addresses)
    result.addresses.push_back({ip::make_address(text), 24});
  return result;
}

} // namespace

TEST_CASE("a service appears once it has a host, a port and an address", "[io][service_table]") {
  fixture f;
  f.instance("Piano", on(eth));
  CHECK(f.questions() == "+SRV Piano\n");
  CHECK(f.settled().empty());
  f.server("Piano", on(eth), "mac.local", 5004);
  CHECK(f.questions() == "+ADR mac.local\n");
  CHECK(f.settled().empty());
  f.address("mac.local", on(eth), "10.0.0.7");
  CHECK(f.settled() == "added Piano at mac.local: 10.0.0.7:5004\n");
  CHECK(f.table.services().size() == 1);
}

TEST_CASE("all interfaces and families of a service are one entry", "[io][service_table]") {
  fixture f;
  for (auto family : {ip_family::ipv4, ip_family::ipv6})
    for (auto interface : {eth, wifi}) {
      f.instance("Piano", on(interface, family));
      f.server("Piano", on(interface, family), "mac.local", 5004);
      f.address("mac.local", on(interface, family), interface == eth ? "10.0.0.7" : "10.1.0.7");
      f.address("mac.local", on(interface, family), "fe80::7");
    }
  CHECK(f.settled() == "added Piano at mac.local: 10.0.0.7:5004 10.1.0.7:5004 "
                       "[fe80::7%4002]:5004 [fe80::7%4003]:5004\n");
  CHECK(f.table.instance_count() == 1);
}

TEST_CASE("a re-announcement is no event", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  CHECK(f.settled().empty());
}

TEST_CASE("a service vanishes with its last interface", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7", eth);
  f.announce("Piano", "mac.local", 5004, "10.1.0.7", wifi);
  f.settled();
  f.questions();
  f.instance("Piano", off(eth));
  f.server("Piano", off(eth), "mac.local", 5004);
  f.address("mac.local", off(eth), "10.0.0.7");
  CHECK(f.settled() == "changed Piano at mac.local: 10.1.0.7:5004\n");
  f.instance("Piano", off(wifi));
  CHECK(f.questions() == "-ADR mac.local\n"); // the other was taken back when it appeared
  CHECK(f.settled() == "removed Piano at mac.local: 10.1.0.7:5004\n");
  CHECK(f.table.instance_count() == 0);
  CHECK_FALSE(f.table.next_deadline());
}

TEST_CASE("a withdrawal that is taken back at once is no event", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.instance("Piano", off(eth));
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  CHECK(f.settled().empty());
}

TEST_CASE("an address change is one change", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.address("mac.local", on(eth), "10.0.0.8");
  f.address("mac.local", off(eth), "10.0.0.7");
  CHECK(f.settled() == "changed Piano at mac.local: 10.0.0.8:5004\n");
}

TEST_CASE("a port change is one change", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.questions();
  f.server("Piano", on(eth), "mac.local", 5006);
  f.server("Piano", off(eth), "mac.local", 5004);
  CHECK(f.settled() == "changed Piano at mac.local: 10.0.0.7:5006\n");
  CHECK(f.questions().empty()); // the same host: nothing new to ask
}

// A peer that loses power says no goodbye: its PTR lives for 75 minutes, SRV and A for two.
TEST_CASE("a service whose host has expired is gone, and back with it", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.address("mac.local", off(eth), "10.0.0.7");
  f.server("Piano", off(eth), "mac.local", 5004);
  CHECK(f.settled() == "removed Piano at mac.local: 10.0.0.7:5004\n");
  f.server("Piano", on(eth), "mac.local", 5004);
  f.address("mac.local", on(eth), "10.0.0.7");
  CHECK(f.settled() == "added Piano at mac.local: 10.0.0.7:5004\n");
}

TEST_CASE("two hosts under one name are one entry with the addresses of both",
          "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7", eth);
  f.announce("Piano", "pc.local", 5006, "10.1.0.9", wifi);
  CHECK(f.settled() == "added Piano at mac.local: 10.0.0.7:5004 10.1.0.9:5006\n");
}

TEST_CASE("the addresses of a host are asked for once for all its services",
          "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.announce("Drums", "mac.local", 5006, "10.0.0.7");
  CHECK(f.questions() == "+SRV Piano\n+ADR mac.local\n+SRV Drums\n");
  f.instance("Piano", off(eth));
  CHECK(f.questions() == "-SRV Piano\n");
  f.instance("Drums", off(eth));
  CHECK(f.questions() == "-SRV Drums\n-ADR mac.local\n");
}

TEST_CASE("our own services are left out, under whatever name", "[io][service_table]") {
  fixture f;
  local_host local;
  local.interfaces = {interface(lo, "lo", {"127.0.0.1"}), interface(eth, "eth0", {"10.0.0.1"})};
  local.host_names = {"hub.local"};
  local.ports = {5004};
  f.table.set_local_host(local, f.now);
  f.announce("Tutti", "hub.local", 5004, "10.0.0.1");    // by host and port
  f.announce("Old name", "old.local", 5004, "10.0.0.1"); // by address and port
  f.announce("Same host, other program", "hub.local", 5010, "10.0.0.1");
  f.announce("Same port, other host", "mac.local", 5004, "10.0.0.7");
  CHECK(f.settled() == "added Same host, other program at hub.local: 10.0.0.1:5010\n"
                       "added Same port, other host at mac.local: 10.0.0.7:5004\n");
}

TEST_CASE("an entry that turns out to be ours is removed", "[io][service_table]") {
  fixture f;
  f.announce("Tutti", "hub.local", 5004, "10.0.0.1");
  CHECK(f.settled() == "added Tutti at hub.local: 10.0.0.1:5004\n");
  local_host local;
  local.interfaces = {interface(eth, "eth0", {"10.0.0.1"})};
  local.ports = {5004};
  f.table.set_local_host(local, f.now);
  CHECK(f.settled() == "removed Tutti at hub.local: 10.0.0.1:5004\n");
}

// Every host with containers has 172.17.0.1, and some announce it.
TEST_CASE("an address that is also ours is not taken from another host", "[io][service_table]") {
  fixture f;
  local_host local;
  local.interfaces = {interface(4, "docker0", {"172.17.0.1"})};
  local.ports = {5004};
  f.table.set_local_host(local, f.now);
  f.announce("Piano", "pc.local", 5004, "172.17.0.1");
  f.address("pc.local", on(eth), "10.0.0.9");
  CHECK(f.settled() == "added Piano at pc.local: 10.0.0.9:5004\n");
}

TEST_CASE("addresses that nobody can be reached at are not taken", "[io][service_table]") {
  fixture f;
  local_host local;
  local.interfaces = {interface(lo, "lo", {"127.0.0.1"})};
  f.table.set_local_host(local, f.now);
  f.announce("Piano", "pc.local", 5004, "0.0.0.0");
  for (const auto* bad : {"224.0.0.251", "255.255.255.255", "127.0.0.1", "::", "::1", "ff02::fb"})
    f.address("pc.local", on(eth), bad);
  f.address("pc.local", on(0), "fe80::1"); // on which link?
  CHECK(f.settled().empty());
  f.address("pc.local", on(lo), "127.0.0.1"); // another program of this machine
  f.address("pc.local", on(eth), "::ffff:10.0.0.9");
  CHECK(f.settled() == "added Piano at pc.local: 10.0.0.9:5004 127.0.0.1:5004\n");
}

TEST_CASE("a service without a port is not shown", "[io][service_table]") {
  fixture f;
  f.announce("Printer", "pc.local", 0, "10.0.0.9");
  CHECK(f.settled().empty());
}

TEST_CASE("only chosen interfaces count, also when they come later", "[io][service_table]") {
  fixture f;
  local_host local;
  local.interfaces = {interface(eth, "eth0", {"10.0.0.1"})};
  local.chosen_interfaces = {"wlan0"};
  f.table.set_local_host(local, f.now);
  f.announce("Piano", "mac.local", 5004, "10.0.0.7", eth);
  f.announce("Piano", "mac.local", 5004, "10.1.0.7", wifi);
  CHECK(f.settled().empty());
  local.interfaces.push_back(interface(wifi, "wlan0", {"10.1.0.1"}));
  f.table.set_local_host(local, f.now);
  CHECK(f.settled() == "added Piano at mac.local: 10.1.0.7:5004\n");
}

TEST_CASE("entries outlive the responder that saw them for a while", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.announce("Drums", "mac.local", 5006, "10.0.0.7");
  f.settled();
  f.questions();
  f.table.on_responder_lost(f.now);
  CHECK(f.questions().empty()); // the responder has forgotten the questions itself
  CHECK(f.after(3s).empty());
  CHECK(f.table.services().size() == 2);
  f.announce("Piano", "mac.local", 5004, "10.0.0.7"); // the next responder sees it
  CHECK(f.questions() == "+SRV Piano\n+ADR mac.local\n");
  CHECK(f.after(service_table::hold_time) == "removed Drums at mac.local: 10.0.0.7:5006\n");
  CHECK(f.table.services().size() == 1);
  CHECK_FALSE(f.table.next_deadline());
}

TEST_CASE("what the next responder sees differently is a change", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.table.on_responder_lost(f.now);
  f.announce("Piano", "mac.local", 5004, "10.0.0.9");
  CHECK(f.after(10s) == "changed Piano at mac.local: 10.0.0.9:5004\n");
}

TEST_CASE("a held entry that is withdrawn on sight is gone at the end of the hold",
          "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.table.on_responder_lost(f.now);
  f.instance("Piano", on(eth));
  f.instance("Piano", off(eth));
  CHECK(f.after(10s) == "removed Piano at mac.local: 10.0.0.7:5004\n");
  CHECK(f.table.instance_count() == 0);
}

TEST_CASE("the question for a service that has just appeared is taken back until it has stayed",
          "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  CHECK(f.questions() == "+SRV Piano\n+ADR mac.local\n");
  f.settled();
  CHECK(f.questions() == "-SRV Piano\n"); // addresses are watched all the time
  f.address("mac.local", on(eth), "10.0.0.8");
  CHECK(f.settled() == "changed Piano at mac.local: 10.0.0.7:5004 10.0.0.8:5004\n");
  f.after(service_table::probation - 100ms);
  CHECK(f.questions().empty());
  f.after(100ms);
  CHECK(f.questions() == "+SRV Piano\n");
  f.server("Piano", on(eth), "mac.local", 5004);
  CHECK(f.after(10s).empty());
  CHECK(f.questions().empty());
  f.instance("Piano", off(eth));
  CHECK(f.questions() == "-SRV Piano\n-ADR mac.local\n");
}

TEST_CASE("a port that changed before the question was asked again is a change then",
          "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.after(service_table::probation);
  f.server("Piano", on(eth), "mac.local", 5006);
  CHECK(f.settled() == "changed Piano at mac.local: 10.0.0.7:5004 10.0.0.7:5006\n");
  CHECK(f.after(service_table::confirm_time + 1s) == "changed Piano at mac.local: 10.0.0.7:5006\n");
}

TEST_CASE("a host that nobody has confirmed when asked again is gone", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.after(service_table::probation);
  CHECK(f.after(service_table::confirm_time + 1s) == "removed Piano at mac.local: 10.0.0.7:5004\n");
  CHECK(f.questions() == "+SRV Piano\n+ADR mac.local\n-SRV Piano\n+SRV Piano\n-ADR mac.local\n");
  f.answer("Piano", "mac.local", 5004, "10.0.0.7");
  f.address("mac.local", on(eth), "10.0.0.7");
  CHECK(f.settled() == "added Piano at mac.local: 10.0.0.7:5004\n");
}

TEST_CASE("a service that comes and goes is asked for once each time it comes",
          "[io][service_table]") {
  fixture f;
  for (int i = 0; i < 5; ++i) {
    f.announce("Piano", "mac.local", 5004, "10.0.0.7");
    f.after(service_table::probation - 1s);
    f.instance("Piano", off(eth));
    f.after(2s);
    CHECK(f.questions() == "+SRV Piano\n+ADR mac.local\n-SRV Piano\n-ADR mac.local\n");
  }
  CHECK_FALSE(f.table.next_deadline());
}

TEST_CASE("an entry on probation is asked for again on request", "[io][service_table]") {
  fixture f;
  f.announce("Piano", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.questions();
  f.table.refresh("Piano", f.now);
  CHECK(f.questions() == "+SRV Piano\n");
  f.server("Piano", on(eth), "mac.local", 5004);
  CHECK(f.after(10s).empty());
  CHECK(f.questions().empty()); // not once more
}

TEST_CASE("late answers to released questions are ignored", "[io][service_table]") {
  fixture f;
  f.instance("Piano", on(eth));
  f.instance("Piano", off(eth));
  f.answer("Piano", "mac.local", 5004, "10.0.0.7");
  CHECK(f.settled().empty());
  CHECK(f.questions() == "+SRV Piano\n-SRV Piano\n");
  CHECK(f.table.instance_count() == 0);
}

TEST_CASE("more services than can be followed are all shown", "[io][service_table]") {
  fixture f;
  const auto count = service_table::max_followed + 100;
  for (std::size_t i = 0; i < count; ++i)
    f.instance("S" + std::to_string(i), on(eth));
  CHECK(f.table.followed_count() == service_table::max_followed);
  // answers come for what was asked; what waited is asked when places are free
  for (int round = 0; round < 4; ++round) {
    for (const auto& change : f.table.take_questions())
      if (change.asked && change.question.what == service_question::kind::server)
        f.server(change.question.name, on(eth), "mac.local", 5004);
    f.address("mac.local", on(eth), "10.0.0.7");
    f.settled();
  }
  CHECK(f.table.services().size() == count);
  CHECK(f.table.followed_count() == service_table::max_followed);
  for (std::size_t i = 0; i < count; ++i)
    f.instance("S" + std::to_string(i), off(eth));
  f.settled();
  CHECK(f.table.services().empty());
  CHECK(f.table.instance_count() == 0);
  CHECK(f.table.followed_count() == 0);
}

TEST_CASE("an entry that is not followed is asked for again on request", "[io][service_table]") {
  fixture f;
  f.announce("A", "mac.local", 5004, "10.0.0.7");
  f.settled();
  f.table.on_question_failed({service_question::kind::server, "A"}, f.now);
  CHECK(f.settled().empty()); // stays as it was last seen
  f.questions();
  f.table.refresh("A", f.now);
  CHECK(f.questions() == "+SRV A\n");
  f.answer("A", "mac.local", 5006, "10.0.0.8");
  CHECK(f.questions() == "+ADR mac.local\n");
  f.address("mac.local", on(eth), "10.0.0.8");
  CHECK(f.settled() == "changed A at mac.local: 10.0.0.8:5006\n");
}

TEST_CASE("instances without an answer give way to others", "[io][service_table]") {
  fixture f;
  for (std::size_t i = 0; i < service_table::max_followed; ++i)
    f.instance("stale " + std::to_string(i), on(eth));
  f.instance("live", on(eth));
  CHECK(f.questions().find("+SRV live") == std::string::npos);
  f.after(service_table::patience + service_table::waiting_interval);
  CHECK(f.questions().find("+SRV live") != std::string::npos);
  f.answer("live", "mac.local", 5004, "10.0.0.7");
  CHECK(f.settled() == "added live at mac.local: 10.0.0.7:5004\n");
}

TEST_CASE("hostile numbers of records are dropped and counted", "[io][service_table]") {
  fixture f;
  for (std::size_t i = 0; i < service_table::max_instances + 10; ++i)
    f.instance("S" + std::to_string(i), on(eth));
  CHECK(f.table.instance_count() == service_table::max_instances);
  CHECK(f.table.dropped() == 10);
  for (std::size_t i = 0; i < service_table::max_servers_of_instance + 10; ++i)
    f.server("S0", on(eth), "mac.local", static_cast<std::uint16_t>(i + 1));
  CHECK(f.table.dropped() == 20);
  for (unsigned i = 0; i < service_table::max_addresses_of_host + 10; ++i)
    f.address("mac.local", on(eth), ("10.0.0." + std::to_string(i)).c_str());
  CHECK(f.table.dropped() == 30);
  f.settled();
  REQUIRE(f.table.services().size() == 1);
  CHECK(f.table.services()[0].endpoints.size() == service_table::max_endpoints);
}

TEST_CASE("a flapping service leaves nothing behind", "[io][service_table]") {
  fixture f;
  for (int i = 0; i < 10'000; ++i) {
    f.announce("Piano", "mac" + std::to_string(i) + ".local", 5004, "10.0.0.7");
    if (i % 3)
      f.settled();
    f.instance("Piano", off(eth));
  }
  f.settled();
  CHECK(f.table.instance_count() == 0);
  CHECK(f.table.followed_count() == 0);
  CHECK_FALSE(f.table.next_deadline());
}
