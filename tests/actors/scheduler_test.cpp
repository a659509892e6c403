// CAF on the loop: order, fairness, time, threads, and ends in every order.
#include "actors/failure.hpp"
#include "actors/scheduler.hpp"
#include "tests/support/actor_stage.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>

using namespace tutti;
using namespace tutti::test;

namespace {

using times = std::vector<std::chrono::nanoseconds>;

} // namespace

// -- turns --

TEST_CASE_METHOD(imagined_stage, "actors run on the loop thread, in the order of their messages",
                 "[actors][scheduler]") {
  auto order = std::make_shared<std::string>();
  auto listen = [=, this](char name) {
    return keep(system().spawn([=, this](caf::event_based_actor*) -> caf::behavior {
      return {[=, this](int) {
        CHECK(loop().in_loop_thread());
        *order += name;
      }};
    }));
  };
  auto a = listen('a'), b = listen('b'), c = listen('c');
  run();
  for (const auto& who : {b, a, c, b})
    tell(who, 1);
  CHECK(order->empty());
  run();
  CHECK(*order == "bbac"); // an actor takes what waits for it
}

TEST_CASE_METHOD(imagined_stage, "a flooded actor does not starve the others",
                 "[actors][scheduler]") {
  auto flooded = std::make_shared<int>(0);
  auto before_others = std::make_shared<std::vector<int>>();
  auto victim = keep(system().spawn(
      [=](caf::event_based_actor*) -> caf::behavior { return {[=](int) { ++*flooded; }}; }));
  std::vector<caf::actor> quiet;
  for (int i = 0; i < 3; ++i)
    quiet.push_back(keep(system().spawn([=](caf::event_based_actor*) -> caf::behavior {
      return {[=](int) { before_others->push_back(*flooded); }};
    })));
  for (int i = 0; i < 10'000; ++i)
    tell(victim, i);
  for (const auto& one : quiet)
    tell(one, 1);
  run();
  CHECK(*flooded == 10'000);
  REQUIRE(before_others->size() == 3);
  for (auto count : *before_others)
    CHECK(count <= static_cast<int>(messages_per_resume));
}

TEST_CASE_METHOD(real_stage, "actors that never rest leave the loop its turns",
                 "[actors][scheduler]") {
  auto handled = std::make_shared<std::uint64_t>(0);
  auto restless = keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->send(self, 1);
    return {[=](int) {
      ++*handled;
      self->send(self, 1);
    }};
  }));
  auto fired = false;
  boost::asio::steady_timer timer(loop().context(), 1ms);
  timer.async_wait([&](const boost::system::error_code&) { fired = true; });
  CHECK(run_until([&] { return fired; }));
  CHECK(scheduler().pending());
  auto before = *handled;
  loop().run_turn(0ns);
  CHECK(*handled > before);
  CHECK(*handled - before <= messages_per_resume * resumes_per_turn);
  end(restless);
}

TEST_CASE_METHOD(imagined_stage, "an actor that spawns and tells another needs no further turn",
                 "[actors][scheduler]") {
  auto done = std::make_shared<bool>(false);
  auto first = keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    return {[=](int) {
      auto child = self->spawn([=](caf::event_based_actor* inner) -> caf::behavior {
        return {[=](int) {
          *done = true;
          inner->quit();
        }};
      });
      self->send(child, 1);
    }};
  }));
  tell(first, 1);
  loop().run_turn(0ns);
  CHECK(*done);
}

// -- threads --

TEST_CASE_METHOD(real_stage, "messages of foreign threads all arrive, and wake a sleeping loop",
                 "[actors][scheduler]") {
  constexpr int threads = 4, each = 5000;
  auto last = std::make_shared<std::vector<int>>(threads, -1);
  auto count = std::make_shared<int>(0);
  auto disorder = std::make_shared<int>(0);
  auto sink = keep(system().spawn([=, this](caf::event_based_actor*) -> caf::behavior {
    return {[=, this](int who, int number) {
      *disorder += !loop().in_loop_thread() || (*last)[static_cast<std::size_t>(who)] != number - 1;
      (*last)[static_cast<std::size_t>(who)] = number;
      ++*count;
    }};
  }));
  run();
  std::vector<std::thread> senders;
  for (int who = 0; who < threads; ++who)
    senders.emplace_back([=] {
      for (int i = 0; i < each; ++i) {
        caf::anon_send(sink, who, i);
        if (i % 1000 == 0)
          std::this_thread::sleep_for(1ms); // let the loop fall asleep
      }
    });
  auto end_by = std::chrono::steady_clock::now() + 5s;
  while (*count < threads * each && std::chrono::steady_clock::now() < end_by)
    loop().run_turn(1s);
  for (auto& sender : senders)
    sender.join();
  CHECK(*count == threads * each);
  CHECK(*disorder == 0);
}

