// Two handshakes that talk to each other.
#include "tests/protocol/session/handshake_stage.hpp"

#include <algorithm>
#include <random>

using namespace tutti::protocol;
using namespace tutti::test::handshaking;

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
