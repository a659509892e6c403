// Actors on stage: an event loop and an actor system on it, in the test's own thread.
// Time is virtual unless asked otherwise: nothing is due until the test advances it. The stage's
// end tells every player it knows to leave, and fails loudly rather than hang if one stays.
#pragma once

#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace tutti::test {

using namespace std::chrono_literals;

enum class stage_time { imagined, real };

/// What a listening test port was given.
struct heard {
  std::vector<protocol::event> events;
  std::vector<batch_ptr> batches; ///< to see that one batch was shared
};

namespace detail {

inline midi_sink::behavior_type record(midi_sink::pointer, std::shared_ptr<heard> into) {
  return {[into](atom::midi, const batch_ptr& batch) {
    into->batches.push_back(batch);
    into->events.insert(into->events.end(), batch->events().begin(), batch->events().end());
  }};
}

} // namespace detail

class actor_stage {
public:
  using nanoseconds = std::chrono::nanoseconds;

  explicit actor_stage(stage_time time = stage_time::imagined)
      : system_(make_system()) {
    // The clock must know its time before the first actor plans anything.
    if (time == stage_time::imagined)
      scheduler().clock().set_time_source([this] { return now_; });
  }

  ~actor_stage() {
    for (auto& player : players_)
      caf::anon_send_exit(player, caf::exit_reason::user_shutdown);
    players_.clear();
    if (!run_until_quiet(*system_, loop_, 2s)) {
      std::fputs("an actor is left on stage; the actor system would wait for it forever\n", stderr);
      std::abort();
    }
  }

  io::event_loop& loop() noexcept { return loop_; }
  caf::actor_system& system() noexcept { return *system_; }
  loop_scheduler& scheduler() { return dynamic_cast<loop_scheduler&>(system_->scheduler()); }

  /// The virtual time, as actors see it.
  protocol::hub_time now() {
    return protocol::hub_time(scheduler().clock().now().time_since_epoch());
  }

  /// Turns the loop until nothing is left to do at this very time.
  void run() {
    do
      loop_.run_turn(0ns);
    while (scheduler().pending() || loop_.context().poll_one() > 0);
  }

  /// Lets virtual time pass, with a stop at each time when something is due.
  void advance(nanoseconds by) {
    run();
    auto end = now_ + by;
    for (auto due = scheduler().clock().next_due(); due <= end;
         due = scheduler().clock().next_due()) {
      now_ = std::max(now_, due);
      scheduler().clock().trigger();
      run();
    }
    now_ = end;
    run();
  }

  /// Turns the loop in real time until `done()`, for two seconds at most. False if it never was.
  template <class Predicate>
  bool run_until(Predicate done, nanoseconds patience = 2s) {
    auto end = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end)
        return false;
      loop_.run_turn(1ms);
    }
    return true;
  }

  /// Sends a message from nobody. Nothing runs yet.
  template <class Handle, class... Args>
  void tell(const Handle& to, Args&&... args) {
    caf::anon_send(to, std::forward<Args>(args)...);
  }

  /// Asks and runs; nothing if the answer was an error or did not come at once.
  template <class Answer, class Handle, class... Args>
  std::optional<Answer> ask(const Handle& whom, Args... args) {
    auto answer = std::make_shared<std::optional<Answer>>();
    auto asker = system_->spawn([=](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, args...)
          .then([=](const Answer& given) { *answer = given; }, [](caf::error&) {});
    });
    run();
    caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
    run();
    return *answer;
  }

  /// A port that listens and remembers. It lives until end() or the end of the stage.
  midi_sink audience(std::shared_ptr<heard> into) {
    return keep(system_->spawn(detail::record, std::move(into)));
  }

  /// Has `handle` end with the stage.
  template <class Handle>
  Handle keep(Handle handle) {
    players_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  /// Ends one actor, and runs.
  template <class Handle>
  void end(const Handle& handle, caf::exit_reason why = caf::exit_reason::user_shutdown) {
    caf::anon_send_exit(handle, why);
    run();
  }

private:
  std::unique_ptr<caf::actor_system> make_system() {
    use_loop_scheduler(config_, loop_);
    return std::make_unique<caf::actor_system>(config_);
  }

  io::event_loop loop_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<caf::actor> players_;
  loop_clock::time_point now_{1000s};
};

/// The usual one, for TEST_CASE_METHOD.
struct imagined_stage : actor_stage {};
struct real_stage : actor_stage {
  real_stage()
      : actor_stage(stage_time::real) {}
};

} // namespace tutti::test
