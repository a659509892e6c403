// The one thread of the hub: a turn is wait, receive, run actors until idle, send everything.
// Decides: the order inside a turn, when to spin instead of sleeping (busy poll, or asked to).
// Leaves: what runs (the actor scheduler registers itself as the turn's work), sockets and timers.
// Thread: run() makes its caller the loop thread; stop() and context() may be used from any other.
#pragma once

#include "io/time_histogram.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>

namespace tutti::io {

/// What the loop did; read on the loop thread.
struct loop_counters {
  std::uint64_t turns = 0;
  std::uint64_t busy_hits = 0;   ///< spins that found something
  std::uint64_t busy_misses = 0; ///< spins that ended in sleep
  time_histogram turn_times;     ///< from waking up to having sent everything
};

/// What runs between receiving and sending: the actors.
class turn_work {
public:
  virtual ~turn_work() = default;
  /// Something is waiting to run.
  virtual bool pending() const noexcept = 0;
  /// Runs until idle, or until it is time to look at the sockets again.
  virtual void run_some() = 0;
  /// What the turn sends has left: time for what can wait, such as setting timers.
  virtual void end_turn() = 0;
};

class event_loop {
public:
  using nanoseconds = std::chrono::nanoseconds;

  event_loop();

  boost::asio::io_context& context() noexcept { return context_; }

  /// `work` is not owned; nullptr takes it away.
  void set_work(turn_work* work) noexcept { work_ = work; }
  /// Something waits to run in this turn.
  bool pending() const noexcept { return work_ && work_->pending(); }
  /// Called at the end of every turn, in the order of registration; sockets send here. Hooks may
  /// add and remove hooks, themselves included.
  std::size_t add_flush(std::function<void()> flush);
  void remove_flush(std::size_t id);
  /// Called while spinning; true if it received something. Sockets look for datagrams here.
  std::size_t add_poll(std::function<bool()> poll);
  void remove_poll(std::size_t id);

  /// Spin for at most this long after something happened before sleeping; 0 sleeps at once. The
  /// loop spins only while that pays: when gaps are longer than the limit it goes to sleep at once
  /// and tries again now and then.
  void set_busy_poll(nanoseconds limit) noexcept { busy_limit_ = limit; }

  /// Does not sleep before `when`, but looks for what happens again and again: something is due
  /// that waits for less time than waking up takes. The last call counts; a time that is past lets
  /// the loop sleep.
  void stay_awake_until(std::chrono::steady_clock::time_point when) noexcept {
    awake_until_ = when;
  }
  std::chrono::steady_clock::time_point awake_until() const noexcept { return awake_until_; }

  /// Turns until stop().
  void run();
  /// One turn: waits at most `patience` for something to happen.
  void run_turn(nanoseconds patience);
  void stop();
  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

  bool in_loop_thread() const noexcept { return std::this_thread::get_id() == thread_; }
  /// Before run() is called, the thread that set things up counts as the loop thread.
  void adopt_thread() noexcept { thread_ = std::this_thread::get_id(); }

  const loop_counters& counters() const noexcept { return counters_; }

private:
  template <class Result>
  struct hook {
    std::size_t id;
    std::function<Result()> call;
    bool removed = false;
  };
  /// A deque, so that one may be added while another runs.
  template <class Result>
  using hooks = std::deque<hook<Result>>;

  template <class Result>
  void remove(hooks<Result>& from, std::size_t id);
  void sweep();
  void wait(nanoseconds patience);
  bool watch(nanoseconds patience);
  bool spin(nanoseconds limit);
  bool call_polls();

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  turn_work* work_ = nullptr;
  hooks<void> flushes_;
  hooks<bool> polls_;
  std::size_t next_hook_ = 1;
  bool calling_hooks_ = false;
  bool hooks_removed_ = false; ///< while they were called; they go when none runs
  std::thread::id thread_;
  std::atomic<bool> stopped_{false};
  nanoseconds busy_limit_{0};
  std::chrono::steady_clock::time_point awake_until_{};
  unsigned sleepy_turns_ = 0;
  unsigned misses_in_a_row_ = 0;
  loop_counters counters_;
};

} // namespace tutti::io