TEST_CASE_METHOD(real_stage, "a detached actor talks to those on the loop and back",
                 "[actors][scheduler]") {
  auto elsewhere = std::make_shared<std::thread::id>();
  auto blocking = keep(system().spawn<caf::detached>([=](caf::event_based_actor*) -> caf::behavior {
    return {[=](int value) {
      *elsewhere = std::this_thread::get_id();
      return value * 2;
    }};
  }));
  auto answer = std::make_shared<int>(0);
  keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->request(blocking, caf::infinite, 21).then([=](int value) { *answer = value; });
    return {[](int) {}};
  }));
  CHECK(run_until([&] { return *answer == 42; }));
  CHECK(*elsewhere != std::this_thread::get_id());
}

TEST_CASE_METHOD(real_stage, "a foreign thread's delayed message fires though the loop sleeps",
                 "[actors][scheduler]") {
  auto fired = std::make_shared<bool>(false);
  auto sink = keep(system().spawn(
      [=](caf::event_based_actor*) -> caf::behavior { return {[=](int) { *fired = true; }}; }));
  run();
  std::thread other([=] {
    std::this_thread::sleep_for(5ms);
    caf::delayed_anon_send(sink, 5ms, 1);
  });
  auto begin = std::chrono::steady_clock::now();
  while (!*fired && std::chrono::steady_clock::now() < begin + 3s)
    loop().run_turn(1s);
  other.join();
  CHECK(*fired);
  CHECK(std::chrono::steady_clock::now() - begin < 500ms);
}

// -- time --

TEST_CASE_METHOD(imagined_stage, "delayed messages fire at their virtual time",
                 "[actors][scheduler]") {
  auto fired = std::make_shared<times>();
  auto begin = now();
  keep(system().spawn([=, this](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 500ms, 1);
    self->delayed_send(self, 10ms, 2);
    return {[=, this](int) { fired->push_back(now() - begin); }};
  }));
  advance(9ms);
  CHECK(fired->empty());
  advance(1ms);
  CHECK(*fired == times{10ms});
  advance(10s);
  CHECK(*fired == times{10ms, 500ms});
  CHECK(scheduler().clock().next_due() == loop_clock::time_point::max());
}

TEST_CASE_METHOD(imagined_stage, "a heartbeat beats as often as virtual time allows",
                 "[actors][scheduler]") {
  auto beats = std::make_shared<int>(0);
  keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 100ms, 1);
    return {[=](int) {
      ++*beats;
      self->delayed_send(self, 100ms, 1);
    }};
  }));
  advance(10s);
  CHECK(*beats == 100);
}

TEST_CASE_METHOD(imagined_stage, "a request without an answer fails when its time is over",
                 "[actors][scheduler]") {
  auto mute = keep(system().spawn([](caf::event_based_actor* self) -> caf::behavior {
    return {[self](int) { return self->make_response_promise(); }};
  }));
  auto outcome = std::make_shared<caf::error>();
  keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->request(mute, 2s, 1).then([](int) {}, [=](caf::error& error) { *outcome = error; });
    return {[](int) {}};
  }));
  advance(1999ms);
  CHECK_FALSE(*outcome);
  advance(1ms);
  CHECK(*outcome == caf::sec::request_timeout);
}

TEST_CASE_METHOD(real_stage, "delayed messages fire at their real time, and earlier ones overtake",
                 "[actors][scheduler]") {
  auto order = std::make_shared<std::vector<int>>();
  auto begin = std::chrono::steady_clock::now();
  auto sink = keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 30ms, 3);
    return {[=](int number) { order->push_back(number); }};
  }));
  run();
  caf::delayed_anon_send(sink, 20ms, 2);
  caf::delayed_anon_send(sink, 5ms, 1);
  CHECK(run_until([&] { return order->size() == 3; }));
  CHECK(*order == std::vector{1, 2, 3});
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
}

// -- failures --

TEST_CASE_METHOD(imagined_stage, "an exception ends its actor and no other",
                 "[actors][scheduler]") {
  io::set_log_level(io::log_level::off);
  for (auto handled : {true, false}) {
    auto reason = std::make_shared<caf::error>();
    auto failing = system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
      if (handled)
        log_failures(self);
      else // as CAF would, but without its line on the console
        self->set_exception_handler(
            [](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
      return {[](int) { throw std::runtime_error("on purpose"); }};
    });
    auto lives = std::make_shared<int>(0);
    auto other = keep(system().spawn([=](caf::event_based_actor* self) -> caf::behavior {
      self->monitor(failing);
      self->set_down_handler([=](const caf::down_msg& down) { *reason = down.reason; });
      return {[=](int) { ++*lives; }};
    }));
    run();
    tell(failing, 1);
    tell(failing, 2);
    tell(other, 1);
    run();
    CHECK(*reason == caf::sec::runtime_error);
    CHECK(*lives == 1);
  }
  io::set_log_level(io::log_level::info);
}

