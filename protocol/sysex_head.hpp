// The few SysEx messages that a MIDI stream's state depends on, recognised as their chunks pass.
// Decides: which messages reset an instrument, and which is MTC's full frame.
// Spec: MIDI 1.0 Universal System Exclusive; RFC 6295 appendix A.1 ("Reset State commands").
// Thread: values.
#pragma once

#include "protocol/event.hpp"
#include "protocol/time_code.hpp"

#include <array>
#include <cstdint>

namespace tutti::protocol {

enum class sysex_meaning : std::uint8_t {
  unfinished, ///< more chunks are to come
  other,      ///< whole, and of no concern to the state
  reset,      ///< whole: General MIDI or DLS switched on or off
  full_frame, ///< whole: MTC full frame, see time()
  cancelled,
};

/// Keeps the first octets of the SysEx that passes. One per stream.
class sysex_head {
public:
  sysex_meaning take(const ump& chunk) noexcept {
    auto form = chunk.form();
    if (form == sysex_form::complete || form == sysex_form::start)
      count_ = 0;
    for (unsigned i = 0; i < chunk.sysex_size(); ++i, ++count_)
      if (count_ < octets_.size())
        octets_[count_] = chunk.sysex_octet(i);
    if (form == sysex_form::cancelled)
      return sysex_meaning::cancelled;
    if (form == sysex_form::start || form == sysex_form::proceed)
      return sysex_meaning::unfinished;
    return is_reset()        ? sysex_meaning::reset
           : is_full_frame() ? sysex_meaning::full_frame
                             : sysex_meaning::other;
  }

  /// Of a full frame.
  time_of_code time() const noexcept { return {octets_[4], octets_[5], octets_[6], octets_[7]}; }

private:
  bool is_reset() const noexcept {
    if (count_ != 4 || octets_[0] != 0x7E)
      return false;
    auto general_midi = octets_[2] == 0x09 && (octets_[3] <= 0x01 || octets_[3] == 0x03);
    auto dls = octets_[2] == 0x0A && (octets_[3] == 0x01 || octets_[3] == 0x02);
    return general_midi || dls;
  }
  bool is_full_frame() const noexcept {
    return count_ == 8 && octets_[0] == 0x7F && octets_[2] == 0x01 && octets_[3] == 0x01;
  }

  std::array<std::uint8_t, 8> octets_{};
  std::uint32_t count_ = 0;
};

} // namespace tutti::protocol
