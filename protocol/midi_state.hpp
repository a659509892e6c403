// What a stream of MIDI 1.0 messages has set up: held notes, controllers, programs, parameters,
// transport, time code.
// Decides: what each message changes. A value is unknown until a message tells it, and again after
// a message that resets it, so that "equal" never rests on a guess at an instrument's defaults.
// Leaves: what a difference means (journal_receiver), releasing what sounds (sounding).
// Spec: MIDI 1.0 Detailed Specification; RP-015 (CC 121). Thread: values.
#pragma once

#include "protocol/event.hpp"
#include "protocol/parameter_state.hpp"
#include "protocol/song_transport.hpp"
#include "protocol/sparse_table.hpp"
#include "protocol/sysex_head.hpp"
#include "protocol/time_code.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace tutti::protocol {

/// A note that is down. Some sources start a note again before they end it; then each Note On needs
/// its own Note Off.
struct held_note {
  std::uint8_t note = 0;
  std::uint8_t velocity = 0; ///< of the latest Note On
  std::uint8_t count = 0;    ///< Note Ons without Note Off, up to 127
  std::uint32_t mark = 0;    ///< of the latest Note On
};

/// Controllers that CC 121 resets (RP-015), besides wheel, pressure and parameter selection.
constexpr bool is_reset_by_121(std::uint8_t controller) noexcept {
  return controller == 1 || controller == 11 || (controller >= 64 && controller <= 67);
}
/// CC 120 and 123 to 127: all sound or all notes off, and the modes that imply it.
constexpr bool ends_all_notes(std::uint8_t controller) noexcept {
  return controller == 120 || controller >= 123;
}

class channel_state {
public:
  static constexpr std::uint8_t unknown = 0xFF;
  static constexpr std::uint16_t unknown_wheel = 0xFFFF;
  static constexpr std::uint8_t max_count = 127;

  void note_on(std::uint8_t note, std::uint8_t velocity, std::uint32_t mark);
  /// Ends one Note On of the note. False if none is down.
  bool note_off(std::uint8_t note) noexcept;
  /// Sets the number of Note Ons that are down, from 0 to max_count, with no message.
  void hold(std::uint8_t note, std::uint8_t velocity, std::uint8_t count, std::uint32_t mark);
  void control_change(std::uint8_t controller, std::uint8_t value, std::uint32_t mark);
  void set_program(std::uint8_t value) noexcept { program_ = value; }
  void set_pressure(std::uint8_t value) noexcept { pressure_ = value; }
  void set_note_pressure(std::uint8_t note, std::uint8_t value) {
    note_pressures_.set(note, value);
  }
  void set_wheel(std::uint16_t value) noexcept { wheel_ = value; }
  /// A Reset State command: everything is unknown, no note is down.
  void reset() noexcept;

  /// Null if the note is not down.
  const held_note* held(std::uint8_t note) const noexcept;
  const std::vector<held_note>& held_notes() const noexcept { return notes_; }
  /// Bank select and the modes (124 to 127, of each pair the one in force) included; parameter
  /// controllers only while no parameter is selected.
  const sparse_table<std::uint8_t>& controllers() const noexcept { return controllers_; }
  std::uint8_t controller(std::uint8_t number) const noexcept {
    const auto* value = controllers_.find(number);
    return value != nullptr ? *value : unknown;
  }
  const sparse_table<std::uint8_t>& note_pressures() const noexcept { return note_pressures_; }
  std::uint8_t program() const noexcept { return program_; }
  std::uint8_t pressure() const noexcept { return pressure_; }
  /// 0 to 16383, 8192 in the middle.
  std::uint16_t wheel() const noexcept { return wheel_; }
  const parameter_state& parameters() const noexcept { return parameters_; }

  std::size_t memory() const noexcept;

  /// The same notes, as often, and the same values; velocities and marks do not matter.
  friend bool operator==(const channel_state& a, const channel_state& b) noexcept;

private:
  void end_all_notes() noexcept;
  void reset_controllers() noexcept;

  std::vector<held_note> notes_; ///< in no order
  sparse_table<std::uint8_t> controllers_;
  sparse_table<std::uint8_t> note_pressures_;
  parameter_state parameters_;
  std::uint16_t wheel_ = unknown_wheel;
  std::uint8_t program_ = unknown;
  std::uint8_t pressure_ = unknown;
};

/// One group's state. Channels take memory from their first message on.
class midi_state {
public:
  midi_state() = default;
  midi_state(const midi_state& other);
  midi_state& operator=(const midi_state& other);
  midi_state(midi_state&&) noexcept = default;
  midi_state& operator=(midi_state&&) noexcept = default;

  /// Takes a message in; the group is not looked at. `mark` is the caller's own (a packet number);
  /// it is kept with held notes and parameters. Constant work.
  void apply(const ump& message, std::uint32_t mark = 0);

  bool holds_notes() const noexcept;
  /// Null if nothing was ever set up on the channel (0 to 15).
  const channel_state* channel(unsigned number) const noexcept { return channels_[number].get(); }
  /// For repairs; made if need be.
  channel_state& channel_for_change(unsigned number);

  static constexpr std::uint8_t unknown_song = 0xFF;
  std::uint8_t song() const noexcept { return song_; }
  const song_transport& transport() const noexcept { return transport_; }
  const protocol::time_code& time_code() const noexcept { return time_code_; }
  void set_time_code(const protocol::time_code& value) noexcept { time_code_ = value; }

  /// Octets that this object holds on the heap.
  std::size_t memory() const noexcept;

  friend bool operator==(const midi_state& a, const midi_state& b) noexcept;

private:
  void apply_voice(const ump& message, std::uint32_t mark);
  void apply_system(const ump& message) noexcept;
  void apply_sysex(const ump& chunk) noexcept;
  void reset_channels() noexcept;

  std::array<std::unique_ptr<channel_state>, 16> channels_;
  sysex_head sysex_;
  song_transport transport_;
  protocol::time_code time_code_;
  std::uint8_t song_ = unknown_song;
};

} // namespace tutti::protocol
