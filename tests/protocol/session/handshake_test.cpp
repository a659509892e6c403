// Being invited, restarts and collisions, in virtual time.
#include "tests/protocol/session/handshake_stage.hpp"

using namespace tutti::protocol;
using namespace tutti::test::handshaking;

// -- we are invited --

TEST_CASE("an invitation is accepted on each port with its own token", "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::control, 77);
  CHECK(t.take_one() == sent_command{channel::control, our(invitation_kind::accept, 77)});
  CHECK(t.h.state() == handshake_state::accepted);
  CHECK(t.h.peer_token() == 77);
  CHECK(t.h.peer_name() == "Anna");
  CHECK(t.take_notices().empty());
  t.in(channel::data, 77);
  CHECK(t.take_one() == sent_command{channel::data, our(invitation_kind::accept, 77)});
  CHECK(t.h.connected());
  CHECK_FALSE(t.h.initiator());
  CHECK_FALSE(t.h.keeps_inviting());
  CHECK(t.take_notices() == notices{notice_kind::connected});
}

TEST_CASE("a repeated invitation is accepted again and changes nothing", "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::control, 77);
  t.in(channel::control, 77); // our OK was lost
  CHECK(t.take_sent().size() == 2);
  t.in(channel::data, 77);
  t.in(channel::data, 77);
  CHECK(t.take_sent().size() == 2);
  t.in(channel::control, 77); // late
  CHECK(t.take_one().to == channel::control);
  CHECK(t.take_notices() == notices{notice_kind::connected});
  CHECK(t.h.connected());
}

TEST_CASE("a data invitation without its control invitation is ignored", "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::data, 77);
  t.in(channel::control, 77);
  t.in(channel::data, 78);
  t.in(channel::data, 77, peer.ssrc + 1);
  CHECK(t.take_one().to == channel::control);
  CHECK(t.h.state() == handshake_state::accepted);
}

// "No invitation yet" was held as token 0 and SSRC 0, which anybody can send.
TEST_CASE("a token of 0 is a token like any other", "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::data, 0, 0);
  CHECK(t.take_sent().empty());
  CHECK(t.h.state() == handshake_state::idle);
  t.connect_as_responder(0);
  t.in(channel::control, 0);
  CHECK(t.take_one().to == channel::control);
  CHECK(t.h.connected());
  CHECK(t.take_notices().empty());
  t.in(channel::control, 9); // anew
  CHECK(t.take_notices() == notices{notice_kind::restarted});

  handshake_under_test again;
  again.connect_as_initiator();
  again.h.on_goodbye(again.now, again.out);
  again.take_notices();
  again.in(channel::data, 0);
  CHECK(again.h.state() == handshake_state::waiting);
}

TEST_CASE("an invitation that is never completed is forgotten after 13 s",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::control, 77);
  t.run_until(5s);
  t.in(channel::control, 77);
  t.take_sent();
  t.run_until(17'999ms);
  CHECK(t.h.state() == handshake_state::accepted);
  t.run_until(18s);
  CHECK(t.h.state() == handshake_state::ended);
  CHECK(t.take_notices() == notices{notice_kind::abandoned});
  CHECK(t.h.next_deadline() == hub_time::max());
}

TEST_CASE("a goodbye or silence ends a session that the peer initiated", "[protocol][handshake]") {
  handshake_under_test t;
  t.connect_as_responder();
  t.h.on_goodbye(t.now, t.out);
  CHECK(t.h.state() == handshake_state::ended);
  CHECK(t.take_notices() == notices{notice_kind::left});
  CHECK(t.take_sent().empty());

  handshake_under_test silent;
  silent.connect_as_responder(77);
  silent.h.on_silence(silent.now, silent.out);
  CHECK(silent.h.state() == handshake_state::ended);
  CHECK(silent.take_sent() ==
        std::vector<sent_command>{{channel::control, our(invitation_kind::goodbye, 77)},
                                  {channel::data, our(invitation_kind::goodbye, 77)}});

  handshake_under_test half;
  half.in(channel::control, 77);
  half.h.on_goodbye(half.now, half.out);
  CHECK(half.take_notices() == notices{notice_kind::abandoned});
  CHECK(half.h.state() == handshake_state::ended);
}

TEST_CASE("nothing revives what has ended", "[protocol][handshake]") {
  handshake_under_test t;
  t.connect_as_responder();
  t.h.leave(t.out);
  t.take_sent();
  t.take_notices();
  t.in(channel::control, 5);
  t.in(channel::data, 5);
  t.h.invite(t.now, t.out);
  t.ok(channel::control, t.h.own_token());
  t.h.on_goodbye(t.now, t.out);
  t.h.on_silence(t.now, t.out);
  t.h.leave(t.out);
  CHECK(t.take_sent().empty());
  CHECK(t.take_notices().empty());
  CHECK(t.h.next_deadline() == hub_time::max());
}

