// Participants that the hub invites, and what sessions cost over time.
#include "tests/actors/listening_stage.hpp"

#include <random>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;
using namespace tutti::test::listeners;

// -- inviting --

TEST_CASE_METHOD(listening_stage, "a participant that we invite becomes a port",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  auto sent = invitations(control->take_sent(), anna.control);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].kind == invitation_kind::invite);
  CHECK(sent[0].name == "Hub");
  CHECK(sent[0].ssrc == hub_ssrc);
  arrive(*control, {{anna.control, anna.accept(sent[0].token)}});
  auto on_data = invitations(data->take_sent(), anna.data);
  REQUIRE(on_data.size() == 1);
  CHECK(on_data[0] == sent[0]);
  arrive(*data, {{anna.data, anna.accept(sent[0].token)}});
  CHECK(ports() == "rtp/Hub/Anna");
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].invited_by_us);
  CHECK(status().peers[0].status.initiator);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
}

TEST_CASE_METHOD(listening_stage,
                 "an invitation that nobody answers goes on, and a NO is respected",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  tell(listener, atom::invite_v, wanted(bert.control), target_watcher());
  run();
  auto token = invitations(control->take_sent(), bert.control)[0].token;
  arrive(*control, {{bert.control, bert.refuse(token)}});
  advance(29s);
  auto sent = control->take_sent();
  CHECK(invitations(sent, anna.control).size() > 20);
  CHECK(invitations(sent, bert.control).empty());
  advance(2s);
  CHECK_FALSE(invitations(control->take_sent(), bert.control).empty());
}

TEST_CASE_METHOD(listening_stage, "an unreachable address is reported to the session that uses it",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  control->take_sent();
  control->report_unreachable(bert.control); // nobody's
  control->report_unreachable(anna.control);
  run();
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].status.state == handshake_state::waiting);
  advance(1250ms);
  CHECK(invitations(control->take_sent(), anna.control).size() == 1);
}

TEST_CASE_METHOD(listening_stage, "one that we invite and that invites us is one peer",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  join(anna);
  CHECK(ports() == "rtp/Hub/Anna");
  CHECK(status().peers.size() == 1);
}

TEST_CASE_METHOD(listening_stage, "the last port has no data port, and that harms nobody",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(at("10.0.0.7", 65535)), target_watcher());
  advance(3s);
  CHECK(status().peers.size() == 1);
  CHECK(invitations(control->take_sent(), at("10.0.0.7", 65535)).size() == 4);
}

// -- over time --

// Each heartbeat that fired planned the next, also those that an earlier one had made needless: one
// more for ever with every burst of notes.
TEST_CASE_METHOD(listening_stage, "the heartbeats of a session do not multiply",
                 "[actors][listener]") {
  join(anna);
  auto keep_alive = [&] {
    arrive(*data, {{anna.data, bytes_of(clock_exchange{anna.ssrc, 0, {1, 0, 0}})}});
  };
  std::size_t early = 0;
  for (int i = 0; i < 600; ++i) {
    tell(router, atom::midi_v, ear_key,
         make_batch(std::vector<event>{{note_60, now(), true}, {release_60, now(), true}}));
    arrive(*data, {{anna.data, anna.play("90 3c 40 00 80 3c 40")}});
    keep_alive();
    advance(500ms);
    if (i == 60)
      early = planned();
  }
  CHECK(planned() <= early + 5);
  CHECK(planned() < 60);
  CHECK(ports() == "rtp/Hub/Anna");
}

TEST_CASE_METHOD(listening_stage, "an idle session costs a few heartbeats a minute",
                 "[actors][listener]") {
  join(anna);
  advance(5s);
  control->take_sent();
  data->take_sent();
  auto turns = loop().counters().turns;
  for (int i = 0; i < 6; ++i) {
    arrive(*data, {{anna.data, bytes_of(clock_exchange{anna.ssrc, 0, {1, 0, 0}})}});
    advance(10s);
  }
  CHECK(loop().counters().turns - turns < 600);
  CHECK(data->take_sent().size() < 150);
}

TEST_CASE_METHOD(listening_stage, "the garbage of a whole network ends nothing",
                 "[actors][listener]") {
  join(anna);
  std::mt19937 random(99);
  std::vector<octets> seeds{anna.invite(),
                            anna.goodbye(),
                            anna.play("90 3c 40"),
                            bytes_of(clock_exchange{anna.ssrc, 1, {1, 2, 3}}),
                            bytes_of(receiver_feedback{anna.ssrc, 1}),
                            bytes_of(bitrate_limit{anna.ssrc, 1000})};
  for (int i = 0; i < 200; ++i) {
    datagrams block;
    for (int j = 0; j < 32; ++j) {
      auto bytes = seeds[random() % seeds.size()];
      for (auto flips = random() % 4; flips > 0; --flips)
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      if (random() % 8 == 0)
        bytes.resize(random() % (bytes.size() + 1));
      auto host = "10.0.0." + std::to_string(random() % 8);
      block.push_back({at(host, static_cast<std::uint16_t>(5004 + random() % 2)), bytes});
    }
    arrive(random() % 2 ? *control : *data, block);
    control->take_sent();
    data->take_sent();
    advance(random() % 5 ? 10ms : 2s);
  }
  advance(2min);
  take_heard();
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
}
