// Stories of rules, scenes and loops through the whole hub. Actors are real, time and network are
// not.
#include "config/load.hpp"
#include "tests/support/midi_text.hpp"
#include "tests/support/simulated_hub.hpp"

using namespace tutti;
using namespace tutti::test;
using namespace tutti::protocol;

namespace {

const auto note_on = make_short(0x90, 60, 100);
const auto note_off = make_short(0x80, 60, 64);

/// What the router would be sent for this configuration.
routing_settings_ptr routing_of(const std::string& text) {
  auto read = config::load_text(text);
  if (!read)
    FAIL(read.mistakes().front().sentence());
  auto out = std::make_shared<routing_settings>();
  out->rules = read.settings().rules;
  out->scenes = read.settings().scenes;
  out->first_scene = read.settings().scene;
  out->loop_guard = read.settings().limits.loop_guard;
  return out;
}

/// Another listener on the simulated network.
class offered {
public:
  offered(simulated_hub& hub, const router_actor& router, const std::string& name,
          const std::string& host, std::uint16_t port, std::uint32_t ssrc)
      : address(*io::parse_address(host, port)) {
    auto context = std::make_shared<session_context>();
    context->identity = {name, ssrc};
    context->control = std::make_shared<simulated_socket>(hub.network, address);
    context->data = std::make_shared<simulated_socket>(
        hub.network, address.with_port(static_cast<std::uint16_t>(port + 1)));
    context->seed = ssrc;
    listener = spawn_listener(hub.system(), context, router);
  }
  ~offered() { caf::anon_send(listener, atom::leave_v); }

