#include "io/jack_cycle.hpp"

#include <jack/midiport.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

#include <poll.h>
#include <unistd.h>

namespace tutti::io {

namespace {

// Octets that may wait for the loop, all ports together, and for one port's next periods.
constexpr std::size_t in_ring_octets = 1u << 20;
// An event that is further ahead than this is played now: nobody means to wait here.
constexpr std::int64_t furthest_ahead = 100'000'000;
constexpr std::chrono::milliseconds removal_limit{500};
// An answer is watched for this long, ns; a loop that sleeps deeply takes half of it to wake up.
constexpr std::int64_t longest_watch = 200'000;

std::int64_t steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

} // namespace

jack_cycle::jack_cycle(jack_client_t* client, int wake, int answer, bool same_period)
    : client_(client)
    , wake_(wake)
    , answer_(answer)
    , same_period_(same_period)
    , watch_limit_(std::thread::hardware_concurrency() > 1 ? longest_watch : 0)
    , in_(in_ring_octets) {
  look_at_clocks();
}

void jack_cycle::look_at_clocks() noexcept {
  auto before = steady_now();
  auto jack = static_cast<std::int64_t>(jack_get_time()) * 1000;
  clock_offset_.observe(before, jack, steady_now());
}

bool jack_cycle::add(jack_slot& slot) {
  for (std::size_t i = 0; i < slots_.size(); ++i)
    if (!slots_[i].load(std::memory_order_relaxed)) {
      slots_[i].store(&slot, std::memory_order_release);
      if (i >= used_.load(std::memory_order_relaxed))
        used_.store(i + 1, std::memory_order_release);
      return true;
    }
  return false;
}

void jack_cycle::remove(jack_slot& slot) {
  for (auto& place : slots_)
    if (place.load(std::memory_order_relaxed) == &slot)
      place.store(nullptr, std::memory_order_release);
  // Two more periods have begun, so the one that may have seen the slot is over.
  auto seen = cycles_.load(std::memory_order_acquire);
  auto end = std::chrono::steady_clock::now() + removal_limit;
  while (cycles_.load(std::memory_order_acquire) < seen + 2 &&
         std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

jack_cycle::period jack_cycle::begin_period(jack_nframes_t frames) const noexcept {
  jack_nframes_t start = 0;
  jack_time_t begin = 0, next = 0;
  float length = 0;
  if (jack_get_cycle_times(client_, &start, &begin, &next, &length) != 0 || !(length > 0)) {
    begin = jack_get_time();
    length = 1e6f * static_cast<float>(frames) / static_cast<float>(jack_get_sample_rate(client_));
  }
  auto whole = next > begin ? static_cast<double>(next - begin) : static_cast<double>(length);
  return {start, static_cast<std::int64_t>(begin) * 1000 + clock_offset_.ns(),
          1000.0 * whole / frames, frames};
}

// A time before all that is remembered is late anyway; one that is to come is reckoned from now.
std::int64_t jack_cycle::frame_of(std::int64_t at, const period& now) const noexcept {
  auto from = &now;
  for (const auto& one : past_)
    if (at < from->begin && one.frames > 0)
      from = &one;
  auto offset = std::llround(static_cast<double>(at - from->begin) / from->frame);
  auto frame = static_cast<std::int32_t>(from->start - now.start) + offset;
  return same_period_ && frame >= 0 ? frame : frame + now.frames;
}

int jack_cycle::process(jack_nframes_t frames) noexcept {
  look_at_clocks();
  auto now = begin_period(frames);
  if (same_period_) {
    auto length = static_cast<std::int64_t>(now.frame * frames);
    next_begin_.store(now.begin + length, std::memory_order_relaxed);
    length_.store(length, std::memory_order_relaxed);
  }
  woken_ = false;
  auto used = used_.load(std::memory_order_acquire);
  auto for_each = [&](bool inputs, auto use) {
    for (std::size_t i = 0; i < used; ++i) {
      auto slot = slots_[i].load(std::memory_order_acquire);
      if (!slot || slot->is_input != inputs)
        continue;
      if (auto buffer = jack_port_get_buffer(slot->port, frames))
        use(*slot, buffer);
    }
  };
  for_each(true, [&](jack_slot& slot, void* buffer) { take(slot, buffer, now); });
  if (woken_ && same_period_) {
    delay_.store(steady_now() - now.begin, std::memory_order_relaxed);
    wake();
    await_answer(now);
  }
  for_each(false, [&](jack_slot& slot, void* buffer) { give(slot, buffer, now); });
  std::copy_backward(past_.begin(), past_.end() - 1, past_.end());
  past_.front() = now;
  cycles_.fetch_add(1, std::memory_order_release);
  if (woken_)
    wake();
  return 0;
}

void jack_cycle::wake() noexcept {
  woken_ = false;
  asked_.fetch_add(1, std::memory_order_release);
  // A write to an eventfd does not wait: its counter would have to be at 2^64 for that.
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_, &one, sizeof one);
}

void jack_cycle::await_answer(const period& now) noexcept {
  auto asked = asked_.load(std::memory_order_relaxed);
  auto begin = steady_now();
  auto end = begin + static_cast<std::int64_t>(now.frame * now.frames / 4);
  auto watched_until = std::min(end, begin + watch_limit_);
  while (!is_answered(asked) && steady_now() < watched_until)
    std::this_thread::yield();
  sleeping_ = true;
  for (auto left = end - steady_now(); left > 0 && !is_answered(asked); left = end - steady_now()) {
    timespec patience{0, static_cast<long>(std::min<std::int64_t>(left, 999'999'999))};
    pollfd watched{answer_, POLLIN, 0};
    std::uint64_t count;
    if (::ppoll(&watched, 1, &patience, nullptr) > 0) [[maybe_unused]]
      auto taken = ::read(answer_, &count, sizeof count);
  }
  sleeping_ = false;
}

// Either it sees that the other sleeps, or the other sees the answer before it does.
void jack_cycle::answer() noexcept {
  if (!same_period_ || answered_.load(std::memory_order_relaxed) == drained_)
    return;
  answered_ = drained_;
  if (!sleeping_)
    return;
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(answer_, &one, sizeof one);
}

void jack_cycle::take(const jack_slot& slot, void* buffer, const period& now) noexcept {
  auto count = jack_midi_get_event_count(buffer);
  for (jack_nframes_t i = 0; i < count; ++i) {
    jack_midi_event_t event;
    if (jack_midi_event_get(&event, buffer, i) != 0 || event.size == 0)
      continue;
    if (!in_.has_room(event.size)) {
      lost_in_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    in_.push({now.begin + static_cast<std::int64_t>(event.time * now.frame), slot.id,
              static_cast<std::uint32_t>(event.size)},
             event.buffer);
    woken_ = true;
  }
}

void jack_cycle::give(jack_slot& slot, void* buffer, const period& now) noexcept {
  jack_midi_clear_buffer(buffer);
  jack_nframes_t last = 0;
  bool took = false;
  while (auto head = slot.out->front()) {
    auto frame = head->at - now.begin > furthest_ahead ? 0 : frame_of(head->at, now);
    if (frame >= now.frames)
      break; // a later period's, and so is everything behind it
    if (frame < last) {
      // Only what is late for this period counts; times asked for as "now" are 0.
      if (frame < 0 && head->at != 0)
        late_out_.fetch_add(1, std::memory_order_relaxed);
      frame = last;
    }
    last = static_cast<jack_nframes_t>(frame);
    auto place = jack_midi_event_reserve(buffer, last, head->size);
    if (!place && took)
      break;              // full: the next period goes on
    slot.out->pop(place); // without a place it is longer than JACK takes at all
    took = true;
  }
  // Either the loop sees the room, or this sees that it waits for some.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (took && slot.wanted.exchange(false))
    woken_ = true;
}

bool jack_cycle::write(jack_slot& slot, std::chrono::nanoseconds at,
                       std::span<const std::uint8_t> bytes) {
  if (!slot.out->has_room(bytes.size())) {
    slot.wanted = true;
    // JACK may have made room in between, and then would never tell.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!slot.out->has_room(bytes.size()))
      return false;
  }
  slot.out->push({at.count(), slot.id, static_cast<std::uint32_t>(bytes.size())}, bytes.data());
  return true;
}

jack_cycle_counters jack_cycle::counters() const noexcept {
  return {cycles_.load(std::memory_order_relaxed), lost_in_.load(std::memory_order_relaxed),
          late_out_.load(std::memory_order_relaxed)};
}

jack_forecast jack_cycle::forecast() const noexcept {
  auto get = [](const auto& ns) {
    return std::chrono::nanoseconds(ns.load(std::memory_order_relaxed));
  };
  return {get(next_begin_), get(length_), get(delay_)};
}

} // namespace tutti::io
