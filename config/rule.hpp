// Rules and scenes as the operator wrote them: who is heard where, and what happens on the way.
// Decides: the rule language's content; config/README.md tells it to users.
// Leaves: reading it (read_rule), making routes of it (actors/routing).
// Numbers: channels and groups 0 to 15 here, 1 to 16 in JSON; everything else 0 to 127 in both
// unless it says so. Thread: values; no shared state.
#pragma once

#include "config/name_pattern.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tutti::config {

using duration = std::chrono::nanoseconds;

// -- ports --------------------------------------------------------------------------------------

enum class port_direction : std::uint8_t {
  in,  ///< MIDI comes from it into the hub
  out, ///< MIDI goes from the hub to it
  both,
};

/// One thing that a port may be asked: everything that is given must hold.
struct port_selector {
  std::optional<name_pattern> id;
  std::optional<name_pattern> kind;    ///< rtp, alsa, jack, tcp ...
  std::optional<name_pattern> session; ///< session, client or listener that the port belongs to
  std::optional<name_pattern> name;
  std::optional<port_direction> direction;
  std::vector<port_selector> except; ///< none of these may hold

  friend bool operator==(const port_selector&, const port_selector&) = default;
};

/// A port is meant if one of `any` holds (an empty `any` holds for all) and none of `except`.
struct port_pattern {
  std::vector<port_selector> any;
  std::vector<port_selector> except;

  friend bool operator==(const port_pattern&, const port_pattern&) = default;
};

// -- filters ------------------------------------------------------------------------------------

/// Kinds of message that filters tell apart.
enum class message_kind : std::uint8_t {
  note, ///< Note On and Note Off
  poly_pressure,
  controller,
  program,
  channel_pressure,
  pitch_bend,
  sysex,
  time_code,
  song_position,
  song_select,
  tune_request,
  clock,
  start,
  resume, ///< "continue" in JSON
  stop,
  active_sensing,
  reset,
  other, ///< what MIDI 1.0 does not define
};
inline constexpr std::size_t message_kind_count = 18;
using message_kinds = std::bitset<message_kind_count>;

using channel_set = std::bitset<16>;
using value_set = std::bitset<128>;

/// Data octets of a System Exclusive message without F0 and F7; nothing stands for any octet.
using octet_pattern = std::vector<std::optional<std::uint8_t>>;

/// What is asked of a message. A criterion that is not given is not asked, and a criterion says
/// nothing about messages that lack what it speaks of (a clock has no channel). A message is meant
/// if every one that is given speaks of it and is met.
struct filter_criteria {
  std::optional<message_kinds> types;
  std::optional<channel_set> channels; ///< channel messages
  std::optional<channel_set> groups;   ///< all UMP messages that have a group
  std::optional<value_set> notes;      ///< notes and poly pressure
  std::optional<value_set> velocities; ///< Note On; its Note Off follows it
  std::optional<value_set> controllers;
  std::optional<value_set> programs;
  std::optional<value_set> values;  ///< controllers, pressures, pitch bend by its upper seven bits
  std::vector<octet_pattern> sysex; ///< System Exclusive that starts like one of these

  friend bool operator==(const filter_criteria&, const filter_criteria&) = default;
};

/// Passes what meets every criterion of `include` that speaks of it, unless one of `exclude` means
/// it.
struct filter {
  filter_criteria include;
  std::vector<filter_criteria> exclude;

  friend bool operator==(const filter&, const filter&) = default;
};

// -- transforms ---------------------------------------------------------------------------------

/// How a value of 0 to 127 becomes another one: fixed, or else inverted, curved, scaled, shifted
/// and limited, in this order; rounded to the nearest.
struct value_map {
  std::optional<int> fixed;
  bool invert = false; ///< 127 minus the value
  /// y = x^gamma on the range 0 to 1; below 1 lifts, above 1 lowers. 0.05 to 20.
  double gamma = 1;
  /// Instead of gamma: straight lines between these, by ascending first number; flat outside.
  std::vector<std::pair<int, int>> points;
  double scale = 1; ///< 0 to 100
  int offset = 0;   ///< -127 to 127
  int lowest = 0;
  int highest = 127;