  io::endpoint address;
  listener_actor listener;
};

bool is_probe(const ump& m) {
  return m.is_sysex() && m.sysex_octet(0) == 0x7D && m.sysex_octet(1) == 0x54;
}

/// The music alone, as text.
std::string music(const hub_peer& peer) {
  auto heard = peer.heard;
  std::erase_if(heard, [](const event& e) { return is_probe(e.message); });
  return to_text(heard);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

/// Has one session invite another.
void join(const listener_actor& inviting, const offered& invited) {
  caf::anon_send(inviting, atom::invite_v, invitation_target{"link", {}, {invited.address}},
                 target_watcher());
}

/// A second hub in the same process, whose router ends with the test.
struct second_hub {
  explicit second_hub(simulated_hub& first)
      : router(spawn_router(first.system(), routing_of("{}")))
      , main(first, router, "Other", "10.0.0.2", 5004, 0x20202020)
      , link(first, router, "Other link", "10.0.0.2", 5014, 0x21212121) {}

  router_actor router;
  offered main, link;
};

} // namespace

TEST_CASE("RULES-1 two hubs joined twice are a ring that is cut, and all hear each other",
          "[scenarios][loop]") {
  simulated_hub hub;
  caf::anon_send(hub.router, atom::configure_v, routing_of("{}"));
  auto& anna = hub.join("Anna");
  {
    second_hub other(hub);
    offered link(hub, hub.router, "Studio link", "10.0.0.1", 5014, 0x11111111);
    auto& bert = hub.add_peer("Bert");
    bert.invite(other.main.address);
    join(hub.listener, other.main);
    join(link.listener, other.link);
    hub.run_for(5s);
    REQUIRE(bert.engine->connected());
    REQUIRE(hub.session().peers.size() == 2);

    anna.play(note_on);
    hub.run_for(300ms);
    anna.play(note_off);
    hub.run_for(3s);
    // The ring went round a few times before it was proven; nothing of it goes on.
    CHECK(count(music(bert), "90 3c 64") < 200);
    bert.heard.clear();
    anna.heard.clear();
    hub.run_for(1s);
    CHECK(music(bert) == "");
    CHECK(music(anna) == "");

    // There are two ways from one hub to the other, so more than one copy arrives, but no flood.
    anna.play({{make_short(0x90, 72, 1), {}, true}, {make_short(0x80, 72, 1), {}, true}});
    bert.play({{make_short(0x90, 48, 1), {}, true}, {make_short(0x80, 48, 1), {}, true}});
    hub.run_for(1s);
    for (const auto& [peer, note] : {std::pair(&bert, "48"), std::pair(&anna, "30")}) {
      auto ons = count(music(*peer), std::string("90 ") + note);
      INFO(music(*peer));
      CHECK(ons >= 1);
      CHECK(ons <= 4);
      CHECK(count(music(*peer), std::string("80 ") + note) == ons);
    }
    bert.leave();
    hub.run_for(100ms);
    caf::anon_send(link.listener, atom::leave_v);
    caf::anon_send(other.main.listener, atom::leave_v);
    caf::anon_send(other.link.listener, atom::leave_v);
    hub.run_for(1s);
    caf::anon_send_exit(other.router, caf::exit_reason::user_shutdown);
  }
}

TEST_CASE("RULES-2 a program change switches scenes while a key is down, and nothing hangs",
          "[scenarios][routing]") {
  simulated_hub hub;
  caf::anon_send(hub.router, atom::configure_v, routing_of(R"({
    "rules": [{"from": "name:Anna", "to": "name:Drums", "filter": {"types": "clock"}}],
    "scenes": [
      {"name": "piano", "rules": [{"from": "name:Anna", "to": "name:Piano", "chase": true}],
       "triggers": [{"from": "name:Anna", "channel": 16, "program": 0, "pass": false}]},
      {"name": "organ", "rules": [{"from": "name:Anna", "to": "name:Organ", "chase": true}],
       "triggers": [{"from": "name:Anna", "channel": 16, "program": 1, "pass": false}]}],
    "scene": "piano"})"));
  auto& anna = hub.join("Anna");
  auto& piano = hub.join("Piano");
  auto& organ = hub.join("Organ");
  auto& drums = hub.join("Drums");
  anna.play({{make_short(0xB0, 7, 90), {}, true}, {note_on, {}, true}});
  hub.run_for(50ms);
  CHECK(to_text(piano.heard) == "b0 07 5a | 90 3c 64");
  CHECK(organ.heard.empty());

  // One packet: a clock, the switch, a clock, a note in the new scene.
  anna.play({{make_short(0xF8), {}, true},
             {make_short(0xCF, 1), {}, true},
             {make_short(0xF8), {}, true},
             {make_short(0x90, 62, 100), {}, true}});
  hub.run_for(50ms);
  anna.play(note_off);
  anna.play(make_short(0x80, 62, 64));
  hub.run_for(50ms);
  CHECK(to_text(piano.heard) == "b0 07 5a | 90 3c 64 | f8 | 80 3c 40");
  // The volume of before comes first; a Note Off too many does no harm.
  CHECK(to_text(organ.heard) == "b0 07 5a | f8 | 90 3e 64 | 80 3c 40 | 80 3e 40");
  CHECK(to_text(drums.heard) == "f8 | f8");
}

TEST_CASE("RULES-3 new rules release what the old ones left sounding, and touch nothing else",
          "[scenarios][routing]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  auto& clara = hub.join("Clara");
  anna.play({{note_on, {}, true}, {make_short(0xB0, 64, 127), {}, true}});
  hub.run_for(50ms);
  caf::anon_send(hub.router, atom::configure_v, routing_of(R"({
    "rules": [{"from": "*", "to": "*"},
              {"from": "*", "to": "name:Bert", "priority": 1, "block": true}]})"));
  hub.run_for(50ms);
  CHECK(to_text(bert.heard) == "90 3c 64 | b0 40 7f | 80 3c 40 | b0 40 00");
  CHECK(to_text(clara.heard) == "90 3c 64 | b0 40 7f");
  anna.play({{note_off, {}, true}, {make_short(0xB0, 64, 0), {}, true}});
  hub.run_for(50ms);
  CHECK(bert.heard.size() == 4);
  CHECK(clara.heard.size() == 4);
}

TEST_CASE("RULES-4 a probe for loops waits until a SysEx message has passed", "[scenarios][loop]") {
  simulated_hub hub;
  caf::anon_send(hub.router, atom::configure_v, routing_of("{}"));
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  std::array<std::uint8_t, 6> octets{1, 2, 3, 4, 5, 6};
  auto chunk = [&](sysex_form form) { return make_sysex(form, octets); };
  anna.play(chunk(sysex_form::start));
  // More clocks than any tempo has: they are suspicious, and real-time may come inside.
  for (int i = 0; i < 300; ++i) {
    anna.play(make_short(0xF8));
    if (i % 30 == 0)
      anna.play(chunk(sysex_form::proceed));
    hub.run_for(2ms);
  }
  anna.play(chunk(sysex_form::end));
  hub.run_for(100ms);
  auto heard = bert.heard_messages();
  std::erase(heard, make_short(0xF8));
  REQUIRE(heard.size() == 13);
  CHECK(heard.front() == chunk(sysex_form::start));
  CHECK(heard[11] == chunk(sysex_form::end));
  CHECK(is_probe(heard.back()));
}
