// One channel of a journal sender: which commands the peer may have missed, and the little of the
// session that their chapters need.
// Decides: which chapters the channel's journal has and every bit in them.
// Leaves: which channels and chapters have room (journal_sender).
// Spec: RFC 6295 section 5.3 and appendix A; tools: value, with count for channel modes and toggle
// for the pedals that damp. Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/journal/channel_chapters.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/parameter_chapter.hpp"
#include "protocol/journal/recent_list.hpp"
#include "protocol/midi_state.hpp"
#include "protocol/parameter_state.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tutti::protocol {

/// What the bits of a journal depend on besides the history.
struct journal_moment {
  std::uint32_t previous = 0;   ///< packet I-1: what concerns it has S=0
  std::uint32_t young_from = 0; ///< packets whose notes are still worth playing
};

class channel_history {
public:
  void record(const ump& message, std::uint32_t sequence);
  /// A Reset State command: nothing before it is active.
  void reset() noexcept;

  bool empty() const noexcept { return contents() == 0; }
  /// Chapters that there is something for (toc::p to toc::a). N implies E, if E is needed.
  std::uint8_t contents() const noexcept;
  /// Chapter C holds a channel mode message (120 to 127): what follows builds on it.
  bool has_mode_message() const noexcept { return modes_in_history_ > 0; }
  /// Chapter M tells of another parameter being selected: what is entered next builds on it.
  bool has_selection() const noexcept { return selection_in_history_; }
  /// Packet of the oldest command in the history; only if not empty().
  std::uint32_t oldest() const noexcept;

  /// Brings the coded chapters up to date for this packet's journal. To be called before the next
  /// four; nearly free if nothing changed.
  void refresh(const journal_moment& moment);
  /// Octets of the chapter journal with all chapters.
  std::size_t coded_size() const noexcept { return channel_header_size + coded_.size(); }
  /// Octets of one chapter; of N with its E.
  std::size_t chapter_size(std::uint8_t chapter) const noexcept;
  /// Writes the channel journal with all chapters to the front of `room`, which is large enough,
  /// and gives its S. Its size must be one that LENGTH can tell.
  bool write(std::uint8_t channel, std::span<std::uint8_t> room) const noexcept;
  /// The same with the chapters in `wanted` only, of which E goes with N.
  bool write_some(std::uint8_t channel, std::uint8_t wanted, byte_writer& writer) const;

  /// The journal of the packet before `sequence` left these chapters out: what they hold now is
  /// only acknowledged with packet `sequence` or a later one.
  void hold(std::uint8_t chapters, std::uint32_t sequence) noexcept;
  bool has_holds() const noexcept { return held_ != 0; }

  /// The peer has everything up to `sequence`, except for what is held for later.
  void drop_through(std::uint32_t sequence) noexcept;

  std::size_t memory() const noexcept;

private:
  using note_set = std::array<std::uint64_t, 2>; ///< a bit for each note
  struct single_command {
    bool present = false;
    std::uint16_t value = 0;
    std::uint32_t sequence = 0;
  };
  struct overlapping_note {
    std::uint8_t note = 0;
    std::uint8_t count = 0; ///< 2 or more Note Ons that are down
  };
  /// How Chapter C tells of a controller.
  enum class coding_of : std::uint8_t { value, pedal, toggle_only, mode };
  static constexpr std::array<std::uint8_t, 3> pedals = {64, 66, 69};
  /// A release velocity that Chapter E need not tell.
  static constexpr std::uint8_t default_release_velocity = 64;

  void note_on(std::uint8_t note, std::uint8_t velocity, std::uint32_t sequence);
  void note_off(std::uint8_t note, std::uint8_t velocity, std::uint32_t sequence);
  void control_change(std::uint8_t number, std::uint8_t value, std::uint32_t sequence);
  void mode_message(std::uint8_t number, std::uint8_t value, std::uint32_t sequence);
  void program_change(std::uint8_t program, std::uint32_t sequence);
  void end_all_notes() noexcept;
  void reset_controllers(std::uint32_t sequence);
  void turn_pedal(std::size_t pedal, bool on) noexcept;
  bool is_down(std::uint8_t note) const noexcept {
    return (held_notes_[note >> 6 & 1] >> (note & 63) & 1) != 0;
  }
  std::uint8_t note_count(std::uint8_t note) const noexcept;
  void set_note_count(std::uint8_t note, std::uint8_t count);
  bool has_parameter_history() const noexcept;
  std::span<const parameter> recent_parameters() const noexcept;

