// Events to RTP-MIDI lists: the part of a packet that is the same for every peer it goes to.
// Decides: which events share a packet, deltas, how a long SysEx is cut into segments.
// Leaves: RTP header, sequence number and journal, which differ per peer (session/rtp_sender).
// Spec: RFC 6295 sections 3 and 3.2. Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/event.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace tutti::protocol {

/// Ticks of the session clock: hub time in units of 100 µs. CK and RTP timestamps both use it.
constexpr std::uint64_t clock_ticks(hub_time at) noexcept {
  return static_cast<std::uint64_t>(at.time_since_epoch().count()) / 100'000;
}
inline constexpr std::chrono::nanoseconds clock_tick{100'000};

/// Most octets of a list: leaves room for headers and a journal in a packet of 1400 octets.
inline constexpr std::size_t max_list_octets = 1000;

/// One list and the events it codes.
struct midi_list {
  std::uint32_t offset = 0; ///< into midi_lists::octets
  std::uint32_t size = 0;
  std::uint32_t timestamp = 0; ///< low 32 bits of clock_ticks of the first command
  std::uint32_t duration = 0;  ///< ticks from the first command to the last
  std::uint32_t first_event = 0;
  std::uint32_t event_count = 0;
};

/// The lists of one batch, in order.
struct midi_lists {
  std::vector<std::uint8_t> octets;
  std::vector<midi_list> lists;

  byte_view view(const midi_list& list) const noexcept {
    return byte_view(octets).subspan(list.offset, list.size);
  }
  void clear() noexcept {
    octets.clear();
    lists.clear();
  }
};

/// Writes the events as lists: a new one where an event starts one in its source, and where
/// `limit` octets (16 at least) would be passed. Every command has its status octet: some peers do
/// not know running status. MIDI 2.0 messages and statuses that MIDI 1.0 does not define have no
/// RTP-MIDI form and are left out.
void encode_lists(std::span<const event> events, midi_lists& out,
                  std::size_t limit = max_list_octets);

} // namespace tutti::protocol
