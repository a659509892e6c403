// Two participants that join a hub over real sockets: one performs at random, the other listens.
// Exits 0 if at the end the listener's state is the performer's: notes, controllers, programs,
// wheels, pressures, parameters, transport. The network in between may lose what it likes.
//
//   performer ADDRESS PORT SECONDS [SEED]
#include "protocol/midi_state.hpp"
#include "tests/support/participant.hpp"
#include "tests/support/random_performance.hpp"
#include "tests/support/state_difference.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace tutti;
using namespace tutti::protocol;
using namespace std::chrono_literals;

namespace {

constexpr auto now = test::steady_now;

/// One that keeps the state of what it played, or heard.
class musician {
public:
  musician(io::event_loop& loop, const std::string& name, std::uint32_t ssrc,
           const io::endpoint& hub)
      : end_(loop, name, ssrc, hub) {
    end_.on_event = [this](const event& e) { state.apply(e.message); };
    end_.on_notice = [this](const session_notice& notice) {
      sessions += notice.kind == notice_kind::connected;
    };
    end_.invite();
  }

  void play(std::vector<event> events) {
    for (const auto& e : events)
      state.apply(e.message);
    end_.play(std::move(events));
  }
  void tick() { end_.tick(); }
  void leave() { end_.leave(); }
  const session_engine& engine() const { return end_.engine(); }

  midi_state state;
  int sessions = 0;

private:
  test::participant end_;
};

class concert {
public:
  concert(const io::endpoint& hub, std::uint64_t seed)
      : player_(loop_, "Performer", 0x50455246, hub)
      , listener_(loop_, "Listener", 0x4C495354, hub)
      , random_(seed) {}

  /// True if both were in time.
  bool wait_for_sessions(std::chrono::seconds limit) {
    run_while(limit, [this] {
      return !player_.engine().synchronised() || !listener_.engine().synchronised();
    });
    return player_.engine().synchronised() && listener_.engine().synchronised();
  }

  void perform(std::chrono::seconds time) {
    auto end = now() + time;
    auto next = now();
    while (now() < end) {
      if (now() >= next) {
        std::vector<event> events;
        for (const auto& message : random_.next_packet())
          events.push_back({message, {}, events.empty()});
        player_.play(std::move(events));
        next = now() + std::chrono::microseconds(2000 + random_.below(30'000));
      }
      turn();
    }
    release_notes();
  }

  /// Waits until the states are equal; gives the time that took, or the limit.
  std::chrono::nanoseconds settle(std::chrono::seconds limit) {
    auto begin = now();
    run_while(limit, [this] { return !(player_.state == listener_.state); });
    return now() - begin;
  }

  int report(std::chrono::nanoseconds settled) {
    auto in = listener_.engine().status();
    auto out = player_.engine().status();
    std::printf("played %llu events in %llu packets; the listener missed %llu of %llu packets and "
                "repaired %llu events\n",
                static_cast<unsigned long long>(out.sent.events),
                static_cast<unsigned long long>(out.sent.packets),
                static_cast<unsigned long long>(in.sequence.lost),
                static_cast<unsigned long long>(in.sequence.lost + in.sequence.received),
                static_cast<unsigned long long>(in.repairs.total()));
    auto equal = player_.state == listener_.state;
    if (!equal)
      std::printf("played / heard\n%s", test::difference(player_.state, listener_.state).c_str());
    if (player_.sessions != 1 || listener_.sessions != 1)
      std::printf("a session was lost on the way\n");
    std::printf("%s after %.0f ms\n", equal ? "equal" : "NOT EQUAL",
                std::chrono::duration<double, std::milli>(settled).count());
    return equal && player_.sessions == 1 && listener_.sessions == 1 ? 0 : 1;
  }

  void leave() {
    player_.leave();
    listener_.leave();
    run_while(100ms, [] { return true; });
  }

private:
  // A note that was lost and is too old to be begun is never heard, so the comparison starts from
  // silence; that every Note Off arrives is what counts.
  void release_notes() {
    std::vector<event> events;
    for (std::uint8_t c = 0; c < 16; ++c)
      if (const auto* state = player_.state.channel(c))
        for (const auto& note : state->held_notes())
          for (unsigned i = 0; i < note.count; ++i)
            events.push_back({make_short(0x80 | c, note.note, 64), {}, true});
    if (!events.empty())
      player_.play(std::move(events));
  }
  template <class Condition>
  void run_while(std::chrono::nanoseconds limit, Condition condition) {
    auto end = now() + limit;
    while (condition() && now() < end)
      turn();
  }
  void turn() {
    player_.tick();
    listener_.tick();
    loop_.run_turn(1ms);
  }

  io::event_loop loop_;
  musician player_;
  musician listener_;
  test::random_performance random_;
};

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: performer ADDRESS PORT SECONDS [SEED]\n");
    return 2;
  }
  auto hub = io::parse_address(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])));
  if (!hub)
    return 2;
  auto seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
  std::printf("seed %llu\n", seed);
  concert evening(*hub, seed);
  if (!evening.wait_for_sessions(60s)) {
    std::printf("the hub could not be joined\n");
    return 1;
  }
  evening.perform(std::chrono::seconds(std::atoi(argv[3])));
  auto result = evening.report(evening.settle(10s));
  evening.leave();
  return result;
}