  friend bool operator==(const value_map&, const value_map&) = default;
};

/// Each channel to one, several or none.
struct channel_map {
  std::array<channel_set, 16> targets;
  friend bool operator==(const channel_map&, const channel_map&) = default;
};

/// Notes and poly pressure, up or down; what leaves 0 to 127 is dropped.
struct transposition {
  int semitones = 0; ///< -127 to 127
  friend bool operator==(const transposition&, const transposition&) = default;
};

/// A number to another one, or to none (dropped).
using number_map = std::array<std::optional<std::uint8_t>, 128>;

/// Notes and poly pressure, note by note.
struct note_map {
  number_map to;
  friend bool operator==(const note_map&, const note_map&) = default;
};

/// Velocity of Note On; never becomes 0.
struct velocity_map {
  value_map value;
  friend bool operator==(const velocity_map&, const velocity_map&) = default;
};

/// Controller numbers.
struct controller_map {
  number_map to;
  friend bool operator==(const controller_map&, const controller_map&) = default;
};

/// Values of some controllers.
struct controller_value_map {
  value_set controllers;
  value_map value;
  friend bool operator==(const controller_value_map&, const controller_value_map&) = default;
};

/// Notes become a controller.
struct note_to_controller {
  value_set notes;
  std::uint8_t controller = 0;
  std::optional<std::uint8_t> on;  ///< value for Note On; nothing: the velocity
  std::optional<std::uint8_t> off; ///< value for Note Off; nothing: none is sent
  friend bool operator==(const note_to_controller&, const note_to_controller&) = default;
};

/// A controller becomes a note: on at `threshold` and above, off below it.
struct controller_to_note {
  std::uint8_t controller = 0;
  std::uint8_t note = 0;
  std::optional<std::uint8_t> velocity; ///< 1 to 127; nothing: the controller's value
  std::uint8_t threshold = 64;          ///< 1 to 127
  friend bool operator==(const controller_to_note&, const controller_to_note&) = default;
};

/// Program changes by number and, if given, by the bank in force (0 to 16383, MSB * 128 + LSB).
/// The first entry that fits decides; what none fits passes unchanged.
struct program_map {
  struct entry {
    std::uint8_t first = 0, last = 127; ///< programs that it fits
    std::optional<std::uint16_t> bank;
    std::optional<std::uint8_t> to;       ///< nothing with `drop` unset: the same program
    std::optional<std::uint16_t> to_bank; ///< sent as controllers 0 and 32 before the program
    bool drop = false;
    friend bool operator==(const entry&, const entry&) = default;
  };
  std::vector<entry> entries;
  friend bool operator==(const program_map&, const program_map&) = default;
};

/// Pitch bend from one range to another, so that it sounds the same; limited at the ends.
struct bend_range {
  double from = 2; ///< semitones that the source means, 0.01 to 96
  double to = 2;   ///< semitones that the destination is set to
  friend bool operator==(const bend_range&, const bend_range&) = default;
};

/// Splits and layers: each note goes to every zone that holds it; notes in no zone are dropped.
/// Other channel messages go to the channels of all zones.
struct zones {
  struct zone {
    value_set notes;
    value_set velocities;
    std::optional<std::uint8_t> channel; ///< nothing: the one it came on
    int transpose = 0;
    friend bool operator==(const zone&, const zone&) = default;
  };
  std::vector<zone> list; ///< 1 to 16
  friend bool operator==(const zones&, const zones&) = default;
};

struct pressure_to_controller {
  std::uint8_t controller = 0;
  value_map value;
  friend bool operator==(const pressure_to_controller&, const pressure_to_controller&) = default;
};

struct controller_to_pressure {
  std::uint8_t controller = 0;
  value_map value;
  friend bool operator==(const controller_to_pressure&, const controller_to_pressure&) = default;
};

