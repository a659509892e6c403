// Two session engines on a network that loses, doubles, reorders and delays, in virtual time.
// One seed decides everything, so a failure is repeated by its seed.
#pragma once

#include "protocol/session/session_engine.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

namespace tutti::test {

using namespace std::chrono_literals;

/// What the network does to each datagram.
struct network_weather {
  double loss = 0;
  double duplication = 0;
  std::chrono::nanoseconds delay = 500us;
  std::chrono::nanoseconds jitter = 200us; ///< more than the gap between datagrams reorders them
  int burst = 1;                           ///< datagrams lost in a row when one is
};

/// One participant: an engine, its clock, and what it was asked to play and tell.
class simulated_peer {
public:
  simulated_peer(std::string name, std::uint32_t ssrc, std::chrono::nanoseconds clock_ahead,
                 std::uint64_t seed)
      : identity{std::move(name), ssrc}
      , clock_ahead_(clock_ahead)
      , seed_(seed) {
    restart();
  }

  /// A new life: everything is forgotten but the name and the address.
  void restart() {
    engine = std::make_unique<protocol::session_engine>(identity, timing, ++seed_);
    if (invites)
      wants_to_invite = true;
  }

  protocol::hub_time local(std::chrono::nanoseconds now) const {
    return protocol::hub_time(now + clock_ahead_);
  }
  std::chrono::nanoseconds global(protocol::hub_time at) const {
    return at == protocol::hub_time::max() ? std::chrono::nanoseconds::max()
                                           : at.time_since_epoch() - clock_ahead_;
  }

  protocol::session_identity identity;
  protocol::session_timing timing;
  std::unique_ptr<protocol::session_engine> engine;
  bool invites = false;
  bool wants_to_invite = false;
  bool deaf = false;  ///< its process is stopped: hears and says nothing
  bool admits = true; ///< its policy; false answers NO
  std::vector<protocol::event> played;
  std::vector<protocol::notice_kind> notices;

private:
  std::chrono::nanoseconds clock_ahead_;
  std::uint64_t seed_;
};

class simulated_session {
public:
  explicit simulated_session(std::uint64_t seed)
      : random(seed)
      , a("Anna", 0xA0000000u | static_cast<std::uint32_t>(seed & 0xFFFF),
          std::chrono::seconds(1000), seed * 2)
      , b("Bert", 0xB0000000u | static_cast<std::uint32_t>(seed & 0xFFFF), std::chrono::hours(20),
          seed * 2 + 1) {}

  /// Lets both live until `end`.
  void run_until(std::chrono::nanoseconds end) {
    while (true) {
      start_invitations();
      auto next = next_event();
      if (next > end)
        break;
      now = std::max(now, next);
      deliver_due();
      tick(a, b);
      tick(b, a);
    }
    now = std::max(now, end);
  }
  void run_for(std::chrono::nanoseconds time) { run_until(now + time); }

  /// `from` plays events now.
  void play(simulated_peer& from, std::vector<protocol::event> events) {
    for (auto& e : events)
      e.at = from.local(now);
    protocol::midi_lists lists;
    protocol::encode_lists(events, lists);
    protocol::session_output out;
    from.engine->on_events(lists, events, from.local(now), out);
    perform(from, other(from), out);
  }
  void play(simulated_peer& from, const protocol::ump& message) {
    play(from, std::vector<protocol::event>{{message, {}, true}});
  }
  void leave(simulated_peer& who) {
    protocol::session_output out;
    who.engine->leave(who.local(now), out);
    perform(who, other(who), out);
  }

  bool both_connected() const { return a.engine->connected() && b.engine->connected(); }
  simulated_peer& other(const simulated_peer& who) { return &who == &a ? b : a; }

  std::mt19937_64 random;
  network_weather weather;
  std::chrono::nanoseconds now = 1s;
  simulated_peer a;
  simulated_peer b;
  /// Sees every datagram that is sent; may be empty.
  std::function<void(const simulated_peer& from, protocol::channel, protocol::byte_view)> tap;

private:
  struct datagram {
    std::chrono::nanoseconds at;
    std::uint64_t order;
    simulated_peer* to;
    protocol::channel channel;
    std::vector<std::uint8_t> bytes;
    bool operator>(const datagram& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  bool chance(double probability) {
    return std::uniform_real_distribution<>(0, 1)(random) < probability;
  }

  void start_invitations() {
    for (auto who : {&a, &b})
      if (who->wants_to_invite && !who->deaf) {
        who->wants_to_invite = false;
        protocol::session_output out;
        who->engine->invite(who->local(now), out);
        perform(*who, other(*who), out);
      }
  }

  std::chrono::nanoseconds next_event() const {
    auto next = in_flight_.empty() ? std::chrono::nanoseconds::max() : in_flight_.top().at;
    for (auto who : {&a, &b})
      if (!who->deaf)
        next = std::min(next, who->global(who->engine->next_deadline()));
    return next;
  }

  void deliver_due() {
    while (!in_flight_.empty() && in_flight_.top().at <= now) {
      auto next = in_flight_.top();
      in_flight_.pop();
      if (!next.to->deaf)
        receive(*next.to, next.channel, next.bytes);
    }
  }

  // As the listener does: an ended session is replaced when an invitation comes.
  void receive(simulated_peer& to, protocol::channel channel, protocol::byte_view bytes) {
    protocol::session_output out;
    auto command = protocol::decode_apple_command(bytes);
    auto invitation = command ? std::get_if<protocol::invitation>(&*command) : nullptr;
    if (invitation && invitation->kind == protocol::invitation_kind::invite) {
      if (!to.admits) {
        out.send(channel,
                 protocol::invitation{
                     protocol::invitation_kind::refuse, invitation->token, to.identity.ssrc, {}});
      } else {
        if (to.engine->state() == protocol::handshake_state::ended)
          to.restart();
        to.engine->on_invited(*invitation, channel, to.local(now), out);
      }
    } else if (to.engine->state() != protocol::handshake_state::ended) {
      to.engine->on_datagram(channel, bytes, to.local(now), out);
    }
    perform(to, other(to), out);
  }

  void tick(simulated_peer& who, simulated_peer& peer) {
    if (who.deaf || who.global(who.engine->next_deadline()) > now)
      return;
    protocol::session_output out;
    who.engine->on_deadline(who.local(now), out);
    perform(who, peer, out);
  }

  void perform(simulated_peer& who, simulated_peer& peer, protocol::session_output& out) {
    for (const auto& item : out.datagrams.items())
      send(who, peer, item.channel, out.datagrams.view(item));
    who.played.insert(who.played.end(), out.events.begin(), out.events.end());
    for (const auto& notice : out.notices)
      who.notices.push_back(notice.kind);
  }

  void send(simulated_peer& from, simulated_peer& to, protocol::channel channel,
            protocol::byte_view bytes) {
    if (tap)
      tap(from, channel, bytes);
    if (burst_left_ == 0 && chance(weather.loss / weather.burst))
      burst_left_ = weather.burst;
    if (burst_left_ > 0) {
      --burst_left_;
      return;
    }
    auto copies = chance(weather.duplication) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      auto jitter = std::uniform_int_distribution<std::int64_t>(0, weather.jitter.count())(random);
      in_flight_.push({now + weather.delay + std::chrono::nanoseconds(jitter),
                       ++order_,
                       &to,
                       channel,
                       {bytes.begin(), bytes.end()}});
    }
  }

  std::priority_queue<datagram, std::vector<datagram>, std::greater<>> in_flight_;
  std::uint64_t order_ = 0;
  int burst_left_ = 0;
};

} // namespace tutti::test
