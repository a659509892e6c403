// A peer's bitrate limit (RL): a token bucket, and the events that wait for it.
// Decides: how much may leave now, what is dropped when too much waits.
// Leaves: encoding and sending (rtp_sender). Spec: Apple RL command. Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace tutti::protocol {

/// Events that wait for the limit. Beyond it whatever adds sound is dropped, and a SysEx from where
/// it stands; what ends sound still enters, up to twice as many.
inline constexpr std::size_t max_held_back_events = 4096;

class send_limit {
public:
  bool active() const noexcept { return bits_per_second_ > 0; }
  std::uint32_t bits_per_second() const noexcept { return bits_per_second_; }

  /// 0 lifts the limit. A burst of a quarter of a second is allowed, 256 octets at least.
  void set(std::uint32_t bits_per_second, hub_time now) noexcept {
    auto was_active = active();
    if (was_active)
      refill(now);
    bits_per_second_ = bits_per_second;
    filled_at_ = now;
    // Told again, a limit goes on with what is left: peers repeat it.
    tokens_ = was_active ? std::min(tokens_, burst()) : burst();
  }

  /// May a packet leave now? Tokens may go below zero by one packet, which is paid back later.
  bool may_send(hub_time now) noexcept {
    refill(now);
    return !active() || tokens_ > 0;
  }
  void spend(std::size_t octets) noexcept { tokens_ -= static_cast<double>(octets); }
  /// When may_send() becomes true.
  hub_time ready_at() const noexcept {
    if (!active() || tokens_ > 0)
      return filled_at_;
    auto seconds = (1 - tokens_) / octets_per_second();
    return filled_at_ + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9) + 1);
  }

  /// Keeps events until they may leave; gives how many were dropped.
  std::size_t hold_back(std::span<const event> events) {
    std::size_t dropped = 0;
    for (const auto& e : events)
      dropped += !(e.message.is_sysex() ? keep_sysex(e) : keep(e));
    return dropped;
  }
  std::vector<event>& held_back() noexcept { return held_back_; }
  const std::vector<event>& held_back() const noexcept { return held_back_; }

private:
  bool keep(const event& e) {
    auto room = e.message.ends_sound() ? 2 * max_held_back_events : max_held_back_events;
    if (held_back_.size() >= room)
      return false;
    held_back_.push_back(e);
    return true;
  }
  // A SysEx that outgrows the room is cancelled, as the rest of it would come after a hole.
  bool keep_sysex(const event& e) {
    if (e.message.begins_sysex())
      skipping_sysex_ = false;
    if (!skipping_sysex_ && held_back_.size() < max_held_back_events) {
      held_back_.push_back(e);
      return true;
    }
    if (!skipping_sysex_ && !e.message.begins_sysex())
      held_back_.push_back({make_sysex(sysex_form::cancelled, {}), e.at, false});
    skipping_sysex_ = !e.message.ends_sysex();
    return false;
  }
  double octets_per_second() const noexcept { return bits_per_second_ / 8.0; }
  double burst() const noexcept { return std::max(octets_per_second() / 4, 256.0); }
  void refill(hub_time now) noexcept {
    auto seconds = std::chrono::duration<double>(now - filled_at_).count();
    tokens_ = std::min(burst(), tokens_ + seconds * octets_per_second());
    filled_at_ = std::max(filled_at_, now);
  }

  std::uint32_t bits_per_second_ = 0;
  double tokens_ = 0;
  hub_time filled_at_{};
  std::vector<event> held_back_;
  bool skipping_sysex_ = false; ///< the rest of a SysEx that had no room
};

} // namespace tutti::protocol