// -- ends --

TEST_CASE("a system that never ran anything ends", "[actors][scheduler]") {
  actor_stage nothing;
  actor_stage real(stage_time::real);
}

TEST_CASE("a system ends with messages planned and waiting", "[actors][scheduler]") {
  for (auto time : {stage_time::imagined, stage_time::real})
    for (auto run_before : {false, true}) {
      actor_stage stage(time);
      for (int i = 0; i < 100; ++i) {
        auto planner =
            stage.keep(stage.system().spawn([](caf::event_based_actor* self) -> caf::behavior {
              self->delayed_send(self, 1h, std::string("late"));
              self->delayed_send(self, 1ns, std::string("soon"));
              return {[](const std::string&) {}};
            }));
        stage.tell(planner, std::string("now"));
      }
      if (run_before)
        stage.run();
    }
}

TEST_CASE("a system ends while detached actors and foreign threads are at work",
          "[actors][scheduler]") {
  std::atomic<bool> enough{false};
  std::thread chatty;
  {
    actor_stage stage(stage_time::real);
    auto sink = stage.keep(stage.system().spawn(
        [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; }));
    for (int i = 0; i < 3; ++i)
      stage.keep(
          stage.system().spawn<caf::detached>([=](caf::event_based_actor* self) -> caf::behavior {
            self->send(self, 1);
            return {[=](int) {
              self->send(sink, 1);
              self->delayed_send(self, 1ms, 1);
            }};
          }));
    chatty = std::thread([&enough, sink]() mutable {
      while (!enough)
        caf::anon_send(sink, 1);
      sink = nullptr;
    });
    stage.run_until([] { return false; }, 20ms);
    enough = true;
    chatty.join();
  }
}

TEST_CASE("a system does not end while an actor stays, and says so", "[actors][scheduler]") {
  actor_stage stage;
  auto stubborn = stage.keep(
      stage.system().spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; }));
  CHECK_FALSE(run_until_quiet(stage.system(), stage.loop(), 20ms));
  stage.end(stubborn);
  CHECK(run_until_quiet(stage.system(), stage.loop(), 1s));
}

TEST_CASE("a loop may serve one system after another", "[actors][scheduler]") {
  io::event_loop loop;
  for (int i = 0; i < 3; ++i) {
    caf::actor_system_config config;
    use_loop_scheduler(config, loop);
    caf::actor_system system(config);
    auto done = false;
    caf::anon_send(system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      return {[&, self](int) {
        done = true;
        self->quit();
      }};
    }),
                   1);
    CHECK(run_until_quiet(system, loop, 1s));
    CHECK(done);
  }
  loop.run_turn(0ns);
}

// The clock's wait was over and queued when the system ended; the loop then called into the clock.
TEST_CASE("a loop runs on after its system has ended with a timer due", "[actors][scheduler]") {
  io::event_loop loop;
  boost::asio::steady_timer first(loop.context());
  {
    caf::actor_system_config config;
    use_loop_scheduler(config, loop);
    caf::actor_system system(config);
    first.expires_after(1ms); // ahead of the clock's, so that it is handled before
    first.async_wait([](const boost::system::error_code&) {});
    auto planner = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
      self->delayed_send(self, 2ms, 1);
      return {[](int) {}};
    });
    loop.run_turn(0ns);
    std::this_thread::sleep_for(5ms);
    CHECK(loop.context().poll_one() == 1); // both are over, one is handled
    caf::anon_send_exit(planner, caf::exit_reason::user_shutdown);
    auto& scheduler = dynamic_cast<loop_scheduler&>(system.scheduler());
    while (system.registry().running() > 0)
      scheduler.run_some();
  }
  loop.context().poll();
}

// Only one of the three lists of what was still to run was released.
TEST_CASE("what still wants to run when a system ends is let go of", "[actors][scheduler]") {
  auto held = std::make_shared<int>(0);
  {
    io::event_loop loop;
    caf::actor_system_config config;
    use_loop_scheduler(config, loop);
    caf::actor_system system(config);
    // Hidden actors are not counted as running, and these never rest.
    for (std::size_t i = 0; i < 3 * resumes_per_turn / 2; ++i) {
      auto restless =
          system.spawn<caf::hidden>([held](caf::event_based_actor* self) -> caf::behavior {
            self->send(self, 1);
            return {[self, held](int) { self->send(self, 1); }};
          });
      caf::anon_send(restless, 1);
    }
    auto& scheduler = dynamic_cast<loop_scheduler&>(system.scheduler());
    std::thread foreign([&] {
      caf::anon_send(system.spawn<caf::hidden>([held](caf::event_based_actor*) -> caf::behavior {
        return {[held](int) {}};
      }),
                     1);
    });
    foreign.join();
    scheduler.run_some();
  }
  CHECK(held.use_count() == 1);
}
