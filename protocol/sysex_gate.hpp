// One SysEx at a time towards a destination that is a MIDI 1.0 stream.
// Decides: who has the stream, who waits, what is dropped when the wait grows too long, when a
// stalled SysEx is given up.
// Leaves: sending. Real-time messages never wait. Thread: values.
// Spec: MIDI 1.0 Detailed Specification, System Exclusive: only real-time may come inside.
#pragma once

#include "protocol/event.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace tutti::protocol {

struct sysex_gate_limits {
  /// Events that may wait. Beyond it what only adds sound or movement is dropped (Note On,
  /// controllers, pressure, bend); what ends sound still enters, up to twice the limit. A SysEx
  /// that does not fit is dropped whole.
  std::size_t waiting_events = 16'384;
  /// A SysEx without a new chunk for this long is cancelled.
  std::chrono::nanoseconds stall = std::chrono::seconds(1);
};

struct sysex_gate_counters {
  std::uint64_t dropped_events = 0;
  std::uint64_t dropped_sysex = 0;
  std::uint64_t stalled_sysex = 0;
};

class sysex_gate {
public:
  using source_id = std::uint64_t;

  explicit sysex_gate(const sysex_gate_limits& limits = {}) noexcept
      : limits_(limits) {}

  /// No SysEx is open and nothing waits: events without SysEx need not come here.
  bool transparent() const noexcept { return !open_ && waiting_.empty() && skipping_.empty(); }

  /// Appends to `out` what of `events` may go now, and what it lets go that waited.
  void accept(source_id source, std::span<const event> events, hub_time now,
              std::vector<event>& out);
  /// The source is gone: its open SysEx is cancelled, the wait ends.
  void on_source_gone(source_id source, hub_time now, std::vector<event>& out);
  /// Cancels a stalled SysEx.
  void on_deadline(hub_time now, std::vector<event>& out);
  hub_time next_deadline() const noexcept {
    return open_ ? last_chunk_ + limits_.stall : hub_time::max();
  }

  const sysex_gate_counters& counters() const noexcept { return counters_; }

private:
  struct waiting_event {
    source_id source;
    event content;
  };

  void take(source_id source, const event& e, hub_time now, std::vector<event>& out);
  void wait(source_id source, const event& e);
  void wait_sysex(source_id source, const event& e);
  void drain(hub_time now, std::vector<event>& out);
  void follow_owner(std::vector<event>& out);
  void open(source_id source, const event& e, hub_time now);
  void cancel_open(hub_time now, std::vector<event>& out);
  bool has_waiting(source_id source) const noexcept;
  bool skips(source_id source, const event& e);
  bool has_unfinished(source_id source) const noexcept;
  void drop_unfinished(source_id source);

  sysex_gate_limits limits_;
  bool open_ = false;
  source_id owner_ = 0;
  hub_time last_chunk_{};
  std::deque<waiting_event> waiting_;
  std::vector<source_id> unfinished_; ///< sources whose last waiting SysEx has not ended yet
  std::vector<source_id> skipping_;   ///< sources whose present SysEx is dropped to its end
  sysex_gate_counters counters_;
};

} // namespace tutti::protocol
