// Sessions that local ports are offered as: the supervisor makes them and takes them away.
#include "tests/support/actor_house.hpp"

#include <catch2/catch.hpp>

#include <caf/event_based_actor.hpp>

using namespace tutti;
using namespace tutti::test;
using namespace std::chrono_literals;

namespace {

config::settings quiet_settings() {
  config::settings settings;
  settings.sessions = {config::session{}};
  settings.sessions[0].name = "Main";
  settings.sessions[0].bind = {"127.0.0.1"};
  settings.discovery.mode = config::discovery_mode::off;
  settings.local.alsa.enabled = settings.local.jack.enabled = false;
  settings.control.enabled = false;
  return settings;
}

struct stage {
  actor_house house;
  supervisor_actor supervisor;

  stage() { supervisor = spawn_supervisor(*house.system, house.loop, quiet_settings(), {}); }
  ~stage() {
    caf::anon_send(supervisor, atom::leave_v);
    supervisor = nullptr;
    house.run_until([&] { return house.system->registry().running() <= 1; });
  }

  /// Names and addresses of all sessions.
  std::string sessions() {
    std::string out;
    for (const auto& one : house.ask<std::vector<session_info>>(supervisor, atom::status_v)) {
      CHECK(one.control.port % 2 == 0);
      CHECK(one.data.port == one.control.port + 1);
      out += one.name + " at " + address_text(one.control) + "; ";
    }
    return out;
  }
};

/// Offers what it is told, as a sound system's watch does.
caf::behavior offering(caf::event_based_actor* self, supervisor_actor supervisor) {
  return {
      [=](const std::string& name, const std::string& port) {
        self->send(supervisor, atom::offer_v, local_offer{name, port});
      },
      [=](const std::string& port) { self->send(supervisor, atom::withdraw_v, port); },
  };
}

} // namespace

TEST_CASE("a local port is offered as a session until it is withdrawn", "[actors][supervisor]") {
  stage s;
  auto watch = s.house.system->spawn(offering, s.supervisor);
  caf::anon_send(watch, std::string("Keys"), std::string("alsa/Keys/0"));
  caf::anon_send(watch, std::string("Keys"), std::string("alsa/Keys (2)/0"));
  REQUIRE(s.house.run_until(
      [&] { return s.sessions() == "Keys at 127.0.0.1; Keys (2) at 127.0.0.1; "; }));
  caf::anon_send(watch, std::string("alsa/Keys/0"));
  CHECK(s.house.run_until([&] { return s.sessions() == "Keys (2) at 127.0.0.1; "; }));
  caf::anon_send(watch, std::string("nothing of the kind"));
  caf::anon_send(watch, std::string("Keys"), std::string("alsa/Keys/0"));
  CHECK(s.house.run_until(
      [&] { return s.sessions() == "Keys (2) at 127.0.0.1; Keys at 127.0.0.1; "; }));
  caf::anon_send_exit(watch, caf::exit_reason::user_shutdown);
}
