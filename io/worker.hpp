// A thread for calls that may block: sound systems, files.
// Decides: one after the other, in order. Leaves: what to call, and posting the answer to the loop.
// Spec: sched(7). Thread: run() from any; jobs run on the worker's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <sched.h>

namespace tutti::io {

enum class worker_priority : std::uint8_t {
  same, ///< as whoever makes it
  idle, ///< gives way at once to any thread that has something to do
};

class worker {
public:
  explicit worker(worker_priority priority = worker_priority::same)
      : thread_([this, priority] {
        if (priority == worker_priority::idle)
          give_way();
        work();
      }) {}
  /// Waits for the job at hand; those that wait are dropped.
  ~worker() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      jobs_.clear();
    }
    news_.notify_one();
    thread_.join();
  }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void run(std::function<void()> job) {
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    news_.notify_one();
  }

private:
  static void give_way() noexcept {
    sched_param none{};
    ::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &none);
  }

  void work() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        news_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
        if (jobs_.empty())
          return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::function<void()>> jobs_;
  bool ended_ = false;
  std::thread thread_; ///< last, so that everything else is there when it starts
};

} // namespace tutti::io
