// A configuration that changes: the keeper judges it, the supervisor puts it in force, and what is
// not concerned goes on.
#include "io/log.hpp"
#include "io/udp_socket.hpp"
#include "tests/support/actor_stage.hpp"
#include "tests/support/scratch_folder.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch.hpp>

#include <map>

using namespace tutti;
using namespace tutti::test;
using nlohmann::json;

namespace {

/// A hub of sessions on loopback, changed as the API changes it. Its network is real, its time is
/// not.
class changing_hub : public actor_stage {
public:
  explicit changing_hub(json file) {
    io::set_log_level(io::log_level::off);
    for (auto system : {"alsa", "jack"}) // of this machine, whatever it has
      file["local"][system]["enabled"] = false;
    folder_.put("tutti.json", file.dump());
    kept_ = std::make_shared<config::configuration>(config::configuration_sources{
        folder_.path() / "tutti.json", folder_.path() / "tutti.state.json", {}});
    REQUIRE(kept_->start());
    supervisor = spawn_supervisor(system(), {&loop(), kept_, {}, {}, {}});
    keeper = keep(spawn_configuration(system(), kept_, supervisor, config_thread::loop));
    run();
  }
  ~changing_hub() {
    tell(supervisor, atom::leave_v);
    tell(keeper, atom::leave_v);
  }

  config::change_result edit(const json& operation, const std::string& revision = {}) {
    auto result = ask<config::change_result>(keeper, atom::edit_v,
                                             json_value{json::array({operation})}, revision);
    REQUIRE(result);
    run_until([] { return false; }, 5ms);
    run();
    return *result;
  }
  config::change_result add_session(const json& session) {
    return edit({{"op", "add"}, {"path", "/sessions/-"}, {"value", session}});
  }

  /// The SSRCs of the sessions that are offered, by name: another SSRC is another listener.
  std::map<std::string, std::uint32_t> sessions() {
    std::map<std::string, std::uint32_t> out;
    auto known = ask<std::vector<session_info>>(supervisor, atom::status_v);
    REQUIRE(known);
    for (const auto& one : *known)
      out[one.name] = one.ssrc;
    return out;
  }

  supervisor_actor supervisor;
  configuration_actor keeper;

private:
  scratch_folder folder_;
  std::shared_ptr<config::configuration> kept_;
};

/// Asks for sessions as a sound system's watch does.
caf::behavior offering(caf::event_based_actor* self, const supervisor_actor& supervisor) {
  return {
      [=](const std::string& name, const std::string& port) {
        self->send(supervisor, atom::offer_v, local_offer{name, port});
      },
      [=](const std::string& port) { self->send(supervisor, atom::withdraw_v, port); },
  };
}

std::vector<session_info> ask_sessions(changing_hub& hub) {
  auto known = hub.ask<std::vector<session_info>>(hub.supervisor, atom::status_v);
  REQUIRE(known);
  return *known;
}

json offered(const std::string& name, int port = 0) {
  return {{"name", name}, {"port", port}, {"bind", {"127.0.0.1"}}};
}

} // namespace

TEST_CASE("sessions come and go by edits, and the others are not touched", "[actors][supervisor]") {
  changing_hub hub(json({{"sessions", {offered("A")}}}));
  auto before = hub.sessions();
  REQUIRE(before.size() == 1);
  REQUIRE(hub.add_session(offered("B")));
  auto after = hub.sessions();
  CHECK(after.size() == 2);
  CHECK(after["A"] == before["A"]);

  REQUIRE(hub.edit({{"op", "remove"}, {"path", "/sessions/1"}}));
  CHECK(hub.sessions() == before);
  REQUIRE(hub.edit({{"op", "add"}, {"path", "/sessions/0/max_peers"}, {"value", 7}}));
  REQUIRE(hub.edit({{"op", "replace"}, {"path", "/rules"}, {"value", json::array()}}));
  CHECK(hub.sessions() == before);
  REQUIRE(hub.edit({{"op", "replace"}, {"path", "/sessions/0/name"}, {"value", "C"}}));
  after = hub.sessions();
  CHECK(after.size() == 1);
  CHECK(after.count("C") == 1);
}