/// System Exclusive that fits `find` becomes `replace`, in which the n-th any-octet stands for the
/// n-th one of `find`.
struct sysex_replacement {
  octet_pattern find;
  bool find_rest = false; ///< more octets may follow `find` ("*")
  octet_pattern replace;
  bool replace_rest = false; ///< those octets follow `replace`
  friend bool operator==(const sysex_replacement&, const sysex_replacement&) = default;
};

/// Controllers, programs, pressures and bends that repeat the last value are dropped; with a
/// window, only those that follow within it, and then doubled notes as well.
struct duplicate_drop {
  std::optional<duration> window;
  friend bool operator==(const duplicate_drop&, const duplicate_drop&) = default;
};

/// At most one value per interval for each controller (and pressure and bend); the last one is kept
/// and sent when the interval is over.
struct rate_limit {
  duration interval{0}; ///< 100 µs to 60 s
  value_set controllers;
  bool pressures = true;
  bool bends = true;
  friend bool operator==(const rate_limit&, const rate_limit&) = default;
};

/// Everything this much later.
struct fixed_delay {
  duration by{0}; ///< above 0, up to 10 s
  friend bool operator==(const fixed_delay&, const fixed_delay&) = default;
};

/// Everything at the source's own time plus this, which removes jitter up to it.
struct play_out {
  duration after{0}; ///< above 0, up to 1 s
  friend bool operator==(const play_out&, const play_out&) = default;
};

using transform_action =
    std::variant<channel_map, transposition, note_map, velocity_map, controller_map,
                 controller_value_map, note_to_controller, controller_to_note, program_map,
                 bend_range, zones, pressure_to_controller, controller_to_pressure,
                 sysex_replacement, duplicate_drop, rate_limit, fixed_delay, play_out>;

struct transform {
  transform_action action;
  /// Messages that it concerns; others pass it by unchanged.
  std::optional<filter_criteria> only;
  friend bool operator==(const transform&, const transform&) = default;
};

// -- rules and scenes ---------------------------------------------------------------------------

/// Most transforms of one rule.
inline constexpr std::size_t max_transforms = 32;

struct rule {
  std::string name; ///< empty: unnamed; names are unique
  bool enabled = true;
  /// -1000 to 1000. For each pair of ports only the rules of the highest priority count; all of
  /// these make routes.
  int priority = 0;
  port_pattern from;
  port_pattern to;
  bool echo = false;  ///< also from a port back to itself
  bool block = false; ///< makes no routes, and none of lower priority are made
  bool chase = false; ///< new routes begin with the source's last values
  config::filter filter;
  std::vector<transform> transforms;

  std::string text; ///< the JSON that it was read from; not compared

  /// Routes of two such rules behave alike.
  bool same_effect(const rule& other) const {
    return echo == other.echo && block == other.block && chase == other.chase &&
           filter == other.filter && transforms == other.transforms;
  }
  friend bool operator==(const rule& a, const rule& b) {
    return a.name == b.name && a.enabled == b.enabled && a.priority == b.priority &&
           a.from == b.from && a.to == b.to && a.same_effect(b);
  }
};

/// Everyone to everyone else: in force when the configuration has neither rules nor scenes.
rule default_rule();

/// A MIDI message that activates a scene. Exactly one of the three is given.
struct scene_trigger {
  port_pattern from;
  std::optional<std::uint8_t> channel; ///< nothing: any
  std::optional<std::uint8_t> program;
  std::optional<std::uint8_t> note; ///< by Note On
  std::optional<std::uint8_t> controller;
  value_set values = value_set().set(); ///< controller values that count
  bool pass = true;                     ///< the message is routed as well
  friend bool operator==(const scene_trigger&, const scene_trigger&) = default;
};

/// Rules that are in force together, in addition to the common ones.
struct scene {
  std::string name;
  std::vector<rule> rules;
  std::vector<scene_trigger> triggers;
  friend bool operator==(const scene&, const scene&) = default;
};

} // namespace tutti::config
