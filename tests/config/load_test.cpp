// What the loader makes of a configuration, and how it says what is wrong.
#include "config/load.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;

namespace {

/// The mistakes of a text as lines, so that a failure reads like what the operator sees.
std::string complaints(std::string_view text) {
  auto result = load_text(text);
  std::string lines;
  if (!result)
    for (const auto& mistake : result.mistakes())
      lines += mistake.sentence() + "\n";
  return lines;
}

} // namespace

TEST_CASE("an empty object is the default configuration", "[config][load]") {
  auto result = load_text("{}");
  REQUIRE(result);
  REQUIRE(result.settings() == settings{});
  REQUIRE(result.settings().sessions.size() == 1);
  REQUIRE(result.settings().sessions[0].port == 5004);
}

TEST_CASE("sessions, peers, limits and the log level are read", "[config][load]") {
  auto result = load_text(R"({
    "$comment": "two rooms",
    "sessions": [
      {"name": "Studio", "port": 5010, "bind": ["192.168.1.5", "fe80::1%eth0"], "max_peers": 16,
       "invitations": {"policy": "list", "addresses": ["192.168.0.0/16"], "names": ["Anna*"]}},
      {"name": "Hall", "port": 0}],
    "connect": ["mac.local", "10.0.0.2:5006", "[fe80::2%eth0]:5008", "fe80::3",
                {"host": "pc", "port": 6000, "session": "Hall", "name": "PC"}],
    "limits": {"ports": 100, "sysex_stall_ms": 250},
    "log": {"level": "debug"}
  })");
  REQUIRE(result);
  const auto& got = result.settings();
  REQUIRE(got.sessions.size() == 2);
  CHECK(got.sessions[0].name == "Studio");
  CHECK(got.sessions[0].port == 5010);
  CHECK(got.sessions[0].bind == std::vector<std::string>{"192.168.1.5", "fe80::1%eth0"});
  CHECK(got.sessions[0].max_peers == 16);
  CHECK(got.sessions[0].invitations.policy == invitation_policy::list);
  CHECK(got.sessions[0].invitations.addresses.size() == 1);
  CHECK(got.sessions[0].invitations.names.at(0).text() == "Anna*");
  CHECK(got.sessions[1].port == 0);
  CHECK(got.connect == std::vector<remote_peer>{{"mac.local", 5004, "", ""},
                                                {"10.0.0.2", 5006, "", ""},
                                                {"fe80::2%eth0", 5008, "", ""},
                                                {"fe80::3", 5004, "", ""},
                                                {"pc", 6000, "Hall", "PC"}});
  CHECK(got.limits.ports == 100);
  CHECK(got.limits.sysex_stall == std::chrono::milliseconds(250));
  CHECK(got.log.level == log_level::debug);
}

TEST_CASE("every mistake is told at once, with path, finding and what is allowed",
          "[config][load]") {
  CHECK(
      complaints(R"({
    "sesions": [],
    "sessions": [{"port": 70000, "invitations": {"policy": "opne"}}, {"name": "", "bind": ["eth0"]}],
    "connect": ["mac:0", {"hots": "a"}, 7],
    "limits": {"ports": "many", "sysex_stall_ms": 1.5},
    "log": {"level": "loud"}
  })") ==
      R"(/connect/0: found "mac:0"; allowed is host or host:port with a port from 1 to 65534, as in studio.local, 192.168.1.20:5006 or [fe80::1%eth0]:5004.
/connect/1: found no key "host"; allowed is an object with "host".
/connect/1/hots: found the unknown key "hots"; allowed is "host" perhaps, of "host", "name", "on_demand", "port" or "session".
/connect/2: found 7; allowed is text (host or host:port) or an object (remote session).
/limits/ports: found "many"; allowed is a whole number from 1 to 65536 (ports).
/limits/sysex_stall_ms: found 1.5; allowed is a whole number from 10 to 60000 (milliseconds).
/log/level: found "loud"; allowed is "trace", "debug", "info", "warning", "error" or "off".
/sesions: found the unknown key "sesions"; allowed is "sessions" perhaps, of "connect", "control", "discovery", "limits", "local", "log", "multicast", "real_time", "rules", "scene", "scenes", "sessions" or "tcp".
/sessions/0/invitations/policy: found "opne"; allowed is "open", "list", "ask" or "closed".
/sessions/0/port: found 70000; allowed is a whole number from 0 to 65534 (UDP control port).
/sessions/1/name: found ""; allowed is text that is not empty.
)");
}

TEST_CASE("what the schema cannot say is checked as well", "[config][load]") {
  CHECK(complaints(R"({"sessions": [{"name": "A"}, {"name": "A", "port": 5005}]})") ==
        "/sessions/1: found the name \"A\" of session 0; allowed is a name of its own for each "
        "session.\n"
        "/sessions/1: found ports 5005 and 5006, which session 0 uses; allowed is a port pair of "
        "its own for each session.\n");
  CHECK(complaints(R"({"connect": [{"host": "a", "session": "B"}]})") ==
        "/connect/0/session: found \"B\"; allowed is the name of one of the sessions.\n");
  CHECK(
      complaints(
          R"({"sessions": [{"bind": ["eth0", "10.0.0.300"], "invitations": {"addresses": ["1.2.3"]}}]})") ==
      "/sessions/0/bind/1: found \"10.0.0.300\"; allowed is a literal address of this machine, "
      "such "
      "as 192.168.1.5, :: or fe80::1%eth0, or the name of an interface, such as eth0.\n"
      "/sessions/0/invitations/addresses/0: found \"1.2.3\"; allowed is an address such as "
      "10.0.0.7 or fe80::1, or a network such as 192.168.1.0/24.\n");
}

TEST_CASE("a document that is no object is refused", "[config][load]") {
  CHECK(complaints("[]") ==
        "the document: found an empty list; allowed is an object (Configuration "
        "of the Tutti MIDI hub).\n");
}

TEST_CASE("a file that is not there is a mistake", "[config][load]") {
  auto result = load_file("/nowhere/tutti.json");
  REQUIRE_FALSE(result);
  CHECK(result.mistakes()[0].found == "no readable file \"/nowhere/tutti.json\"");
}
