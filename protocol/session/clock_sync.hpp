// Clock synchronisation with one peer, and the signs of life that come with it.
// Decides: when to send CK0, what round trip and offset follow from an exchange, how a peer's RTP
// timestamp maps to hub time, when a silent peer is dead.
// Leaves: sending (session_engine), what death means (handshake).
// Spec: Apple "MIDI Network Driver Protocol", synchronisation. Thread: values.
//
//   CK0  asker  -> answerer   time 1 = asker's clock
//   CK1  answerer -> asker    time 2 = answerer's clock
//   CK2  asker  -> answerer   time 3 = asker's clock
#pragma once

#include "protocol/apple_command.hpp"
#include "protocol/event.hpp"
#include "protocol/session/timing.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace tutti::protocol {

class clock_sync {
public:
  explicit clock_sync(const session_timing& timing) noexcept
      : timing_(&timing) {}

  /// The session stands. The initiator of a session sends the burst that macOS needs and then asks
  /// regularly; a responder asks twice to learn the offset and whether this peer answers at all.
  void start(bool initiator, hub_time now) noexcept;

  /// Whether we invite this peer whenever it is gone; start() takes it as false.
  void set_invited(bool invited, hub_time now) noexcept;

  /// Any valid datagram of the peer arrived.
  void on_heard(hub_time now) noexcept;
  /// MIDI of the peer arrived; `holding`: it has notes sounding now.
  void on_midi(bool holding, hub_time now) noexcept;
  /// The network says that nobody listens there: ask at once.
  void on_unreachable(hub_time now) noexcept;

  /// Takes a CK of the peer; the answer to send, if it wants one.
  std::optional<clock_exchange> on_exchange(const clock_exchange& received, std::uint32_t own_ssrc,
                                            hub_time now) noexcept;

  /// The CK0 to send if one is due now.
  std::optional<clock_exchange> poll(std::uint32_t own_ssrc, hub_time now) noexcept;

  /// When poll() or is_dead() will next have news.
  hub_time next_deadline() const noexcept;
  /// The peer has been silent for too long.
  bool is_dead(hub_time now) const noexcept;

  bool synchronised() const noexcept { return samples_ > 0; }
  /// The peer's clock minus ours, in ticks, modulo 2^64.
  std::uint64_t offset_ticks() const noexcept { return offset_; }
  /// The last round trip.
  std::chrono::nanoseconds round_trip() const noexcept { return round_trip_; }
  /// Smoothed deviation of one-way times (RFC 3550 section 6.4.1 applied to round trips).
  std::chrono::nanoseconds round_trip_jitter() const noexcept { return jitter_; }
  std::uint32_t exchanges() const noexcept { return exchanges_; }
  hub_time last_heard() const noexcept { return last_heard_; }

  /// Hub time of a peer's RTP timestamp (plus `offset` ticks within the packet). Now, if the clocks
  /// are not synchronised yet, or if the time is 0 or further than 10 s from now: some peers send
  /// timestamps that mean nothing.
  hub_time to_hub_time(std::uint32_t timestamp, std::uint32_t offset, hub_time now) const noexcept;

private:
  bool is_active(hub_time now) const noexcept;
  /// When the peer is dead unless it is heard from.
  hub_time death() const noexcept;
  void schedule(hub_time now) noexcept;
  void add_sample(std::uint64_t offset, std::chrono::nanoseconds round_trip) noexcept;

  struct sample {
    std::uint64_t offset = 0;
    std::chrono::nanoseconds round_trip{};
  };

  const session_timing* timing_;
  bool started_ = false;
  bool initiator_ = false;
  bool invited_ = false;
  hub_time invited_at_{}; ///< since when it is
  int burst_left_ = 0;
  std::uint32_t unanswered_ = 0;
  bool answers_ = false; ///< the peer has answered a CK0 of ours in this session
  bool holding_ = false;
  bool suspect_ = false; ///< unreachable was reported and nothing heard since
  hub_time suspected_at_{};
  bool asking_ = false; ///< a CK0 is out
  std::uint64_t asked_at_ticks_ = 0;
  hub_time asked_at_{};
  hub_time next_ask_{};
  hub_time last_heard_{};
  hub_time last_midi_{};
  bool ever_midi_ = false;
  std::array<sample, 8> window_{};
  std::uint32_t samples_ = 0;
  std::uint64_t offset_ = 0;
  std::chrono::nanoseconds round_trip_{};
  std::chrono::nanoseconds jitter_{};
  std::uint32_t exchanges_ = 0;
};

} // namespace tutti::protocol
