// A thread for calls that may block: sound systems, files.
// Decides: one after the other, in order. Leaves: what to call, and posting the answer to the loop.
// Thread: run() from any; jobs run on the worker's.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tutti::io {

class worker {
public:
  worker()
      : thread_([this] { work(); }) {}
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
