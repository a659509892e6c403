// The part of JACK that runs in its real-time thread: once per period, events in and out.
// Decides: how offsets within a period and hub time map to each other; what is dropped when the
// loop is too slow. Never locks or allocates; waits only for the loop's answer, and not for long.
// Leaves: the client's life (jack_client).
// Spec: JACK API, "MIDI".
// Thread: process() in JACK's thread, add/remove in the worker, everything else in the loop thread.
//
// In: an event at offset o of the period that starts at T belongs to T + o.
//
// Out: an event that belongs to this period or a later one plays at its very frame. One that is
// past plays a period after its frame, so that what arrives in time keeps its distances. The frame
// is found with the times of the period that the event is in: JACK adjusts them all the time, and
// so the way back is exact.
//
// What JACK plays to the hub belongs to the present period. To let it leave in the same one, as
// over a connection of JACK's own, the process callback waits for the loop when events have come,
// but no longer than a quarter of the period; what the loop answers later plays a period later. It
// watches for the answer before it sleeps, as being woken takes longer than the answer does, and
// lets others have the core between two looks: the system may have put the loop on the same one.
// Without this (`same_period`) the way from JACK to JACK is one period long, whatever the loop
// does.
#pragma once

#include "io/clock_offset.hpp"
#include "io/local_port.hpp"
#include "io/record_ring.hpp"

#include <jack/jack.h>

#include <array>
#include <atomic>

namespace tutti::io {

/// Ports of one client at most.
inline constexpr std::size_t max_jack_ports = 512;

struct jack_cycle_counters {
  std::uint64_t cycles = 0;
  std::uint64_t lost_in = 0;  ///< events that the loop was too slow to take
  std::uint64_t late_out = 0; ///< events whose time was past when they could be played
};

/// When the process callback will wait for the loop, as far as can be told.
struct jack_forecast {
  std::chrono::nanoseconds begin;  ///< of the next period, steady clock
  std::chrono::nanoseconds length; ///< of a period; 0: it never waits, or none has been seen yet
  std::chrono::nanoseconds delay;  ///< from a period's begin to the events that came last
};

/// One port as both threads see it.
struct jack_slot {
  std::uint32_t id = 0; ///< never used twice in a client
  jack_port_t* port = nullptr;
  bool is_input = false;            ///< in JACK's words: MIDI comes from it into the hub
  std::unique_ptr<record_ring> out; ///< of an output: from the loop to the process callback
  std::atomic<bool> wanted{false};  ///< the loop waits for room in `out`
};

class jack_cycle {
public:
  /// `wake` is an eventfd that is written when the loop has something to do, `answer` one that
  /// answer() writes.
  jack_cycle(jack_client_t* client, int wake, int answer, bool same_period);

  // -- worker --
  /// False if there are too many. The slot must stay until remove() has returned.
  bool add(jack_slot& slot);
  /// Returns when the process callback has let go of the slot, or does not run any more.
  void remove(jack_slot& slot);

  // -- JACK's thread --
  int process(jack_nframes_t frames) noexcept;

  // -- loop --
  /// Calls use(slot id, time, octets) for everything that has arrived.
  template <class Use>
  void drain(Use use);
  /// What drain() gave has been dealt with, and written where it goes to.
  void answer() noexcept;
  /// Queues one event; false if there is no room.
  static bool write(jack_slot& slot, std::chrono::nanoseconds at,
                    std::span<const std::uint8_t> bytes);
  jack_cycle_counters counters() const noexcept;
  jack_forecast forecast() const noexcept;

private:
  struct period {
    jack_nframes_t start = 0; ///< JACK's frame time
    std::int64_t begin = 0;   ///< steady clock, ns
    double frame = 1;         ///< ns
    jack_nframes_t frames = 0;
  };

  period begin_period(jack_nframes_t frames) const noexcept;
  /// Where in the period `now` an event is to be played; negative if that is past.
  std::int64_t frame_of(std::int64_t at, const period& now) const noexcept;
  void take(const jack_slot& slot, void* buffer, const period& now) noexcept;
  void give(jack_slot& slot, void* buffer, const period& now) noexcept;
  void look_at_clocks() noexcept;
  void wake() noexcept;
  bool is_answered(std::uint32_t asked) const noexcept {
    // The count wraps, the difference does not.
    return static_cast<std::int32_t>(answered_.load() - asked) >= 0;
  }
  void await_answer(const period& now) noexcept;

  jack_client_t* client_;
  int wake_;
  int answer_;
  bool same_period_;
  std::int64_t watch_limit_;  ///< ns, for which an answer is watched for; 0 on a single core
  clock_offset clock_offset_; ///< of the steady clock to JACK's
  record_ring in_;            ///< from the process callback to the loop
  std::vector<std::uint8_t> scratch_;
  std::array<std::atomic<jack_slot*>, max_jack_ports> slots_{};
  std::atomic<std::size_t> used_{0}; ///< slots beyond are empty
  std::atomic<std::uint64_t> cycles_{0};
  std::atomic<std::uint64_t> lost_in_{0};
  std::atomic<std::uint64_t> late_out_{0};
  std::atomic<std::int64_t> next_begin_{0}; ///< for the forecast, ns
  std::atomic<std::int64_t> length_{0};
  std::atomic<std::int64_t> delay_{0};
  std::array<period, 8> past_{};           ///< JACK's thread: the last periods, the newest first
  std::atomic<std::uint32_t> asked_{0};    ///< times that the loop was woken
  std::atomic<std::uint32_t> answered_{0}; ///< up to which of them everything is dealt with
  std::atomic<bool> sleeping_{false};      ///< JACK's thread needs to be told of an answer
  std::uint32_t drained_ = 0;              ///< loop: the same for drain()
  bool woken_ = false; ///< JACK's thread: the loop is to be woken at the end of this period
};

template <class Use>
void jack_cycle::drain(Use use) {
  drained_ = asked_.load(std::memory_order_acquire);
  while (auto head = in_.front()) {
    auto [at, port, size] = *head;
    scratch_.resize(size);
    in_.pop(scratch_.data());
    use(port, std::chrono::nanoseconds(at), std::span<const std::uint8_t>(scratch_));
  }
}

} // namespace tutti::io
