// MIDI Time Code as a stream tells it: the last whole time, and the quarter frames since.
// Decides: when eight quarter frames make a time, and which series are against the rules.
// Leaves: full-frame SysEx recognition (sysex_head). Spec: MIDI Time Code 4.2.1; RFC 6295 appendix
// B.4, whose Chapter F codes exactly this state. Thread: values.
#pragma once

#include <array>
#include <cstdint>

namespace tutti::protocol {

/// Hours (bits 5 and 6: frame rate), minutes, seconds, frames: as in the full-frame message.
struct time_of_code {
  std::uint8_t hours = 0;
  std::uint8_t minutes = 0;
  std::uint8_t seconds = 0;
  std::uint8_t frames = 0;

  friend bool operator==(const time_of_code&, const time_of_code&) = default;
};

/// The time `count` frames later (or earlier, if negative), by the rate in the hours.
time_of_code shifted(time_of_code time, int count) noexcept;

/// The data nibble of quarter frame `piece` (0..7) for a time.
std::uint8_t quarter_frame_nibble(const time_of_code& time, unsigned piece) noexcept;

class time_code {
public:
  enum class series : std::uint8_t {
    none,    ///< no quarter frame since the last whole time
    forward, ///< pieces 0 to point() came, in this order
    reverse, ///< pieces 7 to point() came, in this order
    illegal, ///< pieces came in an order that means nothing
  };

  /// F1: `data` is the piece (bits 4 to 6) and its nibble. A series that ends forward gives the
  /// time two frames later, which is when its last piece is heard.
  void apply_quarter_frame(std::uint8_t data) noexcept;
  void apply_full_frame(const time_of_code& time) noexcept;
  /// As if a whole series had just told this time.
  void set_time_from_quarter_frames(const time_of_code& time) noexcept;

  bool has_time() const noexcept { return has_time_; }
  const time_of_code& time() const noexcept { return time_; }
  /// The time came as quarter frames (Q of Chapter F), not as a full frame.
  bool from_quarter_frames() const noexcept { return from_quarter_frames_; }

  series progress() const noexcept { return progress_; }
  bool in_series() const noexcept {
    return progress_ == series::forward || progress_ == series::reverse;
  }
  /// Latest piece of the unfinished series.
  std::uint8_t point() const noexcept { return point_; }
  /// Nibbles of the unfinished series; 0 where none came yet.
  const std::array<std::uint8_t, 8>& nibbles() const noexcept { return nibbles_; }

  /// By what a slave knows; how it was told the time does not matter, as a repair may tell with a
  /// full frame what the source told with quarter frames.
  friend bool operator==(const time_code& a, const time_code& b) noexcept {
    return a.has_time_ == b.has_time_ && a.time_ == b.time_ && a.progress_ == b.progress_ &&
           a.point_ == b.point_ && a.nibbles_ == b.nibbles_;
  }

private:
  void begin(series direction, std::uint8_t piece, std::uint8_t nibble) noexcept;
  void finish() noexcept;

  bool has_time_ = false;
  bool from_quarter_frames_ = false;
  series progress_ = series::none;
  std::uint8_t point_ = 0;
  time_of_code time_;
  std::array<std::uint8_t, 8> nibbles_{};
};

} // namespace tutti::protocol
