// MIDI 1.0 as a stream of bytes, as cables, TCP and multicast carry it, to events and back.
// Decides: running status, real-time octets inside anything, SysEx in chunks, what is dropped.
// Leaves: time (the caller stamps the events), sockets and devices (io).
// Spec: MIDI 1.0 Detailed Specification, "Data Format" and appendix "Running Status".
// Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/event.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

/// What a stream did against the rules, counted.
struct midi_stream_counters {
  std::uint64_t stray_data = 0;         ///< data octets with no status in force
  std::uint64_t undefined_status = 0;   ///< F4, F5, F9, FD
  std::uint64_t unfinished_message = 0; ///< a status came before the data was complete
  std::uint64_t cancelled_sysex = 0;    ///< a status other than real-time came inside SysEx
  std::uint64_t oversize_sysex = 0;     ///< SysEx longer than the limit; cancelled
};

/// Turns bytes into UMP messages. Keeps running status, a half-read message and an open SysEx
/// between calls, so a message may be split at any byte. SysEx comes out in chunks as it arrives.
class midi_stream_parser {
public:
  /// `sysex_limit`: data octets of one SysEx after which it is cancelled and skipped to its end.
  explicit midi_stream_parser(std::size_t sysex_limit = 1u << 20, std::uint8_t group = 0) noexcept
      : sysex_limit_(sysex_limit)
      , group_(group) {}

  /// Appends what `bytes` complete to `out`.
  void parse(byte_view bytes, std::vector<ump>& out);

  /// The source is gone: cancels an open SysEx (appended to `out`) and forgets everything else.
  void reset(std::vector<ump>& out);

  bool in_sysex() const noexcept { return in_sysex_; }
  const midi_stream_counters& counters() const noexcept { return counters_; }

private:
  void take(std::uint8_t octet, std::vector<ump>& out);
  void take_data(std::uint8_t octet, std::vector<ump>& out);
  void take_sysex_data(std::uint8_t octet, std::vector<ump>& out);
  void take_status(std::uint8_t octet, std::vector<ump>& out);
  void finish_message(std::vector<ump>& out);
  void flush_sysex(sysex_form form, std::vector<ump>& out);

  std::size_t sysex_limit_;
  std::uint8_t group_;
  std::uint8_t status_ = 0; ///< running status, or the System Common status being read
  std::uint8_t needed_ = 0; ///< data octets that status_ wants
  std::array<std::uint8_t, 6> data_{};
  std::uint8_t have_ = 0;
  bool begun_ = false; ///< a status or a data octet came, and the message is not complete
  bool in_sysex_ = false;
  bool sysex_started_ = false; ///< a chunk of the open SysEx is out already
  bool skipping_ = false;      ///< inside an oversize SysEx
  std::size_t sysex_octets_ = 0;
  midi_stream_counters counters_;
};

/// Turns UMP messages into MIDI 1.0 bytes, always with full status. Real-time may come inside a
/// SysEx; any other message inside one closes it with F7 first. Types other than 1 to 3 are
/// skipped.
class midi_stream_writer {
public:
  /// Appends the bytes of one message.
  void write(const ump& message, std::vector<std::uint8_t>& out);

  /// Closes an open SysEx with F7.
  void reset(std::vector<std::uint8_t>& out);

  bool in_sysex() const noexcept { return in_sysex_; }

private:
  void write_sysex(const ump& chunk, std::vector<std::uint8_t>& out);

  bool in_sysex_ = false;
};

} // namespace tutti::protocol
