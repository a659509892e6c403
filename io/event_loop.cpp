#include "io/event_loop.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace tutti::io {

namespace {

// After this many spins in a row that found nothing the loop stops spinning, and spins again once
// for this many sleeps to see whether traffic is back.
constexpr unsigned patience_for_misses = 16;
constexpr unsigned sleeps_between_tries = 64;

} // namespace

event_loop::event_loop()
    : context_(1)
    , guard_(boost::asio::make_work_guard(context_))
    , thread_(std::this_thread::get_id()) {
}

std::size_t event_loop::add_flush(std::function<void()> flush) {
  flushes_.push_back({next_hook_, std::move(flush), false});
  return next_hook_++;
}

void event_loop::remove_flush(std::size_t id) {
  remove(flushes_, id);
}

std::size_t event_loop::add_poll(std::function<bool()> poll) {
  polls_.push_back({next_hook_, std::move(poll), false});
  return next_hook_++;
}

void event_loop::remove_poll(std::size_t id) {
  remove(polls_, id);
}

// A hook that runs may be the one removed, so then it is only marked.
template <class Result>
void event_loop::remove(hooks<Result>& from, std::size_t id) {
  auto found =
      std::find_if(from.begin(), from.end(), [id](const auto& one) { return one.id == id; });
  if (found == from.end())
    return;
  if (calling_hooks_)
    found->removed = hooks_removed_ = true;
  else
    from.erase(found);
}

void event_loop::sweep() {
  calling_hooks_ = false;
  if (!std::exchange(hooks_removed_, false))
    return;
  std::erase_if(flushes_, [](const auto& one) { return one.removed; });
  std::erase_if(polls_, [](const auto& one) { return one.removed; });
}

void event_loop::run() {
  adopt_thread();
  while (!stopped())
    run_turn(nanoseconds::max());
}

[[gnu::hot]] void event_loop::run_turn(nanoseconds patience) {
  ++counters_.turns;
  wait(patience);
  auto woken = std::chrono::steady_clock::now();
  if (work_)
    work_->run_some();
  calling_hooks_ = true;
  auto count = flushes_.size(); // what they add waits for the next turn
  for (std::size_t i = 0; i < count; ++i)
    if (!flushes_[i].removed)
      flushes_[i].call();
  sweep();
  if (work_)
    work_->end_turn();
  counters_.turn_times.observe(std::chrono::steady_clock::now() - woken);
}

[[gnu::hot]] void event_loop::wait(nanoseconds patience) {
  if (pending() || patience.count() == 0) {
    context_.poll_one(); // look at the sockets, but do not wait for them
  } else if (!watch(patience) &&
             (busy_limit_.count() == 0 || !spin(std::min(busy_limit_, patience)))) {
    if (patience == nanoseconds::max())
      context_.run_one();
    else
      context_.run_one_for(patience);
  }
}

/// Stays awake for as long as was asked for; true if something happened or patience is at its end.
bool event_loop::watch(nanoseconds patience) {
  if (awake_until_ == std::chrono::steady_clock::time_point{})
    return false;
  auto now = std::chrono::steady_clock::now();
  auto is_patient = patience >= awake_until_ - now;
  auto end = is_patient ? awake_until_ : now + patience;
  for (; now < end; now = std::chrono::steady_clock::now()) {
    if (context_.poll_one() > 0)
      return true;
    std::this_thread::yield(); // what is waited for may be waiting for this core
  }
  if (is_patient)
    awake_until_ = {};
  return !is_patient;
}

// Spinning saves the wake-up of an idle core, which costs more than everything the hub does with a
// datagram. It is bounded, and given up while the gaps are longer than the bound.
bool event_loop::spin(nanoseconds limit) {
  if (misses_in_a_row_ >= patience_for_misses && ++sleepy_turns_ % sleeps_between_tries != 0)
    return false;
  auto begin = std::chrono::steady_clock::now();
  do {
    if (call_polls()) {
      ++counters_.busy_hits;
      misses_in_a_row_ = 0;
      return true;
    }
    if (context_.poll_one() > 0)
      return true;
  } while (std::chrono::steady_clock::now() - begin < limit);
  ++counters_.busy_misses;
  ++misses_in_a_row_;
  return false;
}

bool event_loop::call_polls() {
  calling_hooks_ = true;
  auto found = false;
  auto count = polls_.size();
  for (std::size_t i = 0; i < count && !found; ++i)
    found = !polls_[i].removed && polls_[i].call();
  sweep();
  return found;
}

void event_loop::stop() {
  stopped_.store(true, std::memory_order_release);
  boost::asio::post(context_, [] {}); // wakes the loop
}

} // namespace tutti::io
