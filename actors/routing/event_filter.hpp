// A rule's filter, compiled: which events of a source go on.
// Decides: what passes; that a Note Off passes if its Note On did, also where velocity decides;
// that System Exclusive is held back until its prefix tells. Leaves: what happens to what passes
// (transform_chain). Thread: owned by one route.
#pragma once

#include "actors/routing/channel_rows.hpp"
#include "actors/routing/message.hpp"

#include <array>
#include <bitset>
#include <optional>
#include <span>
#include <vector>

namespace tutti::routing {

/// Criteria as tables, in either of their two senses.
class compiled_criteria {
public:
  /// A filter's `include`: criteria that do not speak of a message let it pass.
  static compiled_criteria lenient(const config::filter_criteria& criteria);
  /// `exclude` and `only`: every criterion must speak of the message.
  static compiled_criteria strict(const config::filter_criteria& criteria);

  /// Whether a message meets the criteria, the SysEx prefix apart.
  bool meets(const ump& m) const noexcept;

  /// Whether System Exclusive that so far begins with `octets` meets the prefix, if that is known.
  std::optional<bool> meets_prefix(std::span<const std::uint8_t> octets,
                                   bool complete) const noexcept;

  bool asks_velocity() const noexcept { return asks_velocity_; }
  bool asks_prefix() const noexcept { return !prefixes_.empty(); }

private:
  explicit compiled_criteria(const config::filter_criteria& criteria);
  bool meets_voice(const ump& m) const noexcept;

  config::message_kinds kinds_ = config::message_kinds().set();
  std::bitset<16> channels_ = std::bitset<16>().set();
  std::bitset<16> groups_ = std::bitset<16>().set();
  config::value_set notes_ = config::value_set().set();
  config::value_set velocities_ = config::value_set().set();
  config::value_set controllers_ = config::value_set().set();
  config::value_set programs_ = config::value_set().set();
  config::value_set values_ = config::value_set().set();
  std::vector<config::octet_pattern> prefixes_;
  bool asks_velocity_ = false;
};

/// Remembers for each note whether its Note On was let through, where velocity had a say.
class note_memory {
public:
  /// What becomes of a note message, given what the criteria say of it; a Note Off forgets.
  bool decide(const ump& m, bool met);

private:
  channel_rows<std::bitset<128>, 1> passed_;
};

class event_filter {
public:
  event_filter()
      : event_filter(config::filter{}) {}
  explicit event_filter(const config::filter& filter);

  /// Appends what passes of `in` to `out`, in order.
  void process(std::span<const event> in, events& out);

private:
  /// System Exclusive of one group, between its start and its end.
  struct open_sysex {
    enum class state : std::uint8_t { closed, undecided, passing, dropped };
    state now = state::closed;
    std::array<std::uint8_t, 16> octets{};
    std::uint8_t count = 0;
    events held;
  };

  bool passes(const ump& m) const noexcept;
  bool passes_voice(const ump& m);
  void take_sysex(const event& chunk, events& out);
  open_sysex::state decide(const open_sysex& message, const ump& chunk, bool complete) const;

  compiled_criteria include_;
  std::vector<compiled_criteria> exclude_;
  bool asks_velocity_ = false;
  bool asks_prefix_ = false;
  note_memory notes_;
  std::vector<open_sysex> open_; ///< by group; empty unless a prefix is asked
};

/// A transform's `only`: which messages it concerns. No SysEx prefixes here.
class concern {
public:
  explicit concern(const config::filter_criteria& criteria)
      : criteria_(compiled_criteria::strict(criteria)) {}

  /// Which ways a message goes. Note Off goes every way that a Note On of its key went, which with
  /// velocities and a key struck twice may be both.
  struct ways {
    bool through = false; ///< the transform
    bool past = false;
  };
  ways of(const ump& m) {
    bool met = criteria_.meets(m);
    if (!criteria_.asks_velocity() || !has_note(m)) [[likely]]
      return {met, !met};
    bool through = went_through_.decide(m, met);
    bool past = went_past_.decide(m, !met);
    return {through, past || !through};
  }

private:
  compiled_criteria criteria_;
  note_memory went_through_;
  note_memory went_past_;
};

} // namespace tutti::routing
