// MIDI commands of RTP-MIDI lists to events; SysEx segments to UMP chunks as they come.
// Decides: which chunk is a start, a middle or an end; when an open SysEx is cancelled.
// Leaves: reading the list (rtp_packet), time (the caller gives each command's hub time).
// Spec: RFC 6295 sections 3.2 and 3; M2-104-UM section 7.7. Thread: values.
#pragma once

#include "protocol/event.hpp"
#include "protocol/rtp_packet.hpp"

#include <vector>

namespace tutti::protocol {

/// What an RTP-MIDI stream did against the rules, apart from broken lists.
struct event_decoder_counters {
  std::uint64_t orphan_segments = 0;    ///< SysEx middle, last or cancel with none open
  std::uint64_t abandoned_sysex = 0;    ///< open SysEx cut short by a new one or a broken list
  std::uint64_t undefined_commands = 0; ///< F4, F5, F9, FD: have no meaning and are dropped
};

/// One per stream; keeps the open SysEx between packets.
class event_decoder {
public:
  /// Appends the events of one command. `starts_list` marks the first of them.
  void decode(const midi_command& command, hub_time at, bool starts_list, std::vector<event>& out);

  /// The stream broke off: an open SysEx can never be whole and is cancelled.
  void abandon(hub_time at, bool starts_list, std::vector<event>& out);
  /// A loss ended the open SysEx, and its `cancelled` chunk is out already: forget it.
  void forget() noexcept { open_ = false; }
  /// A repair has begun a SysEx whose further segments may come.
  void reopen() noexcept { open_ = true; }

  bool in_sysex() const noexcept { return open_; }
  const event_decoder_counters& counters() const noexcept { return counters_; }

private:
  void append_sysex(const midi_command& command, hub_time at, bool starts_list,
                    std::vector<event>& out);

  bool open_ = false;
  event_decoder_counters counters_;
};

} // namespace tutti::protocol
