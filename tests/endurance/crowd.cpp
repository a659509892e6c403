// A crowd of participants of our own engine, in one process: residents stay, visitors come and go,
// all play, and every resident hears everything exactly once and in order.
//
//   crowd ADDRESS PORT SECONDS [RESIDENTS [VISITORS [MESSAGES PER SECOND [SEED]]]]
//
// Prints one line "key value" for each figure. Exits 1 if something was lost, doubled or not
// played.
#include "tests/endurance/latencies.hpp"
#include "tests/endurance/numbered_source.hpp"
#include "tests/support/participant.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

#include <sys/resource.h>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::endurance;
using namespace std::chrono_literals;
using tutti::test::steady_now;

namespace {

/// What a visitor still waits for before it says BY: it goes by another socket than its music.
constexpr auto silence_before_leaving = 1s;

struct settings {
  io::endpoint hub;
  std::chrono::seconds time{60};
  unsigned residents = 150;
  unsigned visitors = 50;
  double rate = 40;
  std::uint64_t seed = 1;
};

/// When each source played each count.
class schedule_of_all {
public:
  void played(const numbered& what) { at_[index(what)] = steady_now(); }
  std::chrono::nanoseconds since(const numbered& what) const {
    return steady_now() - at_[index(what)];
  }

private:
  static std::size_t index(const numbered& what) { return what.source * counts + what.count; }
  std::vector<hub_time> at_ = std::vector<hub_time>(max_sources * counts);
};

class member {
public:
  member(io::event_loop& loop, const settings& all, std::uint8_t source, schedule_of_all& times,
         latencies& measured)
      : loop_(loop)
      , all_(all)
      , source_(source)
      , times_(times)
      , measured_(measured) {}

  void join() {
    ++visits;
    ear = numbered_ear();
    io::udp_options small;
    small.buffer_octets = 1 << 20;
    end_ =
        std::make_unique<test::participant>(loop_, "Member " + std::to_string(source_),
                                            0x43520000u + 256 * visits + source_, all_.hub, small);
    end_->on_event = [this](const event& e) {
      numbered what;
      if (!decode_numbered(e.message, what))
        return;
      ear.hear(what);
      if (what.source < all_.residents + all_.visitors)
        measured_.add(times_.since(what));
    };
    end_->on_notice = [this](const session_notice& notice) { broken += ends_session(notice.kind); };
    end_->invite();
  }
  void leave() {
    broken -= end_->engine().connected(); // its own goodbye
    end_->leave();
  }
  void gone() {
    past.heard += ear.sum().heard;
    past.lost += ear.sum().lost;
    past.repeated += ear.sum().repeated;
    end_.reset();
  }
  bool here() const { return end_ != nullptr; }
  bool ready() const { return end_ && end_->engine().synchronised(); }
  void tick() {
    if (end_)
      end_->tick();
  }
  void play() {
    last = {source_, static_cast<std::uint16_t>((last.count + 1) % counts)};
    ++played;
    times_.played(last);
    end_->play({{encode_numbered(last), {}, true}});
  }
  const session_engine& engine() const { return end_->engine(); }

  numbered last;
  numbered_ear ear;
  hearing past; ///< of former visits
  std::uint64_t played = 0;
  unsigned visits = 0;
  int broken = 0; ///< sessions that ended without being asked to
  hub_time silent_from = hub_time::max();
  hub_time change_at{}; ///< when a visitor comes or goes

private:
  io::event_loop& loop_;
  const settings& all_;
  std::uint8_t source_;
  schedule_of_all& times_;
  latencies& measured_;
  std::unique_ptr<test::participant> end_;
};

class crowd {
public:
  explicit crowd(const settings& all)
      : all_(all)
      , random_(all.seed) {
    for (unsigned i = 0; i < all_.residents + all_.visitors; ++i)
      members_.push_back(
          std::make_unique<member>(loop_, all_, static_cast<std::uint8_t>(i), times_, measured_));
    for (unsigned i = 0; i < all_.residents; ++i)
      members_[i]->join();
  }

  bool gather(std::chrono::seconds limit) {
    auto all_ready = [this] {
      return std::all_of(members_.begin(), members_.begin() + all_.residents,
                         [](const auto& one) { return one->ready(); });
    };
    for (auto end = steady_now() + limit; !all_ready() && steady_now() < end;)
      turn();
    for (unsigned i = 0; i < all_.residents && all_ready(); ++i)
      offsets_.push_back(members_[i]->engine().status().clock_offset_ticks);
    return all_ready();
  }

  void perform() {
    auto end = steady_now() + all_.time;
    auto next = steady_now();
    auto next_look = next;
    for (auto now = next; now < end; now = steady_now()) {
      while (now >= next) {
        play_one(now);
        next += std::chrono::nanoseconds(
            static_cast<std::int64_t>(std::exponential_distribution(all_.rate)(random_) * 1e9));
      }
      move_visitors(now);
      if (now >= next_look) {
        look_at_clocks();
        next_look = now + 1s;
      }
      turn();
    }
    for (auto quiet = steady_now() + 2s; steady_now() < quiet;)
      turn();
  }

