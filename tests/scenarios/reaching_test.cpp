// How the hub reaches the peers that it wants: over whatever address, once, and again and again.
#include "tests/support/simulated_hub.hpp"

using namespace tutti;
using namespace tutti::test;
using namespace tutti::protocol;

namespace {

const auto note_on = make_short(0x90, 60, 100);

io::endpoint at(const char* host, std::uint16_t port = 5004) {
  return io::parse_address(host, port).value();
}

/// Ids of the ports that are up.
std::string ports_up(simulated_hub& hub) {
  std::string out;
  for (const auto& port : hub.ports())
    if (port.up)
      out += (out.empty() ? "" : ", ") + port.id;
  return out;
}

} // namespace

TEST_CASE("REACH-1 a peer is reached though its best address is dead", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.add_peer("Anna");
  auto dead = at("fd00::dead");
  auto limit = 400ms; // a head start, and the handshake
  SECTION("nobody answers there") {
  }
  SECTION("its host says that nobody listens there") {
    hub.network.unreachable.insert(simulated_network::key(dead));
    limit = 50ms;
  }
  SECTION("somebody else is there now, and refuses") {
    auto& other = hub.add_peer("Somebody");
    other.move(dead);
    other.admits = false;
    limit = 50ms;
  }
  hub.invite({"service/Anna", "Anna", {dead, anna.control}});
  CHECK(hub.time_until([&] { return anna.engine->connected(); }, 5s) < limit);
  hub.run_for(1s);
  CHECK(hub.session().peers.size() == 1);
  CHECK(hub.session().peers[0].address.control == anna.control);
  CHECK(hub.session().peers[0].address.data == anna.data);
  CHECK(ports_up(hub) == "rtp/Studio/Anna");
}

TEST_CASE("REACH-2 all addresses refuse: the peer is asked again much later", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.add_peer("Anna");
  anna.also_at(at("fd00::1"));
  anna.admits = false;
  hub.invite({"service/Anna", "Anna", {at("fd00::1"), anna.control}});
  hub.run_for(25s);
  anna.admits = true;
  CHECK(hub.time_until([&] { return anna.engine->connected(); }, 20s) < 10s);
  CHECK(anna.notices.size() == 1);
}

TEST_CASE("REACH-3 found by mDNS, named by the operator and come by itself, a peer is one port",
          "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.add_peer("Anna");
  anna.also_at(at("fd00::1"));
  invitation_target found{"service/Anna", "Anna", {at("fd00::1"), anna.control}};
  invitation_target named{"peer/anna:5004", {}, {anna.control}};
  SECTION("first by itself") {
    anna.invite(hub.hub_address);
    hub.run_for(3s);
    hub.invite(found);
    hub.invite(named);
  }
  SECTION("first found") {
    hub.invite(found);
    hub.run_for(3s);
    anna.invite(hub.hub_address);
    hub.invite(named);
  }
  SECTION("first named") {
    hub.invite(named);
    hub.run_for(3s);
    hub.invite(found);
    hub.run_for(3s);
    anna.invite(hub.hub_address);
  }
  SECTION("all at once") {
    anna.invite(hub.hub_address);
    hub.invite(named);
    hub.invite(found);
  }
  SECTION("by itself from a port that nobody knows") {
    auto elsewhere = anna.control.with_port(49152);
    anna.move(elsewhere);
    anna.invite(hub.hub_address);
    hub.run_for(3s);
    hub.invite(found);
  }
  auto& bert = hub.join("Bert");
  hub.run_for(20s);
  CHECK(anna.engine->connected());
  CHECK(hub.session().peers.size() == 2);
  CHECK(ports_up(hub) == "rtp/Studio/Anna, rtp/Studio/Bert");
  anna.play(note_on);
  hub.run_for(10ms);
  CHECK(bert.heard_messages() == std::vector{note_on});
  bert.play(note_on);
  hub.run_for(10ms);
  CHECK(anna.heard_messages() == std::vector{note_on});
}

TEST_CASE("REACH-4 two that invite each other over different addresses end with one session",
          "[scenarios]") {
  simulated_hub hub;
  auto& bert = hub.join("Bert");
  auto& anna = hub.add_peer("Anna");
  anna.also_at(at("fd00::1"));
  // The invitations cross on the way, at every possible moment.
  for (auto head_start : {0us, 500us, 1000us, 1500us, 2500us, 3500us, 5000us}) {
    INFO("head start " << head_start.count() << " us");
    anna.boot();
    hub.invite({"service/Anna", "Anna", {at("fd00::1"), anna.control}});
    hub.run_for(head_start);
    anna.invite(hub.hub_address);
    hub.run_for(40s);
    CHECK(anna.engine->connected());
    CHECK(hub.session().peers.size() == 2);
    CHECK(ports_up(hub) == "rtp/Studio/Bert, rtp/Studio/Anna");
    bert.heard.clear();
    anna.heard.clear();
    anna.play(note_on);
    bert.play(note_on);
    hub.run_for(10ms);
    CHECK(bert.heard.size() == 1);
    CHECK(anna.heard.size() == 1);
    anna.leave();
    caf::anon_send(hub.listener, atom::abandon_v, std::string("service/Anna"), farewell::goodbye);
    hub.run_for(1s);
    CHECK(hub.session().peers.size() == 1);
  }
}

