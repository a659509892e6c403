// Invitations: every answer, repeat, time-out and collision, in virtual time.
#include "protocol/session/handshake.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace tutti::protocol;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

const session_timing timing;
const session_identity us{"Hub", 0x0A0A0A0A};
const session_identity peer{"Anna", 0x0B0B0B0B};

constexpr hub_time at(nanoseconds time) {
  return hub_time(1000s + time);
}

struct sent_command {
  channel to;
  invitation content;
  bool operator==(const sent_command&) const = default;
};

struct handshake_under_test {
  explicit handshake_under_test(std::uint64_t seed = 1)
      : h(us, timing, seed) {}

  std::vector<sent_command> take_sent() {
    std::vector<sent_command> sent;
    for (const auto& item : out.datagrams.items()) {
      auto command = decode_apple_command(out.datagrams.view(item));
      REQUIRE(command);
      sent.push_back({item.channel, std::get<invitation>(*command)});
    }
    out.datagrams.clear();
    return sent;
  }
  sent_command take_one() {
    auto sent = take_sent();
    REQUIRE(sent.size() == 1);
    return sent[0];
  }
  std::vector<notice_kind> take_notices() {
    std::vector<notice_kind> kinds;
    for (const auto& notice : out.notices) {
      kinds.push_back(notice.kind);
      retry_in = notice.retry_in;
    }
    out.notices.clear();
    return kinds;
  }

  /// Serves deadlines up to and including `end`.
  void run_until(nanoseconds end) {
    while (h.next_deadline() <= at(end)) {
      now = h.next_deadline();
      h.on_deadline(now, out);
      REQUIRE(h.next_deadline() > now);
    }
    now = at(end);
  }
  void in(channel from, std::uint32_t token, std::uint32_t ssrc = peer.ssrc) {
    h.on_invited({invitation_kind::invite, token, ssrc, peer.name}, from, now, out);
  }
  void ok(channel from, std::uint32_t token, std::uint32_t ssrc = peer.ssrc) {
    h.on_accepted({invitation_kind::accept, token, ssrc, peer.name}, from, now, out);
  }
  void no(std::uint32_t token) {
    h.on_refused({invitation_kind::refuse, token, peer.ssrc, {}}, now, out);
  }
  /// We invite and the peer accepts. Gives our token.
  std::uint32_t connect_as_initiator() {
    h.invite(now, out);
    auto token = take_one().content.token;
    ok(channel::control, token);
    ok(channel::data, token);
    take_sent();
    CHECK(take_notices() == std::vector{notice_kind::connected});
    return token;
  }
  void connect_as_responder(std::uint32_t token = 77) {
    in(channel::control, token);
    in(channel::data, token);
    take_sent();
    CHECK(take_notices() == std::vector{notice_kind::connected});
  }

  handshake h;
  session_output out;
  hub_time now = at(0s);
  nanoseconds retry_in{};
};

using notices = std::vector<notice_kind>;

invitation our(invitation_kind kind, std::uint32_t token) {
  auto named = kind == invitation_kind::invite || kind == invitation_kind::accept;
  return {kind, token, us.ssrc, named ? us.name : std::string()};
}

} // namespace

// -- we invite --

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

namespace {

/// Two handshakes on a network of one's own making; both stand for one hub.
struct handshake_pair {
  struct flying {
    hub_time at;
    int to;
    sent_command what;
  };

  explicit handshake_pair(unsigned seed)
      : random(seed)
      , sides{handshake(us, timing, seed), handshake(peer, timing, seed + 1000)} {}

  void perform(int who) {
    auto& out = outs[who];
    for (const auto& item : out.datagrams.items()) {
      auto command = decode_apple_command(out.datagrams.view(item));
      if (random() % 100 >= loss)
        in_flight.push_back({now + std::chrono::milliseconds(random() % 40),
                             1 - who,
                             {item.channel, std::get<invitation>(*command)}});
    }
    for (const auto& notice : out.notices)
      told[who].push_back(notice.kind);
    out.clear();
  }
  void run_for(nanoseconds time) {
    auto end = now + time;
    for (;;) {
      auto next = std::min(sides[0].next_deadline(), sides[1].next_deadline());
      auto first = std::ranges::min_element(in_flight, {}, &flying::at);
      if (first != in_flight.end())
        next = std::min(next, first->at);
      if (next > end)
        break;
      now = std::max(now, next);
      if (first != in_flight.end() && first->at <= now) {
        auto arrived = *first;
        in_flight.erase(first);
        deliver(arrived);
      }
      for (int i : {0, 1})
        if (sides[i].next_deadline() <= now) {
          sides[i].on_deadline(now, outs[i]);
          perform(i);
        }
    }
    now = end;
  }
  void deliver(const flying& arrived) {
    auto& to = sides[arrived.to];
    auto& out = outs[arrived.to];
    switch (arrived.what.content.kind) {
    case invitation_kind::invite:
      to.on_invited(arrived.what.content, arrived.what.to, now, out);
      break;
    case invitation_kind::accept:
      to.on_accepted(arrived.what.content, arrived.what.to, now, out);
      break;
    case invitation_kind::refuse: to.on_refused(arrived.what.content, now, out); break;
    case invitation_kind::goodbye: to.on_goodbye(now, out); break;
    }
    perform(arrived.to);
  }

  std::mt19937 random;
  unsigned loss = 0;
  hub_time now = at(0s);
  handshake sides[2];
  session_output outs[2];
  std::vector<notice_kind> told[2];
  std::vector<flying> in_flight;
};

} // namespace

TEST_CASE("two that invite each other at once end in one session", "[protocol][handshake]") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    INFO("seed " << seed);
    handshake_pair pair(seed);
    pair.loss = seed % 2 ? 0 : 30;
    pair.sides[0].invite(pair.now, pair.outs[0]);
    pair.perform(0);
    pair.run_for(std::chrono::milliseconds(pair.random() % 100));
    pair.sides[1].invite(pair.now, pair.outs[1]);
    pair.perform(1);
    pair.run_for(60s);
    for (int i : {0, 1}) {
      CHECK(pair.sides[i].connected());
      CHECK(std::ranges::count(pair.told[i], notice_kind::connected) == 1);
      CHECK(std::ranges::count(pair.told[i], notice_kind::restarted) == 0);
    }
    auto silence = pair.now;
    pair.run_for(1h);
    CHECK(pair.in_flight.empty());
    CHECK(pair.now - silence == 1h);
    CHECK(pair.sides[0].connected());
    CHECK(pair.sides[1].connected());
  }
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
