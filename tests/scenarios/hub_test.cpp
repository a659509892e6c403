// Stories through the whole hub, in a user's words. Actors are real, time and network are not.
#include "tests/support/simulated_hub.hpp"

using namespace tutti;
using namespace tutti::test;
using namespace tutti::protocol;

namespace {

const auto note_on = make_short(0x90, 60, 100);
const auto note_off = make_short(0x80, 60, 64);

std::vector<event> sysex(std::size_t octets) {
  std::vector<event> out;
  std::array<std::uint8_t, 6> chunk;
  for (std::size_t at = 0; at < octets; at += 6) {
    auto size = std::min<std::size_t>(6, octets - at);
    for (std::size_t i = 0; i < size; ++i)
      chunk[i] = static_cast<std::uint8_t>((at + i) * 7 & 0x7F);
    auto first = at == 0;
    auto last = at + size == octets;
    auto form = first ? (last ? sysex_form::complete : sysex_form::start)
                      : (last ? sysex_form::end : sysex_form::proceed);
    out.push_back({make_sysex(form, std::span(chunk).first(size)), {}, first});
  }
  return out;
}

/// Octets of the complete SysEx messages in what was heard.
std::vector<std::vector<std::uint8_t>> complete_sysex(const hub_peer& peer) {
  std::vector<std::vector<std::uint8_t>> out;
  std::vector<std::uint8_t> open;
  for (const auto& e : peer.heard) {
    if (!e.message.is_sysex())
      continue;
    auto form = e.message.form();
    if (form == sysex_form::start || form == sysex_form::complete)
      open.clear();
    for (unsigned i = 0; i < e.message.sysex_size(); ++i)
      open.push_back(e.message.sysex_octet(i));
    if (form == sysex_form::end || form == sysex_form::complete)
      out.push_back(open);
  }
  return out;
}

} // namespace

TEST_CASE("HUB-1 two peers exchange notes, and nobody hears himself", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna's iPad");
  auto& bert = hub.join("Bert's Mac");
  anna.play(note_on);
  hub.run_for(10ms);
  CHECK(bert.heard_messages() == std::vector{note_on});
  CHECK(anna.heard.empty());
  bert.play(note_off);
  hub.run_for(10ms);
  CHECK(anna.heard_messages() == std::vector{note_off});
  auto ports = hub.ports();
  REQUIRE(ports.size() == 2);
  CHECK(ports[0].id == "rtp/Studio/Anna's iPad");
  CHECK(ports[1].id == "rtp/Studio/Bert's Mac");
}

TEST_CASE("HUB-2 a peer vanishes mid-note and the other hears no hanging note", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  hub.run_for(5s);
  anna.play({{note_on, {}, true},
             {make_short(0xB0, 64, 127), {}, false},
             {make_short(0xE0, 0, 100), {}, false},
             {make_short(0xD0, 90), {}, false}});
  hub.run_for(50ms);
  bert.heard.clear();
  anna.unplug();
  hub.run_for(3s);
  CHECK(bert.heard_messages() == std::vector{note_off, make_short(0xB0, 64, 0),
                                             make_short(0xE0, 0, 64), make_short(0xD0, 0)});
  auto ports = hub.ports();
  REQUIRE(ports.size() == 2);
  CHECK(ports[0].up);
  CHECK_FALSE(ports[1].up);
  CHECK(ports[1].id == "rtp/Studio/Anna");
}

TEST_CASE("HUB-3 hub and peer invite each other at once and are one pair", "[scenarios]") {
  simulated_hub hub;
  auto& listening = hub.join("Listener");
  auto& anna = hub.add_peer("Anna");
  hub.invite(anna.control);
  anna.invite(hub.hub_address);
  hub.run_for(3s);
  CHECK(anna.engine->connected());
  auto session = hub.session();
  CHECK(session.peers.size() == 2);
  anna.play(note_on);
  hub.run_for(10ms);
  CHECK(listening.heard_messages() == std::vector{note_on});
}

TEST_CASE("HUB-4 a peer reboots under a new SSRC and plays again on the same port", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  anna.play(note_on);
  hub.run_for(20ms);
  bert.heard.clear();
  anna.identity.ssrc = 0x99999999;
  anna.boot();
  anna.invite(hub.hub_address);
  hub.run_for(3s);
  REQUIRE(anna.engine->connected());
  CHECK(bert.heard_messages() == std::vector{note_off}); // released when it came back
  anna.play(note_on);
  hub.run_for(20ms);
  CHECK(bert.heard_messages() == std::vector{note_off, note_on});
  auto ports = hub.ports();
  REQUIRE(ports.size() == 2);
  CHECK(hub.session().peers.size() == 2);
  for (const auto& port : ports)
    CHECK(port.id.find("(2)") == std::string::npos);
}

