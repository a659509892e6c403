// Inviting: every answer, repeat and time-out, in virtual time.
#include "tests/protocol/session/handshake_stage.hpp"

#include <algorithm>

using namespace tutti::protocol;
using namespace tutti::test::handshaking;

TEST_CASE("an invitation goes to the control port, then to the data port",
          "[protocol][handshake]") {
  handshake_under_test t;
  CHECK(t.h.state() == handshake_state::idle);
  CHECK(t.h.next_deadline() == hub_time::max());
  t.h.invite(t.now, t.out);
  auto first = t.take_one();
  CHECK(first.to == channel::control);
  CHECK(first.content == our(invitation_kind::invite, t.h.own_token()));
  CHECK(first.content.token != 0);
  t.ok(channel::control, first.content.token);
  CHECK(t.h.state() == handshake_state::inviting_data);
  CHECK(t.h.peer_name() == "Anna");
  auto second = t.take_one();
  CHECK(second.to == channel::data);
  CHECK(second.content == first.content);
  t.ok(channel::data, first.content.token);
  CHECK(t.h.connected());
  CHECK(t.h.initiator());
  CHECK(t.h.keeps_inviting());
  CHECK(t.h.peer_ssrc() == peer.ssrc);
  CHECK(t.take_sent().empty());
  CHECK(t.take_notices() == notices{notice_kind::connected});
  CHECK(t.h.next_deadline() == hub_time::max());
}

TEST_CASE("an unanswered invitation is sent twelve times, a second apart",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  auto token = t.h.own_token();
  t.run_until(11'999ms);
  auto sent = t.take_sent();
  CHECK(sent.size() == 12);
  for (const auto& one : sent)
    CHECK(one == sent_command{channel::control, our(invitation_kind::invite, token)});
  CHECK(t.take_notices().empty());
  t.run_until(12s);
  CHECK(t.take_notices() == notices{notice_kind::unanswered});
  CHECK(t.take_sent().empty()); // nothing was accepted, so there is nothing to say goodbye to
  CHECK(t.h.state() == handshake_state::waiting);
}

TEST_CASE("a lost OK on the data port is asked for again, and given up with a goodbye",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  auto token = t.take_one().content.token;
  t.run_until(3500ms);
  t.take_sent();
  t.ok(channel::control, token);
  t.ok(channel::control, token); // doubled on the way
  CHECK(t.take_sent().size() == 1);
  t.run_until(3500ms + 11'999ms);
  auto sent = t.take_sent();
  CHECK(sent.size() == 11);
  for (const auto& one : sent)
    CHECK(one.to == channel::data);
  t.run_until(3500ms + 12s);
  CHECK(t.take_notices() == notices{notice_kind::unanswered});
  CHECK(t.take_sent() ==
        std::vector<sent_command>{{channel::control, our(invitation_kind::goodbye, token)},
                                  {channel::data, our(invitation_kind::goodbye, token)}});
}

TEST_CASE("an OK of another invitation, on the wrong port or too late is ignored",
          "[protocol][handshake]") {
  handshake_under_test t;
  t.ok(channel::control, 0);
  t.ok(channel::data, 0);
  CHECK(t.h.state() == handshake_state::idle);
  t.h.invite(t.now, t.out);
  auto token = t.take_one().content.token;
  t.ok(channel::control, token + 1);
  t.ok(channel::data, token);
  CHECK(t.h.state() == handshake_state::inviting_control);
  t.ok(channel::control, token);
  t.ok(channel::data, token + 1);
  CHECK(t.h.state() == handshake_state::inviting_data);
  t.ok(channel::data, token);
  t.take_sent();
  t.take_notices();
  t.ok(channel::control, token);
  t.ok(channel::data, token);
  CHECK(t.take_sent().empty());
  CHECK(t.take_notices().empty());
}

TEST_CASE("failures are followed by longer and longer waits, with a quarter of chance",
          "[protocol][handshake]") {
  std::vector<nanoseconds> firsts;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    handshake_under_test t(seed);
    t.h.invite(t.now, t.out);
    auto token = t.h.own_token();
    for (nanoseconds base : {1000ms, 2000ms, 3500ms, 3500ms, 3500ms}) {
      t.run_until(t.now - at(0s) + 12s);
      CHECK(t.take_notices() == notices{notice_kind::unanswered});
      CHECK(t.retry_in >= base);
      CHECK(t.retry_in <= base * 5 / 4);
      if (base == 1s)
        firsts.push_back(t.retry_in);
      CHECK(t.h.next_deadline() == t.now + t.retry_in);
      t.take_sent();
      t.run_until(t.now - at(0s) + t.retry_in);
      CHECK(t.take_one().to == channel::control);
      CHECK(t.h.own_token() != token); // a new invitation, a new token
      token = t.h.own_token();
    }
  }
  std::ranges::sort(firsts);
  CHECK(firsts.back() - firsts.front() > 200ms); // they do spread
}

TEST_CASE("waits do not grow without end, nor for ever", "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  for (int i = 0; i < 100; ++i) {
    t.h.on_unreachable(t.now, t.out);
    CHECK(t.take_notices() == notices{notice_kind::unreachable});
    CHECK(t.retry_in > 0s);
    CHECK(t.retry_in <= 4375ms);
    t.run_until(t.now - at(0s) + t.retry_in);
    CHECK(t.h.state() == handshake_state::inviting_control);
  }
  // A session that stood forgives all that.
  t.ok(channel::control, t.h.own_token());
  t.ok(channel::data, t.h.own_token());
  t.take_notices();
  t.h.on_goodbye(t.now, t.out);
  CHECK(t.take_notices() == notices{notice_kind::left});
  CHECK(t.retry_in <= 1250ms);
}