TEST_CASE("a session on several addresses is one session", "[actors][supervisor]") {
  json wide{{"name", "Wide"}, {"port", 0}, {"bind", {"127.0.0.1", "127.0.0.2", "lo"}}};
  changing_hub hub(json({{"sessions", {wide}}}));
  auto known = ask_sessions(hub);
  REQUIRE(known.size() == 1);
  auto port = known.front().control.port;
  for (auto host : {"127.0.0.1", "127.0.0.2"})
    CHECK_THROWS_AS(io::bind_udp_pair(hub.loop(), *io::parse_address(host, port)),
                    std::system_error);
  CHECK_NOTHROW(io::bind_udp_pair(hub.loop(), *io::parse_address("127.0.0.3", port)));
}

TEST_CASE("an edit with mistakes or of another revision reaches nobody", "[actors][supervisor]") {
  changing_hub hub(json({{"sessions", {offered("A")}}}));
  auto before = hub.sessions();
  auto wrong = hub.add_session({{"nam", "B"}});
  CHECK(wrong.mistakes.at(0).path == "/sessions/1/nam");
  auto late = hub.edit({{"op", "remove"}, {"path", "/sessions/0"}}, "of before");
  CHECK(late.what == config::change_result::verdict::outdated);
  CHECK(late.in_force->document["sessions"].size() == 1);
  CHECK(hub.sessions() == before);
}

TEST_CASE("a session whose port is taken is offered once it is free", "[actors][supervisor]") {
  changing_hub hub(json({{"sessions", {offered("A")}}}));
  auto taken = io::bind_udp_pair(hub.loop(), *io::parse_address("127.0.0.1", 0));
  auto port = taken.control->local().port;
  REQUIRE(hub.add_session(offered("B", port)));
  CHECK(hub.sessions().count("B") == 0);
  hub.advance(20s);
  CHECK(hub.sessions().count("B") == 0);
  taken = {};
  hub.advance(6s);
  CHECK(hub.sessions().count("B") == 1);
}

TEST_CASE("reading the same file again touches nothing", "[actors][supervisor]") {
  changing_hub hub(json({{"sessions", {offered("A"), offered("B")}}}));
  auto before = hub.sessions();
  hub.tell(hub.supervisor, atom::reload_v);
  // The keeper's own thread takes its time.
  hub.run_until([] { return false; }, 30ms);
  hub.run();
  CHECK(hub.sessions() == before);
}

TEST_CASE("a local port is offered as a session until it is withdrawn", "[actors][supervisor]") {
  changing_hub hub(json({{"sessions", {offered("A")}}}));
  auto main = hub.sessions().at("A");
  auto watch = hub.system().spawn(offering, hub.supervisor);
  auto tell = [&](auto... words) {
    caf::anon_send(watch, std::string(words)...);
    hub.run();
    hub.run_until([] { return false; }, 5ms);
    hub.run();
  };
  auto names = [&] {
    std::string out;
    for (const auto& [name, ssrc] : hub.sessions())
      out += name + "; ";
    return out;
  };
  tell("Keys", "alsa/Keys/0");
  tell("A", "alsa/A/0");
  CHECK(names() == "A; A (2); Keys; ");
  hub.add_session(offered("B"));
  CHECK(names() == "A; A (2); B; Keys; ");
  tell("alsa/Keys/0");
  tell("nothing of the kind");
  CHECK(names() == "A; A (2); B; ");
  tell("Keys", "alsa/Keys/0");
  CHECK(names() == "A; A (2); B; Keys; ");
  CHECK(hub.sessions().at("A") == main);
  caf::anon_send_exit(watch, caf::exit_reason::user_shutdown);
}
