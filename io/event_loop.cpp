#include "io/event_loop.hpp"

#include <boost/asio/post.hpp>

namespace tutti::io {

namespace {

// After this many spins in a row that found nothing the loop stops spinning, and spins again once
// for this many sleeps to see whether traffic is back.
constexpr unsigned patience_for_misses = 16;
constexpr unsigned sleeps_between_tries = 64;

template <class Hooks>
void remove_hook(Hooks& hooks, std::size_t id) {
  std::erase_if(hooks, [id](const auto& hook) { return hook.id == id; });
}

} // namespace

event_loop::event_loop()
    : context_(1)
    , guard_(boost::asio::make_work_guard(context_))
    , thread_(std::this_thread::get_id()) {
}

std::size_t event_loop::add_flush(std::function<void()> flush) {
  flushes_.push_back({next_hook_, std::move(flush)});
  return next_hook_++;
}

void event_loop::remove_flush(std::size_t id) {
  remove_hook(flushes_, id);
}

std::size_t event_loop::add_poll(std::function<bool()> poll) {
  polls_.push_back({next_hook_, std::move(poll)});
  return next_hook_++;
}

void event_loop::remove_poll(std::size_t id) {
  remove_hook(polls_, id);
}

void event_loop::run() {
  adopt_thread();
  while (!stopped())
    run_turn(nanoseconds::max());
}

void event_loop::run_turn(nanoseconds patience) {
  ++counters_.turns;
  wait(patience);
  auto woken = std::chrono::steady_clock::now();
  if (work_)
    work_->run_some();
  for (std::size_t i = 0; i < flushes_.size(); ++i)
    flushes_[i].call();
  counters_.turn_times.observe(std::chrono::steady_clock::now() - woken);
}

void event_loop::wait(nanoseconds patience) {
  auto busy = work_ && work_->pending();
  if (busy || patience.count() == 0) {
    context_.poll_one(); // look at the sockets, but do not wait for them
  } else if (busy_limit_.count() == 0 || !spin()) {
    if (patience == nanoseconds::max())
      context_.run_one();
    else
      context_.run_one_for(patience);
  }
}

// Spinning saves the wake-up of an idle core, which costs more than everything the hub does with a
// datagram. It is bounded, and given up while the gaps are longer than the bound.
bool event_loop::spin() {
  if (misses_in_a_row_ >= patience_for_misses && ++sleepy_turns_ % sleeps_between_tries != 0)
    return false;
  auto begin = std::chrono::steady_clock::now();
  do {
    for (auto& poll : polls_)
      if (poll.call()) {
        ++counters_.busy_hits;
        misses_in_a_row_ = 0;
        return true;
      }
    if (context_.poll_one() > 0)
      return true;
  } while (std::chrono::steady_clock::now() - begin < busy_limit_);
  ++counters_.busy_misses;
  ++misses_in_a_row_;
  return false;
}

void event_loop::stop() {
  stopped_.store(true, std::memory_order_release);
  boost::asio::post(context_, [] {}); // wakes the loop
}

} // namespace tutti::io