TEST_CASE("REACH-5 a service that vanishes keeps its session, then its port as away",
          "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.add_peer("Anna");
  invitation_target target{"service/Anna", "Anna", {anna.control}};
  hub.invite(target);
  hub.run_for(3s);
  caf::anon_send(hub.listener, atom::abandon_v, target.key, farewell::later);
  hub.run_for(30s);
  CHECK(ports_up(hub) == "rtp/Studio/Anna"); // only its announcement was lost
  anna.unplug();
  hub.run_for(90s);
  CHECK(hub.session().peers.empty()); // nobody knocks at an address that may be another's by now
  REQUIRE(hub.ports().size() == 1);
  CHECK_FALSE(hub.ports()[0].up);
  anna.boot();
  hub.run_for(90s);
  CHECK_FALSE(anna.engine->connected());
  hub.invite(target);
  CHECK(hub.time_until([&] { return anna.engine->connected(); }, 5s) < 100ms);
  hub.run_for(10ms);
  CHECK(ports_up(hub) == "rtp/Studio/Anna");
}

TEST_CASE("REACH-6 a peer plays again within five seconds of being reachable", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.add_peer("Anna");
  auto& bert = hub.join("Bert");
  invitation_target target{"service/Anna", "Anna", {anna.control}};
  hub.invite(target);
  hub.run_for(20s);
  REQUIRE(anna.engine->connected());
  SECTION("it was off for long, and nothing announces it") {
    anna.unplug();
    hub.run_for(600s);
    anna.boot();
  }
  SECTION("it was off for a moment, and announces itself") {
    anna.boot();
    hub.invite(target);
  }
  SECTION("it was off for a moment while it was idle, and nothing announces it") {
    anna.boot();
  }
  SECTION("it was off for a moment while it played, and nothing announces it") {
    anna.play(note_on);
    hub.run_for(10ms);
    anna.boot();
  }
  SECTION("it has another address, as it announces") {
    anna.move(at("10.0.77.1"));
    hub.invite({"service/Anna", "Anna", {anna.control}});
  }
  SECTION("it has another address, and comes back as another") {
    anna.move(at("10.0.77.1"));
    anna.identity.ssrc = 0x77777777;
    anna.boot();
    hub.invite({"service/Anna", "Anna", {anna.control}});
  }
  SECTION("it has another address, comes back as another, and invites us unannounced") {
    anna.move(at("10.0.77.1"));
    anna.identity.ssrc = 0x77777777;
    anna.boot();
    anna.invite(hub.hub_address);
  }
  SECTION("it has lost us shortly after we reached it, and invites us from another address") {
    anna.unplug();
    hub.run_for(30s);
    anna.boot();
    hub.time_until([&] { return anna.engine->connected(); }, 5s);
    hub.run_for(4s);
    anna.move(at("10.0.77.1"));
    anna.boot();
    anna.invite(hub.hub_address);
  }
  bert.heard.clear();
  auto plays = [&] {
    anna.play(note_on);
    auto heard = bert.heard_messages(); // releases as well, of what it left sounding
    return std::count(heard.begin(), heard.end(), note_on) > 0;
  };
  CHECK(hub.time_until(plays, 60s) < 5s);
  CHECK(ports_up(hub) == "rtp/Studio/Bert, rtp/Studio/Anna");
}

// The BY to the data port came after the new IN to the control port and ended what it began; the
// peer then sent its data IN to nobody for twelve seconds.
TEST_CASE("REACH-7 a goodbye that a new invitation has overtaken ends nothing", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  hub.run_for(1s);
  auto hub_data = hub.hub_address.with_port(5005);
  auto send = [&](const invitation& what, const io::endpoint& from, const io::endpoint& to) {
    std::array<std::uint8_t, max_apple_command> room;
    byte_writer writer(room);
    encode_apple_command(what, writer);
    hub.network.send(from, to, writer.written());
  };
  auto before = anna.engine->invitation_state().own_token();
  anna.boot();
  send({invitation_kind::invite, 4711, anna.identity.ssrc, "Anna"}, anna.control, hub.hub_address);
  hub.run_for(2ms);
  send({invitation_kind::goodbye, before, anna.identity.ssrc, {}}, anna.data, hub_data);
  hub.run_for(2ms);
  send({invitation_kind::invite, 4711, anna.identity.ssrc, "Anna"}, anna.data, hub_data);
  hub.run_for(5ms);
  CHECK(ports_up(hub) == "rtp/Studio/Anna");
}
