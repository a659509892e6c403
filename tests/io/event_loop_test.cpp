// The loop: what a turn does in which order, waking it from outside, hooks that come and go.
#include "io/event_loop.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>

#include <sys/resource.h>

using namespace tutti::io;
using namespace std::chrono_literals;

namespace {

using clock = std::chrono::steady_clock;

template <class Function>
auto time_of(Function function) {
  auto begin = clock::now();
  function();
  return clock::now() - begin;
}

struct counting_work final : turn_work {
  bool pending() const noexcept override { return left > 0; }
  void run_some() override {
    ++runs;
    if (left > 0)
      --left;
  }
  void end_turn() override {}
  int left = 0;
  int runs = 0;
};

} // namespace

TEST_CASE("a turn waits as long as it may and no longer", "[io][event_loop]") {
  event_loop loop;
  CHECK(time_of([&] { loop.run_turn(0ns); }) < 20ms);
  auto waited = time_of([&] { loop.run_turn(20ms); });
  CHECK(waited >= 20ms);
  CHECK(waited < 200ms);
  CHECK(loop.counters().turns == 2);
}

TEST_CASE("a turn runs the work, then the flushes in the order they were added, then ends",
          "[io][event_loop]") {
  event_loop loop;
  std::string order;
  struct : turn_work {
    bool pending() const noexcept override { return false; }
    void run_some() override { *order += 'w'; }
    void end_turn() override { *order += 'e'; }
    std::string* order;
  } work;
  work.order = &order;
  loop.set_work(&work);
  loop.add_flush([&] { order += 'a'; });
  auto second = loop.add_flush([&] { order += 'b'; });
  loop.add_flush([&] { order += 'c'; });
  boost::asio::post(loop.context(), [&] { order += 'i'; });
  loop.run_turn(1s);
  CHECK(order == "iwabce");
  loop.remove_flush(second);
  loop.run_turn(0ns);
  CHECK(order == "iwabcewace");
  loop.set_work(nullptr);
  loop.run_turn(0ns);
  CHECK(order == "iwabcewaceac");
}

TEST_CASE("pending work keeps the loop from waiting but not from looking", "[io][event_loop]") {
  event_loop loop;
  counting_work work;
  work.left = 10;
  loop.set_work(&work);
  auto posted = false;
  boost::asio::post(loop.context(), [&] { posted = true; });
  CHECK(time_of([&] {
          while (work.pending())
            loop.run_turn(event_loop::nanoseconds::max());
        }) < 100ms);
  CHECK(work.runs == 10);
  CHECK(posted);
  loop.set_work(nullptr);
}

TEST_CASE("stop from another thread wakes and ends the loop", "[io][event_loop]") {
  event_loop loop;
  std::atomic<bool> running{false};
  boost::asio::post(loop.context(), [&] { running = true; });
  std::thread other([&] {
    while (!running)
      std::this_thread::yield();
    std::this_thread::sleep_for(5ms);
    loop.stop();
  });
  loop.run();
  CHECK(loop.stopped());
  other.join();
}

TEST_CASE("the thread that runs the loop is the loop thread", "[io][event_loop]") {
  event_loop loop;
  CHECK(loop.in_loop_thread());
  auto there = false;
  std::thread other([&] {
    CHECK_FALSE(loop.in_loop_thread());
    boost::asio::post(loop.context(), [&] {
      there = loop.in_loop_thread();
      loop.stop();
    });
    loop.run();
  });
  other.join();
  CHECK(there);
  CHECK_FALSE(loop.in_loop_thread());
}

