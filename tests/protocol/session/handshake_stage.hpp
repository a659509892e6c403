// A handshake whose peer and clock a test plays.
#pragma once

#include "protocol/session/handshake.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace tutti::test::handshaking {

using namespace protocol;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

inline const session_timing timing;
inline const session_identity us{"Hub", 0x0A0A0A0A};
inline const session_identity peer{"Anna", 0x0B0B0B0B};

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

inline invitation our(invitation_kind kind, std::uint32_t token) {
  auto named = kind == invitation_kind::invite || kind == invitation_kind::accept;
  return {kind, token, us.ssrc, named ? us.name : std::string()};
}

} // namespace tutti::test::handshaking
