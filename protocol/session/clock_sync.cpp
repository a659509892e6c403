#include "protocol/session/clock_sync.hpp"

#include "protocol/list_encoder.hpp"

#include <algorithm>
#include <utility>

namespace tutti::protocol {

namespace {

constexpr std::chrono::seconds sane_distance{10};

std::chrono::nanoseconds ticks_to_duration(std::uint64_t ticks) noexcept {
  return clock_tick * static_cast<std::int64_t>(ticks);
}

} // namespace

void clock_sync::start(bool initiator, hub_time now) noexcept {
  auto timing = timing_;
  *this = clock_sync(*timing);
  started_ = true;
  initiator_ = initiator;
  last_heard_ = now;
  burst_left_ = initiator ? timing_->clock_burst_count : 2;
  next_ask_ = initiator ? now : now + timing_->clock_burst_interval * 4;
}

void clock_sync::set_invited(bool invited, hub_time now) noexcept {
  if (invited == std::exchange(invited_, invited) || !invited)
    return;
  invited_at_ = now;
  if (answers_)
    next_ask_ = std::min(next_ask_, last_heard_ + timing_->invited_silence);
}

[[gnu::hot]] void clock_sync::on_heard(hub_time now) noexcept {
  last_heard_ = now;
  if (unanswered_ == 0 && !suspect_)
    return;
  unanswered_ = 0;
  suspect_ = false;
  schedule(now);
}

[[gnu::hot]] void clock_sync::on_midi(bool holding, hub_time now) noexcept {
  last_midi_ = now;
  ever_midi_ = true;
  holding_ = holding;
  if (answers_)
    next_ask_ = std::min(next_ask_, last_heard_ + timing_->active_silence);
}

void clock_sync::on_unreachable(hub_time now) noexcept {
  if (!started_ || suspect_)
    return;
  suspect_ = true;
  suspected_at_ = now;
  next_ask_ = std::min(next_ask_, now);
}

bool clock_sync::is_active(hub_time now) const noexcept {
  return suspect_ || holding_ || (ever_midi_ && now - last_midi_ < timing_->active_memory);
}

// A peer counts as playing if it still does when the limit for that is reached. A suspect gets as
// long from the suspicion on: a single ICMP error may be an old one, or forged. Nor does a peer
// die on the spot that we come to invite.
hub_time clock_sync::death() const noexcept {
  if (!answers_)
    return last_heard_ + timing_->silence_limit;
  auto idle = last_heard_ + timing_->idle_limit;
  if (invited_)
    idle = std::min(idle, std::max(last_heard_, invited_at_) + timing_->invited_limit);
  auto active = last_heard_ + timing_->active_limit;
  if (holding_ || (ever_midi_ && active < last_midi_ + timing_->active_memory))
    return active;
  return suspect_ ? std::min(idle, suspected_at_ + timing_->active_limit) : idle;
}

// When to ask next, given what was last heard and asked.
void clock_sync::schedule(hub_time now) noexcept {
  if (burst_left_ > 0) {
    next_ask_ = asked_at_ + timing_->clock_burst_interval;
    return;
  }
  auto regular =
      initiator_ ? asked_at_ + timing_->clock_interval : last_heard_ + timing_->clock_interval;
  if (unanswered_ > 0)
    regular = asked_at_ + timing_->idle_probe_interval;
  if (answers_ && (invited_ || is_active(now))) {
    auto silence = is_active(now) ? timing_->active_silence : timing_->invited_silence;
    auto urgent = std::max(last_heard_ + silence, asked_at_ + timing_->active_probe_interval);
    regular = std::min(regular, urgent);
  }
  next_ask_ = regular;
}

std::optional<clock_exchange> clock_sync::poll(std::uint32_t own_ssrc, hub_time now) noexcept {
  if (!started_ || now < next_ask_)
    return std::nullopt;
  // Heard from since this was scheduled: there is nothing to ask yet.
  if (burst_left_ == 0 && !suspect_) {
    schedule(now);
    if (now < next_ask_)
      return std::nullopt;
  }
  if (burst_left_ > 0)
    --burst_left_;
  asking_ = true;
  asked_at_ = now;
  asked_at_ticks_ = clock_ticks(now);
  ++unanswered_;
  schedule(now);
  return clock_exchange{own_ssrc, 0, {asked_at_ticks_, 0, 0}};
}

std::optional<clock_exchange> clock_sync::on_exchange(const clock_exchange& received,
                                                      std::uint32_t own_ssrc,
                                                      hub_time now) noexcept {
  auto ticks = clock_ticks(now);
  if (received.step == 0)
    return clock_exchange{own_ssrc, 1, {received.times[0], ticks, 0}};
  if (received.step == 1) {
    if (!asking_ || received.times[0] != asked_at_ticks_)
      return std::nullopt; // not ours, or an answer that a newer question has overtaken
    asking_ = false;
    answers_ = true;
    auto elapsed = ticks - received.times[0];
    add_sample(received.times[1] - (received.times[0] + elapsed / 2), now - asked_at_);
    return clock_exchange{own_ssrc, 2, {received.times[0], received.times[1], ticks}};
  }
  // CK2: the asker's clock minus ours is (time 3 + time 1) / 2 - time 2.
  auto elapsed = received.times[2] - received.times[0];
  if (elapsed < 600'000) // a minute; anything longer is noise
    add_sample(received.times[0] + elapsed / 2 - received.times[1], ticks_to_duration(elapsed));
  return std::nullopt;
}

// The offset is that of the shortest round trip in the window: it was delayed least.
void clock_sync::add_sample(std::uint64_t offset, std::chrono::nanoseconds round_trip) noexcept {
  auto deviation = samples_ == 0 ? std::chrono::nanoseconds{0} : round_trip - round_trip_;
  jitter_ += (std::chrono::abs(deviation) - jitter_) / 16;
  round_trip_ = round_trip;
  window_[samples_ % window_.size()] = {offset, round_trip};
  samples_ = samples_ + 1 == 2 * window_.size() ? window_.size() : samples_ + 1;
  auto used = std::min<std::size_t>(samples_, window_.size());
  auto best = std::min_element(
      window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(used),
      [](const sample& a, const sample& b) { return a.round_trip < b.round_trip; });
  offset_ = best->offset;
  ++exchanges_;
}

[[gnu::hot]] hub_time clock_sync::next_deadline() const noexcept {
  return started_ ? std::min(next_ask_, death()) : hub_time::max();
}

bool clock_sync::is_dead(hub_time now) const noexcept {
  return started_ && now >= death();
}

[[gnu::hot]] hub_time clock_sync::to_hub_time(std::uint32_t timestamp, std::uint32_t offset,
                                              hub_time now) const noexcept {
  if (!synchronised() || timestamp == 0)
    return now;
  auto peer_now = static_cast<std::uint32_t>(clock_ticks(now) + offset_);
  auto distance = ticks_to_duration(1) * static_cast<std::int32_t>(timestamp + offset - peer_now);
  return std::chrono::abs(distance) > sane_distance ? now : now + distance;
}

} // namespace tutti::protocol
