// Where a sequencer stands: running or not, and its song position in MIDI clocks.
// Decides: what Start, Continue, Stop, Song Position Pointer and Timing Clock change.
// Spec: MIDI 1.0 Detailed Specification, "System Real Time"; RFC 6295 appendix B.3. Thread: values.
#pragma once

#include <cstdint>

namespace tutti::protocol {

class song_transport {
public:
  /// Positions are kept modulo this many clocks (19 bits in Chapter Q).
  static constexpr std::uint32_t modulus = 1u << 19;
  static constexpr std::uint32_t clocks_per_beat = 6; ///< one unit of F2: a sixteenth note

  /// Takes F2, F8, FA, FB or FC in; any other status changes nothing. True if something changed.
  bool apply(std::uint8_t status, std::uint8_t data1, std::uint8_t data2) noexcept {
    switch (status) {
    case 0xF2: return locate((data2 * 128u + data1) * clocks_per_beat, false);
    case 0xF8: return advance();
    case 0xFA: running_ = true; return locate(0, true);
    case 0xFB: return go_on();
    case 0xFC: return stop();
    default: return false;
    }
  }

  bool running() const noexcept { return running_; }
  /// The position that the next clock plays, if running.
  std::uint32_t next() const noexcept { return next_; }
  /// A clock was played since the latest Start, Continue or F2; it played next() - 1.
  bool played() const noexcept { return played_; }
  /// Nothing moved the position since a Start, or since the beginning of the stream.
  bool at_start() const noexcept { return at_start_; }

  friend bool operator==(const song_transport& a, const song_transport& b) noexcept {
    return a.running_ == b.running_ && a.next_ == b.next_;
  }

private:
  bool locate(std::uint32_t position, bool at_start) noexcept {
    next_ = position;
    played_ = false;
    at_start_ = at_start;
    return true;
  }
  bool advance() noexcept {
    if (!running_)
      return false;
    next_ = (next_ + 1) % modulus;
    played_ = true;
    at_start_ = false;
    return true;
  }
  bool go_on() noexcept {
    auto changes = !running_ || played_;
    running_ = true;
    played_ = false;
    at_start_ = false;
    return changes;
  }
  bool stop() noexcept {
    auto changes = running_;
    running_ = false;
    return changes;
  }

  bool running_ = false;
  bool played_ = false;
  bool at_start_ = true;
  std::uint32_t next_ = 0;
};

} // namespace tutti::protocol
