// The music: note on, note off, over four octets, each message carrying its own number.
// Decides: how a number is hidden in a note message, and what counts as lost, repeated, reordered.
// Messages are told by content, because a hub may merge or split packets as it likes.
// Leaves: packets (wire), sending and receiving (peer).
// Thread: values.
#pragma once

#include "bench/end_to_end/wire.hpp"

#include <bitset>
#include <cstdint>

namespace tutti::bench {

/// Numbers repeat after so many messages; never so many are in flight.
inline constexpr std::uint64_t numbering_period = 2 * 48 * 127;
inline constexpr std::size_t note_octets = 3;

/// Writes message `number`: even ones are a Note On, each followed by its Note Off. Pairs walk
/// through 48 notes, and after each walk the velocity is one higher.
std::uint8_t* write_note(std::uint8_t* out, std::uint64_t number) noexcept;

/// Octets of a list of `messages` notes, delta times of 0 between them.
constexpr std::size_t note_list_size(std::size_t messages) noexcept {
  return messages * (note_octets + 1) - 1;
}

/// Writes `messages` notes starting at `number` as a MIDI list.
void write_note_list(std::uint8_t* out, std::uint64_t number, std::size_t messages) noexcept;

/// What one receiver heard, compared with what was played.
class stream_check {
public:
  /// Reads a MIDI list with running status and delta times, and ticks off its messages.
  void take(const midi_packet& packet) noexcept;

  /// Number of the message that is expected next.
  std::uint64_t expected() const noexcept { return expected_; }
  /// Gives up waiting: all that is missing before `number` is lost.
  void skip_to(std::uint64_t number) noexcept;

  std::uint64_t heard() const noexcept { return heard_; }
  std::uint64_t lost() const noexcept { return lost_; }
  std::uint64_t repeated() const noexcept { return repeated_; }
  std::uint64_t reordered() const noexcept { return reordered_; }
  /// Messages that nobody played.
  std::uint64_t foreign() const noexcept { return foreign_; }
  /// Packets that held at least one message.
  std::uint64_t packets() const noexcept { return packets_; }

private:
  void take_message(std::uint8_t status, std::uint8_t data1, std::uint8_t data2) noexcept;
  void take_number(std::uint64_t folded) noexcept;

  std::uint64_t expected_ = 0;
  std::uint64_t heard_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t repeated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t packets_ = 0;
  std::bitset<numbering_period> missing_; ///< by number modulo the period
};

} // namespace tutti::bench
