// Registered and non-registered parameters (RPN, NRPN) of one channel: which one is selected, and
// what was entered into each.
// Decides: what the eight controllers 6, 38 and 96 to 101 mean together.
// Leaves: the same controllers as general ones when no parameter is selected (midi_state).
// Spec: MIDI 1.0 Detailed Specification, "Registered and Non-Registered Parameter Numbers"; RFC
// 6295 appendix A.4, whose Chapter M codes exactly this state. Thread: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

/// Controllers that belong to a transaction while a parameter is selected, and those that select.
constexpr bool is_parameter_data(std::uint8_t controller) noexcept {
  return controller == 6 || controller == 38 || controller == 96 || controller == 97;
}
constexpr bool is_parameter_select(std::uint8_t controller) noexcept {
  return controller >= 98 && controller <= 101;
}

enum class parameter_kind : std::uint8_t { none, registered, non_registered };

/// What the next Data Entry goes to. The null parameter (127, 127), CC 121 and a reset select none.
struct parameter_selection {
  parameter_kind kind = parameter_kind::none;
  bool pending = false; ///< the latest was an MSB whose LSB has not come
  std::uint8_t msb = 0;
  std::uint8_t lsb = 0; ///< 0 if none came since nothing, or another kind, was selected

  friend bool operator==(const parameter_selection&, const parameter_selection&) = default;
};

/// One parameter that was selected or set.
struct parameter {
  static constexpr std::uint8_t none = 0xFF;

  parameter_kind kind = parameter_kind::registered;
  std::uint8_t msb = 0;
  std::uint8_t lsb = 0;
  std::uint8_t entry_msb = none; ///< latest CC 6
  std::uint8_t entry_lsb = none; ///< latest CC 38, unless a CC 6 came after it
  bool entry_msb_is_old = false; ///< a CC 121 came after it; so too for the next ones (X in M)
  bool entry_lsb_is_old = false;
  bool buttons_are_old = false;
  std::int16_t buttons = 0;       ///< CC 96 minus CC 97 since the latest CC 6 or 38
  std::int16_t fresh_buttons = 0; ///< the same, but only since the latest CC 121
  std::uint32_t mark = 0;         ///< of the latest command for this parameter

  bool has_value() const noexcept { return entry_msb != none || entry_lsb != none || buttons != 0; }
  bool same_number(const parameter& other) const noexcept {
    return kind == other.kind && msb == other.msb && lsb == other.lsb;
  }
  bool same_value(const parameter& other) const noexcept {
    return entry_msb == other.entry_msb && entry_lsb == other.entry_lsb && buttons == other.buttons;
  }
};

class parameter_state {
public:
  /// Most parameters kept per channel; the one that was unused for longest is forgotten first.
  static constexpr std::size_t max_parameters = 64;
  /// Buttons are counted up to this, either way (14 bits in Chapter M).
  static constexpr std::int16_t max_buttons = 16383;

  /// Takes a Control Change. False if it is none of ours: another controller, or data while no
  /// parameter is selected.
  bool apply(std::uint8_t controller, std::uint8_t value, std::uint32_t mark);
  /// CC 121: nothing is selected; values stay.
  void reset_controllers() noexcept;
  void clear() noexcept;

  const parameter_selection& selection() const noexcept { return selection_; }
  /// The packet of the latest selecting command, null included.
  std::uint32_t selection_mark() const noexcept { return selection_mark_; }
  /// In the order of their latest command, oldest first.
  const std::vector<parameter>& parameters() const noexcept { return parameters_; }
  const parameter* find(parameter_kind kind, std::uint8_t msb, std::uint8_t lsb) const noexcept;
  /// The selected parameter, null if none is selected or it has no entry.
  const parameter* selected() const noexcept {
    return find(selection_.kind, selection_.msb, selection_.lsb);
  }

  std::size_t memory() const noexcept { return parameters_.capacity() * sizeof(parameter); }

  /// The same selection and the same values.
  friend bool operator==(const parameter_state& a, const parameter_state& b) noexcept;

private:
  void select(std::uint8_t controller, std::uint8_t value, std::uint32_t mark);
  void enter(std::uint8_t controller, std::uint8_t value, std::uint32_t mark);
  parameter& touch(std::uint32_t mark);

  parameter_selection selection_;
  bool provisional_ = false; ///< the last entry is there for a pending MSB alone
  std::uint32_t selection_mark_ = 0;
  std::vector<parameter> parameters_;
};

} // namespace tutti::protocol
