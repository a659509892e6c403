// Numbers of MIDI as people write them: 36, "C2", "1-4", "F0 41 10 ??".
// Decides: their grammar. C4 is note 60; channels and groups count from 1.
// Leaves: what they select (read_rule).
// Thread: pure functions.
#pragma once

#include "config/json_reader.hpp"
#include "config/rule.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace tutti::config {

/// What a number counts, which gives its range.
enum class number_kind : std::uint8_t {
  channel, ///< channels and groups: written 1 to 16, meaning 0 to 15
  data,    ///< 0 to 127
  note,    ///< 0 to 127, or a name from C-1 to G9 with # or b
};

/// "a channel from 1 to 16 ..." for mistakes.
const char* describe_number(number_kind kind) noexcept;

/// Reads one number, whole text.
std::optional<int> parse_number(std::string_view text, number_kind kind);

/// Reads `number` or `number-number`, ascending.
std::optional<std::pair<int, int>> parse_range(std::string_view text, number_kind kind);

/// A number in JSON: a whole number or text. Refused with a mistake: nothing.
std::optional<int> read_number(const json_reader& place, number_kind kind);

/// Numbers and ranges in JSON: one of them or a list. Refused items are mistakes and left out.
value_set read_numbers(const json_reader& place, number_kind kind);

/// Octets of a System Exclusive message: hex pairs, `??` for any, with or without F0 and F7 around
/// them, blanks where one likes. A final `*` sets `rest`.
struct octets_read {
  octet_pattern octets;
  bool rest = false;
};
std::optional<octets_read> parse_octets(std::string_view text);

} // namespace tutti::config