TEST_CASE("after a NO nobody is bothered for half a minute", "[protocol][handshake]") {
  for (auto data : {false, true}) {
    handshake_under_test t;
    t.h.invite(t.now, t.out);
    auto token = t.take_one().content.token;
    if (data)
      t.ok(channel::control, token);
    t.take_sent();
    t.no(token + 1);
    CHECK(t.take_notices().empty());
    t.no(token);
    CHECK(t.take_notices() == notices{notice_kind::refused});
    CHECK(t.retry_in == 30s);
    t.run_until(29'999ms);
    CHECK(t.take_sent().empty());
    t.run_until(30s);
    CHECK(t.take_one().to == channel::control);
  }
}

TEST_CASE("a NO when the session stands is ignored", "[protocol][handshake]") {
  handshake_under_test t;
  auto token = t.connect_as_initiator();
  t.no(token);
  CHECK(t.h.connected());
}

TEST_CASE("an unreachable address matters only while inviting", "[protocol][handshake]") {
  handshake_under_test t;
  t.h.on_unreachable(t.now, t.out);
  CHECK(t.h.state() == handshake_state::idle);
  t.connect_as_initiator();
  t.h.on_unreachable(t.now, t.out);
  CHECK(t.h.connected());
}

TEST_CASE("a goodbye between the two OKs is a refusal", "[protocol][handshake]") {
  handshake_under_test t;
  t.h.invite(t.now, t.out);
  t.ok(channel::control, t.h.own_token());
  t.h.on_goodbye(t.now, t.out);
  CHECK(t.take_notices() == notices{notice_kind::refused});
  CHECK(t.retry_in == 30s);
}

TEST_CASE("a session that we initiated is invited again after a goodbye and after silence",
          "[protocol][handshake]") {
  handshake_under_test t;
  auto token = t.connect_as_initiator();
  t.h.on_goodbye(t.now, t.out);
  CHECK(t.take_notices() == notices{notice_kind::left});
  CHECK(t.take_sent().empty());
  CHECK_FALSE(t.h.initiator());
  t.run_until(1250ms);
  CHECK(t.take_one().content.token != token);

  handshake_under_test silent;
  token = silent.connect_as_initiator();
  silent.h.on_silence(silent.now, silent.out);
  CHECK(silent.take_notices() == notices{notice_kind::vanished});
  CHECK(silent.take_sent() ==
        std::vector<sent_command>{{channel::control, our(invitation_kind::goodbye, token)},
                                  {channel::data, our(invitation_kind::goodbye, token)}});
  CHECK(silent.h.state() == handshake_state::waiting);
}
