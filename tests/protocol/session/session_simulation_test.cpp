#include "tests/support/seeds.hpp"
#include "tests/support/simulated_session.hpp"

#include "protocol/list_encoder.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;

namespace {

enum class roles { anna_invites, bert_invites, both_invite };

void set_roles(simulated_session& session, roles which) {
  session.a.invites = session.a.wants_to_invite = which != roles::bert_invites;
  session.b.invites = session.b.wants_to_invite = which != roles::anna_invites;
}

network_weather random_weather(std::mt19937_64& random) {
  std::uniform_real_distribution<> share(0, 1);
  network_weather weather;
  weather.loss = share(random) * 0.5;
  weather.duplication = share(random) * 0.3;
  weather.jitter = std::chrono::microseconds(static_cast<int>(share(random) * 20'000));
  weather.burst = 1 + static_cast<int>(share(random) * 5);
  return weather;
}

/// Anna plays a note to Bert and the other way round; both must arrive, once.
void check_music_passes(simulated_session& session) {
  session.a.played.clear();
  session.b.played.clear();
  session.play(session.a, make_short(0x90, 60, 100));
  session.play(session.b, make_short(0x91, 61, 101));
  session.run_for(20ms);
  REQUIRE(session.b.played.size() == 1);
  CHECK(session.b.played[0].message == make_short(0x90, 60, 100));
  REQUIRE(session.a.played.size() == 1);
  CHECK(session.a.played[0].message == make_short(0x91, 61, 101));
  session.play(session.a, make_short(0x80, 60, 64));
  session.play(session.b, make_short(0x81, 61, 64));
  session.run_for(20ms);
}

/// The peers' clocks are 19 h 43 min 20 s apart in the simulation.
void check_clocks_agree(const simulated_session& session) {
  auto ahead = std::chrono::hours(20) - std::chrono::seconds(1000);
  auto ticks = static_cast<std::int64_t>(ahead / clock_tick);
  auto measured = static_cast<std::int64_t>(session.a.engine->status().clock_offset_ticks);
  CHECK(std::abs(measured - ticks) < 150); // a one-way jitter of 20 ms is 200 ticks, halved
}

} // namespace

TEST_CASE("two engines connect, synchronise and play over a good network", "[protocol][session]") {
  auto which = GENERATE(roles::anna_invites, roles::bert_invites, roles::both_invite);
  simulated_session session(7);
  set_roles(session, which);
  session.run_for(3s);
  REQUIRE(session.both_connected());
  CHECK(session.a.engine->synchronised());
  CHECK(session.b.engine->synchronised());
  CHECK(session.a.engine->peer_name() == "Bert");
  CHECK(session.b.engine->peer_name() == "Anna");
  CHECK(session.a.engine->peer_ssrc() == session.b.identity.ssrc);
  check_clocks_agree(session);
  check_music_passes(session);
}

TEST_CASE("whatever the network does at first, two engines end connected and synchronised",
          "[protocol][session]") {
  for (std::uint64_t seed = 1; seed <= test::seeds(10000); ++seed) {
    CAPTURE(seed);
    simulated_session session(seed);
    set_roles(session, static_cast<roles>(seed % 3));
    session.weather = random_weather(session.random);
    session.run_for(std::chrono::seconds(1 + seed % 40));
    session.weather = {};
    session.run_for(60s);
    REQUIRE(session.both_connected());
    REQUIRE(session.a.engine->synchronised());
    REQUIRE(session.b.engine->synchronised());
    REQUIRE(session.a.engine->peer_ssrc() == session.b.identity.ssrc);
    REQUIRE(session.b.engine->peer_ssrc() == session.a.identity.ssrc);
    session.run_for(10s);
    check_music_passes(session);
    check_clocks_agree(session);
  }
}

TEST_CASE("a peer that reboots at any moment is back in the session", "[protocol][session]") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    simulated_session session(seed);
    set_roles(session, static_cast<roles>(seed % 3));
    session.weather.loss = 0.1;
    session.run_for(std::chrono::milliseconds(session.random() % 5000));
    auto& rebooting = seed % 2 ? session.a : session.b;
    rebooting.deaf = true;
    session.run_for(std::chrono::milliseconds(session.random() % 90'000));
    rebooting.deaf = false;
    if (seed % 5)
      rebooting.identity.ssrc += 0x10000;
    rebooting.restart();
    session.weather = {};
    session.run_for(120s);
    REQUIRE(session.both_connected());
    check_music_passes(session);
  }
}

TEST_CASE("an invitation that is refused is repeated after half a minute, not before",
          "[protocol][session]") {
  simulated_session session(3);
  set_roles(session, roles::anna_invites);
  session.b.admits = false;
  int invitations = 0;
  session.tap = [&](const simulated_peer& from, channel, byte_view bytes) {
    invitations += &from == &session.a && bytes.size() > 4 && bytes[2] == 'I';
  };
  session.run_for(29s);
  CHECK(invitations == 1);
  CHECK(session.a.notices == std::vector{notice_kind::refused});
  session.b.admits = true;
  session.run_for(10s);
  CHECK(session.both_connected());
}

TEST_CASE("a goodbye reaches the peer and ends the session on both sides", "[protocol][session]") {
  simulated_session session(4);
  set_roles(session, roles::anna_invites);
  session.run_for(2s);
  REQUIRE(session.both_connected());
  SECTION("the invited leaves: the inviter tries again") {
    session.leave(session.b);
    session.run_for(500ms);
    CHECK(session.a.engine->state() == handshake_state::waiting);
    session.run_for(5s);
    CHECK(session.both_connected());
  }
  SECTION("the inviter leaves: both are done") {
    session.leave(session.a);
    session.run_for(500ms);
    CHECK(session.b.engine->state() == handshake_state::ended);
    CHECK(session.b.notices.back() == notice_kind::left);
    CHECK(session.a.notices.back() == notice_kind::closed);
    session.run_for(60s);
    CHECK(session.a.engine->state() == handshake_state::ended);
  }
}

TEST_CASE("a peer that vanishes while it plays is noticed within three seconds",
          "[protocol][session]") {
  auto which = GENERATE(roles::anna_invites, roles::bert_invites, roles::both_invite);
  simulated_session session(5);
  set_roles(session, which);
  session.run_for(4s);
  REQUIRE(session.both_connected());
  session.play(session.a, make_short(0x90, 60, 100));
  session.run_for(50ms);
  session.a.deaf = true;
  session.run_for(3s);
  CHECK(session.b.notices.back() == notice_kind::vanished);
}

TEST_CASE("an idle peer that vanishes is noticed within a minute", "[protocol][session]") {
  auto which = GENERATE(roles::anna_invites, roles::bert_invites);
  simulated_session session(6);
  set_roles(session, which);
  session.run_for(30s);
  REQUIRE(session.both_connected());
  session.a.deaf = true;
  session.run_for(60s);
  CHECK(std::count(session.b.notices.begin(), session.b.notices.end(), notice_kind::vanished) == 1);
}

TEST_CASE("an idle session stays for an hour and costs little", "[protocol][session]") {
  simulated_session session(8);
  set_roles(session, roles::anna_invites);
  session.run_for(10s);
  int datagrams = 0;
  session.tap = [&](const simulated_peer&, channel, byte_view) { ++datagrams; };
  session.run_for(1h);
  CHECK(session.both_connected());
  CHECK(datagrams <= 1800 * 3 + 10); // three CKs every two seconds
}

TEST_CASE("events arrive with the time at which they were played", "[protocol][session]") {
  simulated_session session(9);
  set_roles(session, roles::anna_invites);
  session.weather.delay = 5ms;
  session.run_for(5s);
  auto played_at = session.now;
  session.play(session.a, make_short(0x90, 60, 100));
  session.run_for(20ms);
  REQUIRE(session.b.played.size() == 1);
  auto told = session.b.global(session.b.played[0].at);
  CHECK(std::chrono::abs(told - played_at) < 1ms);
}