  struct coding;
  /// Chapters that may not be what coded_ has.
  std::uint8_t chapters_to_code(std::uint8_t held) const noexcept;
  void age_notes(std::uint32_t young_from) noexcept;
  std::span<const std::uint8_t> coded_chapter(std::uint8_t chapter) const noexcept;
  std::uint8_t held_chapters(const journal_moment& moment) const noexcept;
  std::uint16_t chapter_begin(std::uint8_t chapter) const noexcept;
  std::uint16_t chapter_end(std::uint8_t chapter) const noexcept;
  void encode_program(coding& out) const;
  void encode_controllers(coding& out) const;
  void encode_parameters(coding& out) const;
  static parameter_log log_of(const parameter& entry);
  std::uint8_t toggle_count(std::uint8_t pedal) const noexcept;
  void encode_wheel(coding& out) const;
  void encode_notes(coding& out) const;
  void mark_notes(bool held, std::size_t start, std::size_t logs, coding& out) const;
  static std::uint16_t put_off_bits(const note_set& offs, std::size_t logs, coding& out);
  void encode_extras(coding& out) const;
  void encode_counts(bool held, coding& out) const;
  void encode_pressure(coding& out) const;
  void encode_note_pressures(coding& out) const;

  // History.
  recent_list notes_;          ///< value: velocity, 0 for Note Off; extra: velocity of a Note Off
  note_set latest_is_on_{};    ///< of the notes in notes_; others mean nothing
  note_set has_velocity_{};    ///< likewise: a Note Off with a velocity that Chapter E tells
  recent_list controllers_;    ///< flags: coding_of
  recent_list note_pressures_; ///< flags: 1 if a CC 120 or 123 to 127 came after it
  single_command program_;
  chapter_p program_chapter_;
  single_command wheel_;
  single_command pressure_;
  bool selection_in_history_ = false;
  std::uint8_t modes_in_history_ = 0;
  bool has_parameters_before_ = false;
  std::uint32_t parameters_after_ = 0; ///< parameters with later marks are history, if the above

  // Of the session, or since the latest Reset State command.
  parameter_state parameters_;
  note_set held_notes_{}; ///< bit set: one Note On is down, or more
  std::vector<overlapping_note> overlaps_;
  std::array<std::uint8_t, 8> mode_counts_{};   ///< of CC 120 to 127
  std::array<std::uint8_t, 3> toggle_counts_{}; ///< of the pedals
  std::uint8_t pedals_on_ = 0;                  ///< bit per pedal
  bool has_bank_ = false;
  bool bank_is_old_ = false;
  std::uint8_t bank_msb_ = 0;
  std::uint8_t bank_lsb_ = 0;

  // Chapters that were left out of a journal, in the order of the table of contents.
  std::uint8_t held_ = 0;
  std::array<std::uint32_t, 8> held_until_{};

  // The coded chapters, all S bits set, and where those bits stand that are 0 in the journal of the
  // packet after newest_.
  std::vector<std::uint8_t> coded_;
  std::vector<std::uint16_t> recent_;
  std::array<std::uint16_t, 8> coded_ends_{}; ///< in the order of the table of contents, with E
  std::uint8_t coded_contents_ = 0;
  std::uint8_t coded_held_ = 0;
  std::uint8_t changed_ = 0xFF; ///< chapters that something happened to since
  std::uint32_t coded_newest_ = 0;
  bool coded_has_young_ = false;
  bool recent_counts_ = false;    ///< in the journal that refresh() was called for
  std::uint32_t coded_young_ = 0; ///< oldest packet whose note is coded as young
  std::uint16_t young_item_ = 0;  ///< that note's place among the notes
  std::uint16_t young_log_ = 0;   ///< and among the note logs of coded_
  std::uint32_t newest_ = 0;      ///< packet of the latest change
};

} // namespace tutti::protocol
