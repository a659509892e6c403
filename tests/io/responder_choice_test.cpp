#include "io/responder_choice.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace tutti::io;

namespace {
const responder_choice::time_point start{};
}

TEST_CASE("without a daemon the embedded responder steps in at once", "[io][responder_choice]") {
  responder_choice choice(mdns_mode::automatic, start);
  CHECK(choice.wants_daemon());
  CHECK_FALSE(choice.wants_embedded());
  choice.on_daemon(responder_state::absent, start);
  CHECK(choice.wants_embedded());
  CHECK_FALSE(choice.next_deadline());
}

TEST_CASE("a bus that says nothing does not keep the embedded responder out",
          "[io][responder_choice]") {
  responder_choice choice(mdns_mode::automatic, start);
  choice.on_time(start + responder_choice::silence_limit - 1ms);
  CHECK_FALSE(choice.wants_embedded());
  choice.on_time(*choice.next_deadline());
  CHECK(choice.wants_embedded());
}

TEST_CASE("a daemon that runs is used, whenever it comes", "[io][responder_choice]") {
  responder_choice choice(mdns_mode::automatic, start);
  choice.on_daemon(responder_state::absent, start);
  choice.on_daemon(responder_state::starting, start + 10s);
  CHECK(choice.wants_embedded()); // until the daemon is ready
  choice.on_daemon(responder_state::running, start + 11s);
  CHECK_FALSE(choice.wants_embedded());
}

TEST_CASE("a daemon that restarts gets its time to come back", "[io][responder_choice]") {
  responder_choice choice(mdns_mode::automatic, start);
  choice.on_daemon(responder_state::running, start);
  choice.on_daemon(responder_state::absent, start + 5s);
  // tries that find nothing do not prolong the grace
  choice.on_daemon(responder_state::absent, start + 7s);
  CHECK_FALSE(choice.wants_embedded());
  CHECK(*choice.next_deadline() == start + 5s + responder_choice::restart_grace);
  SECTION("it comes back") {
    choice.on_daemon(responder_state::running, start + 7s);
    choice.on_time(start + 20s);
    CHECK_FALSE(choice.wants_embedded());
  }
  SECTION("it does not") {
    choice.on_time(*choice.next_deadline());
    CHECK(choice.wants_embedded());
  }
}

TEST_CASE("a mode that is not automatic is not left", "[io][responder_choice]") {
  for (auto mode : {mdns_mode::daemon, mdns_mode::embedded, mdns_mode::off}) {
    responder_choice choice(mode, start);
    for (auto state :
         {responder_state::absent, responder_state::running, responder_state::absent}) {
      choice.on_daemon(state, start);
      choice.on_time(start + 1h);
      CHECK(choice.wants_daemon() == (mode == mdns_mode::daemon));
      CHECK(choice.wants_embedded() == (mode == mdns_mode::embedded));
    }
  }
}
