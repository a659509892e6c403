// Who comes in to a session, who does not, who comes back.
#include "actors/flood_watch.hpp"
#include "actors/knock_limit.hpp"
#include "tests/actors/listening_stage.hpp"

#include <random>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;
using namespace tutti::test::listeners;

// -- coming in --

TEST_CASE_METHOD(listening_stage, "a peer that invites us becomes a port", "[actors][listener]") {
  arrive(*control, {{anna.control, anna.invite()}});
  auto answers = invitations(control->take_sent(), anna.control);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == invitation{invitation_kind::accept, anna.token, hub_ssrc, "Hub"});
  CHECK(ports().empty());
  arrive(*data, {{anna.data, anna.invite()}});
  answers = invitations(data->take_sent(), anna.data);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].kind == invitation_kind::accept);
  CHECK(ports() == "rtp/Hub/Anna");
  auto info = status();
  CHECK(info.name == "Hub");
  CHECK(info.ssrc == hub_ssrc);
  REQUIRE(info.peers.size() == 1);
  CHECK(info.peers[0].name == "Anna");
  CHECK(info.peers[0].address.control == anna.control);
  CHECK(info.peers[0].address.data == anna.data);
  CHECK_FALSE(info.peers[0].invited_by_us);
  CHECK(info.strangers == 0);
}

TEST_CASE_METHOD(listening_stage, "what a peer plays is heard, what is played it gets",
                 "[actors][listener]") {
  join(anna);
  join(bert);
  data->take_sent();
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
  auto to_bert = rtp_to(data->take_sent(), bert.data);
  REQUIRE(to_bert.size() == 1);
  auto packet = decode_rtp_packet(to_bert[0]);
  REQUIRE(packet);
  CHECK(to_hex(packet->list) == "903c40");
  CHECK(packet->header.ssrc == hub_ssrc);
  CHECK(rtp_to(data->sent, anna.data).empty());
}

TEST_CASE_METHOD(listening_stage, "a block of many senders is sorted, each one's in its order",
                 "[actors][listener]") {
  std::vector<participant> peers;
  for (unsigned i = 0; i < 5; ++i) {
    peers.push_back(
        {"P" + std::to_string(i), 0x100 + i, at("10.0.1." + std::to_string(i + 1), 5004)});
    join(peers.back());
  }
  std::mt19937 random(5);
  datagrams block;
  std::vector<std::vector<ump>> played(peers.size());
  for (int i = 0; i < 300; ++i) {
    auto who = random() % peers.size();
    auto note = static_cast<std::uint8_t>(random() % 128);
    octets list{static_cast<std::uint8_t>(0x90 | who), note, 64};
    block.push_back({peers[who].data, peers[who].play(to_hex(list))});
    played[who].push_back(make_short(list[0], note, 64));
    if (random() % 10 == 0)
      block.push_back({at("10.9.9.9", 1), {}}); // empty, from nobody
  }
  arrive(*data, block);
  std::vector<std::vector<ump>> got(peers.size());
  for (const auto& message : take_heard())
    got[message.channel()].push_back(message);
  CHECK(got == played);
}

// -- who may not --

TEST_CASE_METHOD(listening_stage, "strangers and those without a handshake are counted, not heard",
                 "[actors][listener]") {
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});       // nobody we know
  arrive(*control, {{anna.control, octets{1, 2, 3}}});       // nothing
  arrive(*data, {{anna.data, anna.invite()}});               // no control IN before
  arrive(*control, {{anna.control, anna.goodbye()}});        // of nobody
  arrive(*control, {{anna.control, hex("ffff 'IN' 0000")}}); // broken
  CHECK(status().strangers == 5);
  CHECK(take_heard().empty());
  CHECK(control->take_sent().empty());
  CHECK(data->take_sent().empty());
  join(anna);
  arrive(*control, {{anna.control, anna.play("90 3c 40")}}); // RTP belongs on the data port
  arrive(*data, {{anna.control, anna.play("90 3c 40")}});    // and comes from the data address
  arrive(*data, {{anna.data.with_port(9), anna.play("90 3c 40")}});
  CHECK(take_heard().empty());
  CHECK(status().strangers == 8);
}

TEST_CASE_METHOD(listening_stage, "the system drops a peer's flood of foreign SSRCs",
                 "[actors][listener][flood]") {
  join(anna);
  auto stranger = anna;
  stranger.ssrc = 0x5050;
  auto flood = datagrams(flood_watch::limit, {anna.data, stranger.play("90 3c 40")});
  arrive(*data, {{anna.data, anna.play("90 3c 40")}}); // is no flood
  arrive(*data, flood);
  CHECK(data->dropping.empty());
  arrive(*data, flood);
  CHECK(data->dropping ==
        std::vector<scripted_socket::foreign_drop>{{anna.data, anna.ssrc, flood_watch::rest}});
  CHECK(status().peers.at(0).status.foreign_ssrc == 2 * flood_watch::limit);
  arrive(*data, flood); // until the filter stands
  CHECK(data->dropping.size() == 1);
  CHECK(take_heard().size() == 1);

  // A participant that starts anew has another SSRC, and is heard under it.
  anna.ssrc = stranger.ssrc;
  anna.token += 1;
  join(anna);
  REQUIRE(data->dropping.size() == 2);
  CHECK(data->dropping.back().from == anna.data);
  CHECK(data->dropping.back().time.count() == 0);
}

