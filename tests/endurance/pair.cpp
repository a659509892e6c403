// A player and a listener that measure what others do to their session.
//
//   pair ADDRESS PORT SECONDS [MESSAGES PER SECOND]
//
// Prints one line a second: messages played and lost, and the latency through the hub:
//   second N played N lost N repeated N p50_ms X p99_ms X max_ms X broken N
#include "tests/endurance/latencies.hpp"
#include "tests/endurance/numbered_source.hpp"
#include "tests/support/participant.hpp"

#include <cstdio>
#include <cstdlib>

#include <sys/prctl.h>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::endurance;
using namespace std::chrono_literals;
using tutti::test::participant;
using tutti::test::steady_now;

namespace {

class measured_pair {
public:
  explicit measured_pair(const io::endpoint& hub)
      : player_(loop_, "Player", 0x504C4159, hub)
      , listener_(loop_, "Listener", 0x4C495354, hub)
      , played_at_(counts) {
    listener_.on_event = [this](const event& e) {
      numbered what;
      if (decode_numbered(e.message, what)) {
        ear_.hear(what);
        measured_.add(steady_now() - played_at_[what.count]);
      }
    };
    for (auto end : {&player_, &listener_}) {
      end->on_notice = [this](const session_notice& notice) {
        broken_ += ends_session(notice.kind);
      };
      end->invite();
    }
  }

  bool join(std::chrono::seconds limit) {
    for (auto end = steady_now() + limit; steady_now() < end;) {
      turn(1ms);
      if (player_.engine().synchronised() && listener_.engine().synchronised())
        return true;
    }
    return false;
  }

  void play_second(int second, double rate) {
    auto begin = steady_now();
    auto before = ear_.sum();
    auto messages = static_cast<int>(rate);
    measured_.clear();
    for (int i = 0; i < messages; ++i) {
      auto due = begin + std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / rate * i));
      while (steady_now() < due)
        turn(due - steady_now());
      last_ = {0, static_cast<std::uint16_t>((last_.count + 1) % counts)};
      played_at_[last_.count] = steady_now();
      player_.play({{encode_numbered(last_), {}, true}});
      turn(0ms);
    }
    while (steady_now() < begin + 1s)
      turn(1ms);
    std::printf("second %d played %d lost %llu repeated %llu p50_ms %.3f p99_ms %.3f max_ms %.3f "
                "broken %d\n",
                second, messages, as_long(ear_.sum().lost - before.lost),
                as_long(ear_.sum().repeated - before.repeated), measured_.quantile_ms(0.5),
                measured_.quantile_ms(0.99), measured_.max_ms(), broken_);
    std::fflush(stdout);
  }

  void leave() {
    player_.leave();
    listener_.leave();
    turn(0ms);
  }

private:
  static unsigned long long as_long(std::uint64_t value) { return value; }
  void turn(std::chrono::nanoseconds patience) {
    player_.tick();
    listener_.tick();
    loop_.run_turn(std::clamp<std::chrono::nanoseconds>(patience, 0ns, 1ms));
  }

  io::event_loop loop_;
  participant player_;
  participant listener_;
  std::vector<hub_time> played_at_;
  latencies measured_;
  numbered_ear ear_;
  numbered last_;
  int broken_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  auto hub = argc > 3 ? io::parse_address(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])))
                      : std::nullopt;
  if (!hub) {
    std::fprintf(stderr, "usage: pair ADDRESS PORT SECONDS [MESSAGES PER SECOND]\n");
    return 2;
  }
  ::prctl(PR_SET_TIMERSLACK, 1);
  measured_pair pair(*hub);
  if (!pair.join(30s)) {
    std::printf("the hub could not be joined\n");
    return 1;
  }
  for (int second = 0; second < std::atoi(argv[3]); ++second)
    pair.play_second(second, argc > 4 ? std::atof(argv[4]) : 500);
  pair.leave();
  return 0;
}
