#include "actors/scheduler.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>

#include <boost/asio/post.hpp>

namespace tutti {

// -- loop_clock ---------------------------------------------------------------

loop_clock::loop_clock(io::event_loop& loop)
    : loop_(loop)
    , timer_(loop.context()) {
}

[[gnu::hot]] loop_clock::time_point loop_clock::now() const noexcept {
  return time_source_ ? time_source_() : clock_type::now();
}

void loop_clock::set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                                      std::uint64_t id) {
  std::lock_guard lock(mutex_);
  base::set_ordinary_timeout(t, self, type, id);
  wake();
}

void loop_clock::set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                                   std::uint64_t id) {
  std::lock_guard lock(mutex_);
  base::set_multi_timeout(t, self, type, id);
  wake();
}

void loop_clock::set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) {
  std::lock_guard lock(mutex_);
  base::set_request_timeout(t, self, id);
  wake();
}

void loop_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  std::lock_guard lock(mutex_);
  base::cancel_ordinary_timeout(self, type);
}

void loop_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  std::lock_guard lock(mutex_);
  base::cancel_request_timeout(self, id);
}

void loop_clock::cancel_timeouts(caf::abstract_actor* self) {
  std::lock_guard lock(mutex_);
  base::cancel_timeouts(self);
}

void loop_clock::schedule_message(time_point t, caf::strong_actor_ptr receiver,
                                  caf::mailbox_element_ptr content) {
  std::lock_guard lock(mutex_);
  base::schedule_message(t, std::move(receiver), std::move(content));
  wake();
}

void loop_clock::schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                                  caf::message content) {
  std::lock_guard lock(mutex_);
  base::schedule_message(t, std::move(target), std::move(sender), std::move(content));
  wake();
}

void loop_clock::cancel_all() {
  std::lock_guard lock(mutex_);
  base::cancel_all();
}

void loop_clock::trigger() {
  std::lock_guard lock(mutex_);
  trigger_expired_timeouts();
}

[[gnu::hot]] loop_clock::time_point loop_clock::next_due() const {
  std::lock_guard lock(mutex_);
  return schedule_.empty() ? time_point::max() : schedule_.begin()->first;
}

[[gnu::hot]] void loop_clock::arm() {
  auto due = next_due();
  if (due == armed_ || time_source_)
    return;
  armed_ = due;
  if (due == time_point::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(due);
  // The wait may be over, and this queued, when the clock ends.
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired())
      return;
    armed_ = time_point::max();
    trigger();
  });
}

void loop_clock::disarm() {
  timer_.cancel();
  armed_ = time_point::max();
}

// The loop arms its timer at the end of each turn, so only a sleeping loop needs to be told.
void loop_clock::wake() {
  if (!loop_.in_loop_thread())
    boost::asio::post(loop_.context(), [] {});
}

// -- loop_scheduler -----------------------------------------------------------

loop_scheduler::loop_scheduler(caf::actor_system& system, io::event_loop& loop)
    : abstract_coordinator(system)
    , loop_(loop)
    , unit_(system, *this)
    , clock_(loop) {
}

loop_scheduler::~loop_scheduler() {
  loop_.set_work(nullptr);
}

void loop_scheduler::start() {
  loop_.set_work(this);
  abstract_coordinator::start();
}

// CAF's printer is a thread of its own; everything else has ended by now, or never will: whoever
// destroys the system has called run_until_quiet.
void loop_scheduler::stop() {
  run_some();
  stop_actors();
  run_some();
  clock_.cancel_all();
  clock_.disarm();
  release_jobs();
  loop_.set_work(nullptr);
}

// The end of one actor may make others runnable.
void loop_scheduler::release_jobs() {
  do {
    take_foreign();
    ready_.insert(ready_.end(), running_.begin() + static_cast<std::ptrdiff_t>(next_running_),
                  running_.end());
    running_.clear();
    running_.swap(ready_);
    for (next_running_ = 0; next_running_ < running_.size(); ++next_running_)
      cleanup_and_release(running_[next_running_]);
  } while (pending());
}

[[gnu::hot]] void loop_scheduler::enqueue(caf::resumable* job) {
  if (loop_.in_loop_thread()) {
    ready_.push_back(job);
    return;
  }
  {
    std::lock_guard lock(foreign_mutex_);
    foreign_.push_back(job);
  }
  if (!has_foreign_.exchange(true, std::memory_order_acq_rel))
    boost::asio::post(loop_.context(), [] {});
}

[[gnu::hot]] bool loop_scheduler::pending() const noexcept {
  return !ready_.empty() || next_running_ < running_.size() ||
         has_foreign_.load(std::memory_order_acquire);
}

// CAF's logger writes nothing here, but this thread would note in it whose turn it is, twice for
// each message. Whatever starts an actor sets it again.
[[gnu::hot]] void loop_scheduler::run_some() {
  caf::logger::set_current_actor_system(nullptr);
  for (std::size_t resumes = 0; resumes < resumes_per_turn; ++resumes) {
    if (next_running_ == running_.size()) {
      take_foreign();
      running_.clear();
      running_.swap(ready_);
      next_running_ = 0;
      if (running_.empty())
        break;
    }
    run_one(running_[next_running_++]);
  }
}

// Setting a timer costs system calls, for which nothing that is to be sent shall wait.
[[gnu::hot]] void loop_scheduler::end_turn() {
  clock_.arm();
}

[[gnu::hot]] void loop_scheduler::take_foreign() {
  if (!has_foreign_.exchange(false, std::memory_order_acq_rel))
    return;
  std::lock_guard lock(foreign_mutex_);
  ready_.insert(ready_.end(), foreign_.begin(), foreign_.end());
  foreign_.clear();
}

[[gnu::hot]] void loop_scheduler::run_one(caf::resumable* job) {
  switch (job->resume(&unit_, messages_per_resume)) {
  case caf::resumable::resume_later: ready_.push_back(job); break;
  case caf::resumable::awaiting_message:
  case caf::resumable::done: caf::intrusive_ptr_release(job); break;
  case caf::resumable::shutdown_execution_unit: break;
  }
}

// -- set-up and end -------------------------------------------------------------

void use_loop_scheduler(caf::actor_system_config& config, io::event_loop& loop) {
  config.module_factories.emplace_back(
      [&loop](caf::actor_system& system) -> caf::actor_system::module* {
        return new loop_scheduler(system, loop);
      });
}

bool run_until_quiet(caf::actor_system& system, io::event_loop& loop,
                     std::chrono::milliseconds patience) {
  using clock = std::chrono::steady_clock;
  auto end = clock::now() + patience;
  while (system.registry().running() > 0) {
    if (clock::now() >= end)
      return false;
    loop.run_turn(std::chrono::milliseconds(5));
  }
  return true;
}

} // namespace tutti