TEST_CASE("a full session answers NO", "[actors][listener]") {
  listening_stage t(1);
  t.join(t.anna);
  t.control->take_sent();
  t.arrive(*t.control, {{t.bert.control, t.bert.invite()}});
  auto answers = listening_stage::invitations(t.control->take_sent(), t.bert.control);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == invitation{invitation_kind::refuse, t.bert.token, hub_ssrc, {}});
  CHECK(t.status().refused == 1);
  CHECK(t.status().peers.size() == 1);
  t.arrive(*t.control, {{t.anna.control, t.anna.invite()}}); // who is in may repeat
  CHECK(listening_stage::invitations(t.control->take_sent(), t.anna.control)[0].kind ==
        invitation_kind::accept);
}

struct large_stage : listening_stage {
  large_stage()
      : listening_stage(2 * knock_limit::burst) {}
};

// Nobody is told NO for it: who is, does not try again.
TEST_CASE_METHOD(large_stage, "a host that floods with invitations is looked at now and then",
                 "[actors][listener]") {
  std::size_t answers = 0;
  constexpr std::uint32_t knocks = knock_limit::burst + 100;
  for (std::uint32_t i = 0; i < knocks; ++i) {
    participant stranger{"Stranger", 0x5000 + i,
                         anna.control.with_port(static_cast<std::uint16_t>(20000 + 2 * i))};
    arrive(*control, {{stranger.control, stranger.invite()}});
    answers += control->take_sent().size();
  }
  CHECK(answers == knock_limit::burst);
  CHECK(status().strangers == knocks - knock_limit::burst);
  join(bert);
  CHECK(ports() == "rtp/Hub/Bert");
}

// -- coming back --

TEST_CASE_METHOD(listening_stage, "a peer that comes back on another port is the same port again",
                 "[actors][listener]") {
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  auto moved = anna;
  moved.control = at("10.0.0.1", 6004);
  moved.data = at("10.0.0.1", 6005);
  moved.token = 0x7777;
  join(moved);
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*data, {{moved.data, moved.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
  arrive(*data, {{anna.data, anna.play("90 3d 40")}}); // from where it was
  CHECK(take_heard().empty());
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].address.control == moved.control);
}

// The goodbye waited for the end of the block, the invitation behind it did not, so that it was the
// new session that ended.
TEST_CASE_METHOD(listening_stage, "a goodbye and a new invitation in one block keep their order",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  auto token = invitations(control->take_sent(), anna.control)[0].token;
  arrive(*control, {{anna.control, anna.accept(token)}});
  arrive(*data, {{anna.data, anna.accept(token)}});
  REQUIRE(ports() == "rtp/Hub/Anna");
  arrive(*control, {{anna.control, anna.goodbye()}, {anna.control, anna.invite()}});
  arrive(*data, {{anna.data, anna.invite()}});
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].status.state == handshake_state::connected);
  CHECK(ports() == "rtp/Hub/Anna");
}

TEST_CASE_METHOD(listening_stage, "what comes behind an invitation in a block is done after it",
                 "[actors][listener]") {
  participant ann{"Ann", 0x11, at("10.0.0.1", 5004)};
  auto stranger = at("10.0.0.9", 7);
  join(ann);
  // Were the goodbye done first, the invitation would find nobody and start a new session.
  arrive(
      *control,
      {{ann.control, ann.invite()}, {stranger, hex("FF FF 42 59")}, {ann.control, ann.goodbye()}});
  CHECK(ports() == "[rtp/Hub/Ann]");
  CHECK(status().peers.empty());
  CHECK(status().strangers == 1);
}

TEST_CASE_METHOD(listening_stage, "a goodbye from another port of the host ends the session",
                 "[actors][listener]") {
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  arrive(*control, {{at("10.0.0.9", 5004), anna.goodbye()}}); // another host
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*control, {{at("10.0.0.1", 9999), anna.goodbye()}});
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "[rtp/Hub/Anna]");
  CHECK(status().peers.empty());
}

TEST_CASE_METHOD(listening_stage, "a peer that ended and invites again gets its port id again",
                 "[actors][listener]") {
  for (int i = 0; i < 3; ++i) {
    join(anna);
    CHECK(ports() == "rtp/Hub/Anna");
    arrive(*control, {{anna.control, anna.goodbye()}});
    CHECK(ports() == "[rtp/Hub/Anna]");
  }
}

TEST_CASE_METHOD(listening_stage, "twins with one SSRC and token on two hosts both come in",
                 "[actors][listener]") {
  auto twin = anna;
  twin.control = at("10.0.0.2", 5004);
  twin.data = at("10.0.0.2", 5005);
  arrive(*control, {{anna.control, anna.invite()}, {twin.control, twin.invite()}});
  arrive(*data, {{anna.data, anna.invite()}, {twin.data, twin.invite()}});
  CHECK(ports() == "rtp/Hub/Anna, rtp/Hub/Anna (2)");
  arrive(*data, {{anna.data, anna.play("90 3c 40")}, {twin.data, twin.play("91 3c 40")}});
  CHECK(take_heard().size() == 2);
}

TEST_CASE_METHOD(listening_stage, "a namesake on another host comes in once the first has answered",
                 "[actors][listener]") {
  join(anna);
  auto namesake = anna;
  namesake.ssrc = 0xA2;
  namesake.token = 0xA3;
  namesake.control = at("10.0.0.2", 5004);
  namesake.data = at("10.0.0.2", 5005);
  arrive(*control, {{namesake.control, namesake.invite()}});
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  advance(1s);
  arrive(*control, {{namesake.control, namesake.invite()}});
  arrive(*data, {{namesake.data, namesake.invite()}});
  CHECK(ports() == "rtp/Hub/Anna, rtp/Hub/Anna (2)");
}
