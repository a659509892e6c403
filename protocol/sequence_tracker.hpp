// Which packets of an RTP stream are new, doubled, late or missing.
// Decides: the place of every packet in the stream's 32-bit numbering, what was lost before it, and
// when a peer has begun to number anew.
// Leaves: what to do about a loss (journal_receiver), forgetting a stream whose SSRC changed.
// Spec: RFC 3550 appendix A.1 (probation after a jump); RFC 6295 section 4. Thread: values.
#pragma once

#include <cstdint>

namespace tutti::protocol {

/// a was sent before b, both in the extended numbering of one stream (serial number arithmetic).
constexpr bool precedes(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) < 0;
}

enum class arrival_kind : std::uint8_t {
  first,     ///< of the stream, or of a new numbering: repair, then play
  next,      ///< in order: play
  gap,       ///< packets are missing before it: repair, then play
  duplicate, ///< was here before: drop
  late,      ///< counted as lost before, its loss is repaired: drop
  suspect,   ///< a jump that no loss explains: drop, and see what comes next
};

/// Where a packet stands in its stream.
struct packet_arrival {
  arrival_kind kind = arrival_kind::first;
  std::uint32_t sequence = 0; ///< extended; the low 16 bits are those of the packet
  std::uint32_t lost = 0;     ///< packets missing between the highest one so far and this one

  /// To be repaired (if something is missing) and played.
  constexpr bool accepted() const noexcept { return kind <= arrival_kind::gap; }
};

struct sequence_counters {
  std::uint64_t received = 0;  ///< accepted packets
  std::uint64_t lost = 0;      ///< missing when a later one came; those that come late included
  std::uint64_t duplicate = 0; ///< came twice
  std::uint64_t late = 0;      ///< came after the gap they left was repaired
  std::uint64_t suspect = 0;   ///< dropped because of a jump in the numbering
  std::uint64_t restarts = 0;  ///< jumps that turned out to be a new numbering
};

/// One per SSRC. Constant work, no memory but its own.
class sequence_tracker {
public:
  /// A number this far away, either way, is a jump and not a loss (packets).
  static constexpr std::uint32_t max_jump = 3000;

  /// Takes the number of a packet. The first one starts the stream at 65536 + number, so that
  /// numbers shortly before it exist too.
  packet_arrival on_packet(std::uint16_t number) noexcept;

  bool started() const noexcept { return started_; }
  /// Extended number of the newest accepted packet; only after started().
  std::uint32_t highest() const noexcept { return highest_; }
  const sequence_counters& counters() const noexcept { return counters_; }

private:
  packet_arrival start_at(std::uint32_t sequence) noexcept;
  packet_arrival advance_to(std::uint32_t sequence) noexcept;
  packet_arrival judge_old(std::uint32_t sequence) noexcept;
  packet_arrival judge_jump(std::uint16_t number, std::uint32_t sequence) noexcept;

  bool started_ = false;
  bool on_probation_ = false;
  std::uint16_t expected_after_jump_ = 0;
  std::uint32_t highest_ = 0;
  std::uint64_t seen_ = 0; ///< bit n: packet highest_ - n was accepted or came late
  sequence_counters counters_;
};

} // namespace tutti::protocol
