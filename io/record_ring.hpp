// A queue of timed octets between JACK's thread and the loop.
// Decides: that a record is seen whole or not at all. Never locks, and allocates only when made.
// Leaves: what is done when there is no room (jack_cycle).
// Thread: push() in one thread, front() and pop() in one other.
//
// libjack has such a queue of its own, but orders what it writes only as x86 does anyway.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace tutti::io {

class record_ring {
public:
  struct head {
    std::int64_t at = 0;    ///< steady clock, ns
    std::uint32_t port = 0; ///< id of a jack_slot
    std::uint32_t size = 0; ///< octets that follow
  };

  explicit record_ring(std::size_t octets)
      : octets_(octets) {}

  /// Writer: room for a record of so many octets.
  bool has_room(std::size_t size) const { return octets_.write_available() >= sizeof(head) + size; }
  /// Writer: there must be room.
  void push(const head& front, const std::uint8_t* bytes) {
    octets_.push(reinterpret_cast<const std::uint8_t*>(&front), sizeof front);
    octets_.push(bytes, front.size);
  }

  /// Reader: the oldest record; nullptr if there is none, or none that is whole yet.
  const head* front() {
    if (!has_head_ && octets_.read_available() >= sizeof head_)
      has_head_ = octets_.pop(reinterpret_cast<std::uint8_t*>(&head_), sizeof head_) > 0;
    return has_head_ && octets_.read_available() >= head_.size ? &head_ : nullptr;
  }
  /// Reader: takes the record that front() gave, `into` with room for its octets; nullptr drops
  /// them.
  void pop(std::uint8_t* into) {
    has_head_ = false;
    if (into) {
      octets_.pop(into, head_.size);
      return;
    }
    std::array<std::uint8_t, 256> nowhere;
    for (std::size_t left = head_.size; left > 0;)
      left -= octets_.pop(nowhere.data(), std::min(left, nowhere.size()));
  }

private:
  boost::lockfree::spsc_queue<std::uint8_t> octets_;
  head head_; ///< the reader's: taken off already
  bool has_head_ = false;
};

} // namespace tutti::io
