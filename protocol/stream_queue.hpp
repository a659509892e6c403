// MIDI 1.0 bytes on their way to one reader, who may be slow.
// Decides: what is written (always full status, no message cut), what is dropped when the reader
// falls behind: clock and active sensing first, then the oldest Note Ons, nothing else.
// Leaves: sending, and what becomes of a reader that is behind all the same (the port).
// Spec: MIDI 1.0 Detailed Specification, "Data Format". Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/event.hpp"
#include "protocol/midi_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

/// What may wait. System Exclusive counts apart, since one message may be as long as all others of
/// an hour together.
struct stream_queue_limits {
  std::size_t short_octets = 64 * 1024;
  std::size_t sysex_octets = (1u << 20) + 64 * 1024;
};

struct stream_queue_counters {
  std::uint64_t dropped_real_time = 0; ///< clock and active sensing
  std::uint64_t dropped_note_ons = 0;
};

class stream_queue {
public:
  explicit stream_queue(const stream_queue_limits& limits = {}) noexcept
      : limits_(limits) {}

  /// Takes one message. False if the queue stays too long even after dropping what may be dropped:
  /// the reader is to be given up, since from here on it would miss what ends a sound.
  bool write(const ump& message);

  /// The octets to be sent next; empty if nothing waits. Valid until the next call of anything
  /// else.
  byte_view front();
  /// The first `count` octets of front() have been sent.
  void pop(std::size_t count) noexcept;

  /// Forgets everything that waits. If the reader has got the beginning of a SysEx, its end is all
  /// that comes next. Only between whole pieces (next_piece).
  void discard();

  bool empty() const noexcept { return size() == 0; }
  /// Octets that wait.
  std::size_t size() const noexcept { return leaving_.size() - left_ + waiting_.size() - begin_; }

  const stream_queue_counters& counters() const noexcept { return counters_; }

private:
  byte_view waiting() const noexcept { return byte_view(waiting_).subspan(begin_); }
  bool make_room(std::size_t octets);
  template <class Droppable>
  std::uint64_t drop(std::size_t octets, Droppable droppable);
  void refill();

  stream_queue_limits limits_;
  midi_stream_writer writer_;
  /// Being sent, perhaps in the middle of a message: nothing is dropped here.
  std::vector<std::uint8_t> leaving_;
  std::size_t left_ = 0;              ///< octets of leaving_ that are sent
  bool leaving_within_sysex_ = false; ///< leaving_ starts inside a SysEx
  /// Behind it, from begin_ on; starts with a message, or inside a SysEx if within_sysex_.
  std::vector<std::uint8_t> waiting_;
  std::size_t begin_ = 0;
  bool within_sysex_ = false;
  std::size_t short_octets_ = 0; ///< in waiting_
  std::size_t sysex_octets_ = 0; ///< in waiting_
  stream_queue_counters counters_;
};

/// The first of `bytes`, as front() gave them, that a device takes at a time: a whole short
/// message, or a piece of a SysEx without real-time in it. Empty if `bytes` are.
byte_view next_piece(byte_view bytes) noexcept;

} // namespace tutti::protocol
