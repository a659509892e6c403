// The RTP-MIDI packet: RTP header, command section header, MIDI list, and where the journal lies.
// Decides: what the bytes mean and how they are written.
// Leaves: sequence numbers and SSRCs (session_engine), journal contents (journal/), the events that
// the commands become (event_decoder).
// Spec: RFC 3550 section 5.1; RFC 6295 sections 2.1 and 3. Thread: pure functions.
//
//    V=2 P X CC | M PT=97 | sequence number | timestamp | SSRC      12 octets
//    B J Z P LEN(4 or 12)                                            command section header
//    [delta 0] command 0, delta 1, command 1 ...                     MIDI list, LEN octets
//    journal                                                         to the end, if J
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <cstdint>

namespace tutti::protocol {

inline constexpr std::size_t rtp_header_size = 12;
/// All AppleMIDI sessions use this payload type; there is no negotiation.
inline constexpr std::uint8_t rtp_midi_payload_type = 97;
/// Most octets that a command section's LEN can tell.
inline constexpr std::size_t max_midi_list = 4095;

struct rtp_header {
  bool marker = false; ///< accepted either way; always sent as 0, see encode_rtp_header
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0; ///< ticks of 100 µs
  std::uint32_t ssrc = 0;

  friend bool operator==(const rtp_header&, const rtp_header&) = default;
};

/// A packet taken apart; the views point into the datagram.
struct rtp_packet {
  rtp_header header;
  bool first_delta = false; ///< Z: the list starts with a delta time
  bool phantom = false;     ///< P: the first status was absent in the source stream
  bool has_journal = false; ///< J
  byte_view list;           ///< LEN octets of deltas and commands
  byte_view journal;        ///< what follows the list; empty without J
};

/// Takes a datagram apart. CSRCs, an extension and padding are skipped. Refused: version, payload
/// type, padding, a LEN that passes the end, anything cut off. Octets after the list without J are
/// ignored.
decoded<rtp_packet> decode_rtp_packet(byte_view datagram);

/// Writes the 12 octets, with M=0 even when commands follow: rtpMIDI on Windows reads no other.
void encode_rtp_header(const rtp_header& header, byte_writer& writer);

/// Writes the section header for a list of `length` octets (at most max_midi_list), Z=0 and P=0;
/// one octet up to 15, else two.
void encode_section_header(std::size_t length, bool has_journal, byte_writer& writer);

enum class command_kind : std::uint8_t {
  midi,         ///< a channel, System Common or System Real-Time command, with all its data
  sysex,        ///< F0 .. F7, whole
  sysex_first,  ///< F0 .. F0
  sysex_middle, ///< F7 .. F0
  sysex_last,   ///< F7 .. F7, or with a tail of F5 ("dropped F7")
  sysex_cancel, ///< F7 F4
  undefined,    ///< F4 .. F7, F5 .. F7, F9 or FD: nobody gave them a meaning; to be dropped
};

/// One command of a MIDI list.
struct midi_command {
  command_kind kind = command_kind::midi;
  std::uint32_t delta = 0;       ///< as written, modulo 2^32 ticks
  std::uint8_t delta_octets = 0; ///< 0 for a first command with Z=0
  std::uint32_t offset = 0;      ///< ticks since the packet's timestamp; never decreases in a list
  std::uint8_t status = 0;       ///< running status filled in; F0 or F7 for SysEx
  bool running = false;          ///< the status octet was left out
  bool dropped_f7 = false;       ///< SysEx whose source had no F7 (tail F5)
  byte_view data;                ///< data octets, without status, SysEx head and tail
};

/// Reads a MIDI list one command at a time (RFC 6295 section 3). It never goes back and never
/// passes the end of the list; after an error there are no more commands.
///
///     command_list_reader reader(packet.list, packet.first_delta);
///     for (midi_command command; reader.next(command);)
///       ...
///     if (reader.failed()) count(reader.error());
class command_list_reader {
public:
  command_list_reader(byte_view list, bool first_delta) noexcept
      : rest_(list)
      , delta_expected_(first_delta) {}

  /// False at the end of the list, after a trailing delta, and on the first rule that is broken.
  bool next(midi_command& command) noexcept;

  bool failed() const noexcept { return failed_; }
  /// Only after failed().
  decode_error error() const noexcept { return error_; }

private:
  bool stop(decode_error error) noexcept;
  bool read_delta(midi_command& command) noexcept;
  bool read_data(midi_command& command, std::size_t count) noexcept;
  bool read_sysex(midi_command& command) noexcept;
  bool read_undefined(midi_command& command) noexcept;

  byte_view rest_;
  bool delta_expected_;
  std::int64_t sum_ = 0; ///< of all deltas; a negative one may take it below offset_
  std::uint32_t offset_ = 0;
  std::uint8_t running_status_ = 0;
  bool failed_ = false;
  decode_error error_ = decode_error::truncated;
};

/// A delta time as read: 1 to 5 octets. Five octets hold a negative delta modulo 2^32, as some
/// sender writes it; see command_list_reader, which clamps it to "same time".
struct delta_time {
  std::uint32_t value = 0;
  std::uint8_t octets = 0;

  friend bool operator==(const delta_time&, const delta_time&) = default;
};

/// Reads the delta time at the start of `bytes`.
decoded<delta_time> decode_delta_time(byte_view bytes) noexcept;

/// Writes a delta time in as few octets as it needs; values above 2^28-1 ticks are written as that.
void encode_delta_time(std::uint32_t ticks, byte_writer& writer) noexcept;

} // namespace tutti::protocol