TEST_CASE("HUB-5 64 KiB of SysEx arrive whole while another peer plays clock", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  auto& clara = hub.join("Clara");
  auto dump = sysex(65'536);
  std::size_t clocks = 0;
  for (std::size_t at = 0; at < dump.size(); at += 100) {
    auto end = std::min(dump.size(), at + 100);
    anna.play({dump.begin() + static_cast<std::ptrdiff_t>(at),
               dump.begin() + static_cast<std::ptrdiff_t>(end)});
    bert.play(make_short(0xF8));
    ++clocks;
    if (at % 1000 == 0)
      bert.play(note_on); // waits until the dump is over
    hub.run_for(2ms);
  }
  hub.run_for(1s);
  auto received = complete_sysex(clara);
  REQUIRE(received.size() == 1);
  REQUIRE(received[0].size() == 65'536);
  for (std::size_t i = 0; i < received[0].size(); ++i)
    REQUIRE(received[0][i] == (i * 7 & 0x7F));
  auto messages = clara.heard_messages();
  CHECK(static_cast<std::size_t>(std::count(messages.begin(), messages.end(), make_short(0xF8))) ==
        clocks);
  auto first_note = std::find(messages.begin(), messages.end(), note_on);
  auto last_chunk =
      std::find_if(messages.rbegin(), messages.rend(), [](const ump& m) { return m.is_sysex(); });
  CHECK(first_note >= last_chunk.base());
  CHECK(std::count(messages.begin(), messages.end(), note_on) ==
        static_cast<std::ptrdiff_t>((dump.size() + 999) / 1000));
}

TEST_CASE("HUB-6 five hundred peers join and leave in a storm", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  std::vector<hub_peer*> crowd;
  for (int i = 0; i < 500; ++i) {
    crowd.push_back(&hub.add_peer("Guest"));
    crowd.back()->invite(hub.hub_address);
  }
  hub.run_for(2s);
  CHECK(hub.session().peers.size() == 502);
  for (auto guest : crowd)
    CHECK(guest->engine->connected());
  for (std::size_t i = 0; i < crowd.size(); ++i)
    if (i % 2)
      crowd[i]->leave();
    else
      crowd[i]->unplug();
  anna.play(note_on);
  hub.run_for(100ms);
  CHECK(bert.heard_messages() == std::vector{note_on});
  hub.run_for(90s);
  CHECK(hub.session().peers.size() == 2);
}

TEST_CASE("HUB-7 a configured peer that is off is invited until it comes", "[scenarios]") {
  simulated_hub hub;
  auto& mac = hub.add_peer("Mac");
  mac.unplug();
  SECTION("its host is silent") {
  }
  SECTION("its host says that nobody listens") {
    hub.network.unreachable.insert(simulated_network::key(mac.control));
  }
  hub.invite(mac.control);
  hub.run_for(600s);
  CHECK(hub.session().peers.size() == 1);
  mac.plug();
  hub.run_for(60s);
  CHECK(mac.engine->connected());
}

TEST_CASE("HUB-8 RTP from an address that never shook hands is ignored and counted",
          "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  (void)anna;
  auto stranger = *io::parse_address("10.9.9.9", 7777);
  std::vector<std::uint8_t> packet{0x80, 0x61, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 1, 3, 0x90, 60, 100};
  hub.network.send(stranger, hub.hub_address.with_port(5005), packet);
  hub.network.send(stranger, hub.hub_address, packet);
  std::vector<std::uint8_t> goodbye{0xFF, 0xFF, 'B', 'Y', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x10, 1};
  hub.network.send(stranger, hub.hub_address, goodbye);
  hub.run_for(10ms);
  CHECK(bert.heard.empty());
  CHECK(hub.session().peers.size() == 2);
  CHECK(hub.session().strangers == 3);
}

TEST_CASE("HUB-9 peers of one name are told apart by number", "[scenarios]") {
  simulated_hub hub;
  hub.join("iPad");
  auto& second = hub.join("iPad");
  auto ports = hub.ports();
  REQUIRE(ports.size() == 2);
  CHECK(ports[0].id == "rtp/Studio/iPad");
  CHECK(ports[1].id == "rtp/Studio/iPad (2)");
  second.leave();
  hub.run_for(1s);
  hub.join("iPad");
  ports = hub.ports();
  REQUIRE(ports.size() == 2);
  CHECK(ports[1].id == "rtp/Studio/iPad (2)");
}

TEST_CASE("HUB-10 at the end everybody is told goodbye", "[scenarios]") {
  simulated_hub hub;
  auto& anna = hub.join("Anna");
  auto& bert = hub.join("Bert");
  caf::anon_send(hub.listener, atom::leave_v);
  hub.run_for(500ms);
  CHECK(anna.notices.back() == notice_kind::left);
  CHECK(bert.notices.back() == notice_kind::left);
}
