// CAF's scheduler on the event loop: actors run on the thread that owns the sockets.
// Decides: the order of actors within a turn, how many messages each may take, CAF's clock.
// Leaves: waiting, receiving and sending (io/event_loop).
// Thread: enqueue() and the clock may be used from any thread; actors run on the loop thread only.
#pragma once

#include "io/event_loop.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/detail/simple_actor_clock.hpp>
#include <caf/execution_unit.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace tutti {

/// Messages that one actor may take before the others have their turn.
inline constexpr std::size_t messages_per_resume = 64;
/// Actor resumes after which the loop looks at the sockets again.
inline constexpr std::size_t resumes_per_turn = 4096;

/// CAF's delayed messages and time-outs on the loop. Locked, since foreign threads may use it; the
/// data path does not.
class loop_clock final : public caf::detail::simple_actor_clock {
public:
  using base = caf::detail::simple_actor_clock;
  /// Replaces the steady clock in tests.
  using time_source = std::function<time_point()>;

  explicit loop_clock(io::event_loop& loop);

  void set_time_source(time_source source) { time_source_ = std::move(source); }

  time_point now() const noexcept override;
  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                         std::uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

  /// Delivers what is due.
  void trigger();
  /// When something is due; time_point::max() if nothing is planned.
  time_point next_due() const;
  /// Sets the loop's timer to next_due(). Loop thread only.
  void arm();
  void disarm();

private:
  /// A foreign thread planned something earlier than the timer is set for.
  void wake();

  io::event_loop& loop_;
  boost::asio::steady_timer timer_;
  time_point armed_ = time_point::max();
  time_source time_source_;
  mutable std::recursive_mutex mutex_;
  std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for the timer's handler
};

class loop_scheduler final : public caf::scheduler::abstract_coordinator, public io::turn_work {
public:
  loop_scheduler(caf::actor_system& system, io::event_loop& loop);
  ~loop_scheduler() override;

  // -- for CAF --
  void enqueue(caf::resumable* job) override;
  loop_clock& clock() noexcept override { return clock_; }

  // -- for the event loop --
  bool pending() const noexcept override;
  void run_some() override;
  void end_turn() override;

protected:
  void start() override;
  void stop() override;

private:
  class unit final : public caf::execution_unit {
  public:
    unit(caf::actor_system& system, loop_scheduler& owner)
        : caf::execution_unit(&system)
        , owner_(owner) {}
    void exec_later(caf::resumable* job) override { owner_.ready_.push_back(job); }

  private:
    loop_scheduler& owner_;
  };

  void run_one(caf::resumable* job);
  void take_foreign();
  void release_jobs();

  io::event_loop& loop_;
  unit unit_;
  loop_clock clock_;
  std::vector<caf::resumable*> ready_; ///< runnable; filled while running_ is worked off
  std::vector<caf::resumable*> running_;
  std::size_t next_running_ = 0;
  std::mutex foreign_mutex_;
  std::vector<caf::resumable*> foreign_; ///< from other threads
  std::atomic<bool> has_foreign_{false};
};

/// Makes `config` use the loop scheduler. `loop` must outlive the actor system.
void use_loop_scheduler(caf::actor_system_config& config, io::event_loop& loop);

/// Turns the loop until no actor is left (all must have been told to end), or `patience` is over.
/// Returns false in the latter case. To be called before the actor system is destroyed.
bool run_until_quiet(caf::actor_system& system, io::event_loop& loop,
                     std::chrono::milliseconds patience);

} // namespace tutti