  int report() {
    hearing residents, visitors;
    std::uint64_t played = 0, missing = 0, lost_packets = 0;
    unsigned visits = 0;
    int broken = 0;
    auto add = [](hearing& to, const hearing& one) {
      to.heard += one.heard;
      to.lost += one.lost;
      to.repeated += one.repeated;
    };
    for (const auto& one : members_) {
      auto resident = &one - members_.data() < std::ptrdiff_t(all_.residents);
      add(resident ? residents : visitors, one->ear.sum());
      add(resident ? residents : visitors, one->past);
      played += one->played;
      broken += one->broken;
      visits += resident ? 0 : one->visits;
      if (one->here())
        lost_packets += one->engine().status().sequence.lost;
    }
    for (unsigned i = 0; i < all_.residents; ++i)
      for (const auto& source : members_)
        if (source->played > 0 && source != members_[i])
          missing += members_[i]->ear.missing(source->last);
    std::printf(
        "played %llu\nheard_by_residents %llu\nlost %llu\nrepeated %llu\nmissing_at_end "
        "%llu\nvisits %u\nheard_by_visitors %llu\nlost_by_visitors %llu\nrepeated_to_visitors "
        "%llu\nsessions_broken %d\npackets_lost %llu\nlatency_ms_p50 %.3f\nlatency_ms_p99 "
        "%.3f\nlatency_ms_max %.3f\nclock_ms_max_deviation %.1f\n",
        as_long(played), as_long(residents.heard), as_long(residents.lost),
        as_long(residents.repeated), as_long(missing), visits, as_long(visitors.heard),
        as_long(visitors.lost), as_long(visitors.repeated), broken, as_long(lost_packets),
        measured_.quantile_ms(0.5), measured_.quantile_ms(0.99), measured_.max_ms(),
        double(clock_deviation_) / 10);
    auto bad = residents.lost + residents.repeated + visitors.lost + visitors.repeated + missing;
    return bad == 0 && broken == 0 && played > 0 ? 0 : 1;
  }

  void leave() {
    for (auto& one : members_)
      if (one->here())
        one->leave();
    for (auto end = steady_now() + 200ms; steady_now() < end;)
      turn();
  }

private:
  static unsigned long long as_long(std::uint64_t value) { return value; }

  void play_one(hub_time now) {
    auto& one = *members_[random_() % members_.size()];
    if (one.ready() && now < one.silent_from)
      one.play();
  }

  void move_visitors(hub_time now) {
    auto soon = [this, now](double most) {
      return now + std::chrono::milliseconds(
                       static_cast<int>(std::uniform_real_distribution(0.2, most)(random_) * 1000));
    };
    for (auto i = all_.residents; i < members_.size(); ++i) {
      auto& one = *members_[i];
      if (now < one.change_at)
        continue;
      if (!one.here()) {
        one.join();
        one.silent_from = hub_time::max();
        one.change_at = soon(10);
      } else if (one.silent_from == hub_time::max()) {
        one.silent_from = now;
        one.change_at = now + silence_before_leaving;
      } else if (one.silent_from != hub_time{}) {
        one.leave();
        one.silent_from = hub_time{}; // its BY is on its way
        one.change_at = now + 20ms;
      } else {
        one.gone();
        one.change_at = soon(3);
      }
    }
  }

  // One machine, one clock: the offset that an engine has measured should stay what it was.
  void look_at_clocks() {
    for (unsigned i = 0; i < all_.residents; ++i) {
      auto change = static_cast<std::int64_t>(members_[i]->engine().status().clock_offset_ticks -
                                              offsets_[i]);
      clock_deviation_ = std::max(clock_deviation_, std::abs(change));
    }
  }

  void turn() {
    if (auto now = steady_now(); now >= next_tick_) {
      for (auto& one : members_)
        one->tick();
      next_tick_ = now + 1ms;
    }
    loop_.run_turn(1ms);
  }

  settings all_;
  io::event_loop loop_;
  std::mt19937_64 random_;
  schedule_of_all times_;
  latencies measured_;
  std::vector<std::unique_ptr<member>> members_;
  std::vector<std::uint64_t> offsets_;
  std::int64_t clock_deviation_ = 0;
  hub_time next_tick_{};
};

} // namespace

int main(int argc, char** argv) {
  settings all;
  auto hub = argc > 3 ? io::parse_address(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])))
                      : std::nullopt;
  if (!hub) {
    std::fprintf(stderr, "usage: crowd ADDRESS PORT SECONDS [RESIDENTS [VISITORS [MESSAGES PER "
                         "SECOND [SEED]]]]\n");
    return 2;
  }
  auto number = [&](int index, double otherwise) {
    return argc > index ? std::atof(argv[index]) : otherwise;
  };
  all.hub = *hub;
  all.time = std::chrono::seconds(std::atoi(argv[3]));
  all.residents = static_cast<unsigned>(number(4, all.residents));
  all.visitors = static_cast<unsigned>(number(5, all.visitors));
  all.rate = number(6, all.rate);
  all.seed = static_cast<std::uint64_t>(number(7, 1));
  if (all.residents < 1 || all.residents + all.visitors > 240) {
    std::fprintf(stderr, "crowd: 1 to 240 members\n");
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  crowd evening(all);
  if (!evening.gather(60s)) {
    std::printf("the hub could not be joined\n");
    return 1;
  }
  std::printf("gathered\n");
  std::fflush(stdout);
  evening.perform();
  auto result = evening.report();
  evening.leave();
  return result;
}