// Hooks lay in a vector that the loop walked: a flush that added one moved the function under it.
TEST_CASE("hooks may be added and removed while hooks run", "[io][event_loop]") {
  event_loop loop;
  std::string order;
  std::size_t self = 0, later = 0;
  std::string captured(100, 'x'); // on the heap, so that a moved or freed function shows
  self = loop.add_flush([&, captured] {
    order += 'a';
    for (int i = 0; i < 50; ++i)
      loop.add_flush([&] { order += '.'; });
    loop.remove_flush(later);
    loop.remove_flush(self);
    order += captured[99];
  });
  later = loop.add_flush([&] { order += 'z'; });
  loop.run_turn(0ns);
  CHECK(order.substr(0, 2) == "ax");
  CHECK(order.find('z') == std::string::npos);
  order.clear();
  loop.run_turn(0ns);
  CHECK(order == std::string(50, '.'));
}

TEST_CASE("a spin that finds something is a hit, and polls may remove themselves",
          "[io][event_loop]") {
  event_loop loop;
  loop.set_busy_poll(50ms);
  int calls = 0;
  std::size_t id = 0;
  std::string captured(100, 'x');
  id = loop.add_poll([&, captured] {
    if (++calls < 3)
      return false;
    loop.remove_poll(id);
    for (int i = 0; i < 50; ++i)
      loop.add_poll([] { return false; });
    return captured[99] == 'x';
  });
  loop.run_turn(1s);
  CHECK(calls == 3);
  CHECK(loop.counters().busy_hits == 1);
}

TEST_CASE("a spinning loop still sees timers and posts", "[io][event_loop]") {
  event_loop loop;
  loop.set_busy_poll(2s);
  auto fired = false;
  boost::asio::steady_timer timer(loop.context(), 5ms);
  timer.async_wait([&](const boost::system::error_code&) { fired = true; });
  CHECK(time_of([&] { loop.run_turn(1s); }) < 500ms);
  CHECK(fired);
}

TEST_CASE("spinning that never finds anything is given up, and tried again now and then",
          "[io][event_loop]") {
  event_loop loop;
  loop.set_busy_poll(100us);
  auto polls = 0;
  loop.add_poll([&] {
    ++polls;
    return false;
  });
  for (int i = 0; i < 16; ++i)
    loop.run_turn(1us);
  CHECK(loop.counters().busy_misses == 16);
  auto before = polls;
  for (int i = 0; i < 63; ++i)
    loop.run_turn(1us);
  CHECK(polls == before);
  loop.run_turn(1us);
  CHECK(polls > before);
  CHECK(loop.counters().busy_misses == 17);
}

// Patience bounds the wait after the spin, but the spin was as long as the busy poll limit.
TEST_CASE("a spin is no longer than the patience of its turn", "[io][event_loop]") {
  event_loop loop;
  loop.set_busy_poll(300ms);
  CHECK(time_of([&] { loop.run_turn(5ms); }) < 150ms);
}

// A busy machine takes the core from a thread that is awake; only one that sleeps gives it away.
TEST_CASE("a loop that is to stay awake does, for as long as it was told and no longer",
          "[io][event_loop]") {
  auto sleeps = [] {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
  };
  event_loop loop;
  loop.run_turn(0ms); // so that no page of the code is waited for later
  loop.stay_awake_until(clock::now() + 1h);
  loop.run_turn(1ms);
  auto before = sleeps();
  CHECK(time_of([&] { loop.run_turn(40ms); }) >= 40ms);
  CHECK(sleeps() == before);
  CHECK(loop.awake_until() > clock::now()); // it was the turn that ended
  loop.stay_awake_until({});
  loop.run_turn(40ms);
  CHECK(sleeps() > before);
  loop.stay_awake_until(clock::now() + 1ms);
  loop.run_turn(5ms);
  CHECK(loop.awake_until() == clock::time_point{});
}

TEST_CASE("a loop that stays awake sees timers and posts", "[io][event_loop]") {
  event_loop loop;
  loop.stay_awake_until(clock::now() + 1h);
  auto fired = false;
  boost::asio::steady_timer timer(loop.context(), 5ms);
  timer.async_wait([&](const boost::system::error_code&) { fired = true; });
  CHECK(time_of([&] { loop.run_turn(10s); }) < 500ms);
  CHECK(fired);
}