// -- restarts --

TEST_CASE("a new token or a new SSRC is a peer's restart", "[protocol][handshake]") {
  for (auto [token, ssrc] :
       {std::pair{78u, peer.ssrc}, {77u, peer.ssrc + 1}, {78u, peer.ssrc + 1}}) {
    handshake_under_test t;
    t.connect_as_responder(77);
    t.in(channel::control, token, ssrc);
    CHECK(t.take_notices() == notices{notice_kind::restarted});
    CHECK(t.h.state() == handshake_state::accepted);
    CHECK(t.h.peer_ssrc() == ssrc);
    t.in(channel::data, 77, peer.ssrc); // of the former life
    CHECK_FALSE(t.h.connected());
    t.in(channel::data, token, ssrc);
    CHECK(t.take_notices() == notices{notice_kind::connected});
    CHECK(t.take_sent().size() == 2);
  }
}

TEST_CASE("a restarted peer that does not come through is invited again by who invited it before",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.connect_as_initiator();
  t.run_until(100s);
  t.in(channel::control, 99, peer.ssrc + 5);
  CHECK(t.take_notices() == notices{notice_kind::restarted});
  t.take_sent();
  t.run_until(113s);
  CHECK(t.take_notices() == notices{notice_kind::abandoned});
  CHECK(t.h.state() == handshake_state::waiting);
  t.run_until(115s);
  CHECK(t.h.state() == handshake_state::inviting_control);
}

// -- collisions --

TEST_CASE("a peer that invites while we wait is accepted", "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  t.no(t.h.own_token());
  t.take_sent();
  t.take_notices();
  t.connect_as_responder(5);
  CHECK(t.h.connected());
  CHECK(t.h.keeps_inviting());
  t.run_until(60s);
  CHECK(t.take_sent().empty()); // and is not invited on top of that
  t.h.on_goodbye(t.now, t.out);
  CHECK(t.h.state() == handshake_state::waiting);
}

TEST_CASE("an invitation by us that the peer's has overtaken is not sent",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.in(channel::control, 77);
  t.take_sent();
  t.h.invite(t.now, t.out);
  CHECK(t.take_sent().empty());
  t.in(channel::data, 77);
  t.take_sent();
  t.h.invite(t.now, t.out);
  CHECK(t.take_sent().empty());
  CHECK(t.h.connected());
  CHECK(t.h.keeps_inviting());
}

TEST_CASE("a peer's invitation that crossed ours is no restart", "[protocol][handshake]") {
  handshake_under_test t;
  t.connect_as_initiator();
  t.run_until(2s);
  t.in(channel::control, 5);
  t.in(channel::data, 5);
  CHECK(t.take_sent().size() == 2);
  CHECK(t.take_notices().empty());
  CHECK(t.h.connected());
  t.in(channel::control, 6); // but the next one is
  CHECK(t.take_notices() == notices{notice_kind::restarted});

  handshake_under_test late;
  late.connect_as_initiator();
  late.run_until(3s);
  late.in(channel::control, 5);
  CHECK(late.take_notices() == notices{notice_kind::restarted});
}

TEST_CASE("leaving says goodbye on both ports where there is anything to leave",
          "[protocol][handshake]") {
  {
    handshake_under_test t;
    t.connect_as_responder(77);
    t.h.leave(t.out);
    CHECK(t.take_sent() ==
          std::vector<sent_command>{{channel::control, our(invitation_kind::goodbye, 77)},
                                    {channel::data, our(invitation_kind::goodbye, 77)}});
    CHECK(t.take_notices() == notices{notice_kind::closed});
    CHECK(t.h.state() == handshake_state::ended);
  }
  {
    handshake_under_test t;
    auto token = t.connect_as_initiator();
    t.h.leave(t.out);
    CHECK(t.take_sent()[0].content == our(invitation_kind::goodbye, token));
    CHECK_FALSE(t.h.keeps_inviting());
  }
  {
    handshake_under_test t;
    t.in(channel::control, 77);
    t.take_sent();
    t.h.leave(t.out);
    CHECK(t.take_sent().size() == 2);
    CHECK(t.take_notices().empty());
  }
  {
    handshake_under_test t;
    t.h.invite(t.now, t.out);
    t.no(t.h.own_token());
    t.take_sent();
    t.take_notices();
    t.h.leave(t.out);
    CHECK(t.take_sent().empty());
    CHECK(t.h.state() == handshake_state::ended);
    CHECK(t.h.next_deadline() == hub_time::max());
  }
}

TEST_CASE("a name that the OK lacks does not erase the one known", "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  auto token = t.take_one().content.token;
  t.ok(channel::control, token);
  t.h.on_accepted({invitation_kind::accept, token, peer.ssrc, {}}, channel::data, t.now, t.out);
  CHECK(t.h.connected());
  CHECK(t.h.peer_name() == "Anna");
}
