// Transforms that leave messages out: duplicates, and controllers that come too fast.
// Decides: what repeats, what waits, and that no Note Off is ever lost.
// Leaves: order and time (transform_chain).
// Thread: owned by one route. Steps as in note_steps.hpp; the rate limit has a deadline as well.
#pragma once

#include "actors/routing/channel_rows.hpp"
#include "actors/routing/message.hpp"
#include "actors/routing/ring.hpp"

namespace tutti::routing {

class duplicate_step {
public:
  explicit duplicate_step(const config::duplicate_drop& settings)
      : window_(settings.window) {}

  void apply(const event& e, events& out, hub_time now);

private:
  /// The last value of one message kind and number.
  struct last_value {
    std::uint16_t value = 0; ///< plus 1; 0: none yet
    hub_time at{};
  };
  struct key_state {
    std::uint8_t velocity = 0; ///< of the Note On; 0: up
    hub_time on{};
    hub_time off{};
  };
  /// Program, channel pressure and bend.
  enum single : std::uint8_t { program, pressure, bend, single_count };

  bool repeats(last_value& last, std::uint16_t value, hub_time now) const;
  bool repeats_note(const ump& m, hub_time now);
  bool repeats_controller(const ump& m, hub_time now);
  void forget(unsigned row);

  std::optional<config::duration> window_;
  channel_rows<last_value> controllers_;
  channel_rows<last_value> poly_pressures_;
  channel_rows<last_value, single_count> singles_;
  channel_rows<key_state> keys_; ///< only with a window
};

/// Each controller (and pressure and bend) has an interval of its own: the first value goes at once
/// and opens it; of those that follow within it the last one goes when it is over, and opens the
/// next.
class rate_limit_step {
public:
  explicit rate_limit_step(const config::rate_limit& settings)
      : interval_(settings.interval)
      , controllers_(settings.controllers)
      , pressures_(settings.pressures)
      , bends_(settings.bends) {}

  void apply(const event& e, events& out, hub_time now);

  hub_time next_deadline() const noexcept {
    return waiting_ == 0 ? never : intervals_.front().over;
  }
  void on_deadline(hub_time now, events& out);
  std::size_t pending() const noexcept { return waiting_; }

private:
  struct value_slot {
    bool open = false; ///< an interval is running
    bool waiting = false;
    event last;
  };
  enum table : std::uint8_t { controller, poly_pressure, single };
  struct interval {
    hub_time over;
    table which;
    std::uint8_t row;
    std::uint8_t column;
  };

  value_slot& find(const interval& at);
  bool place(const ump& m, interval& at) const noexcept;

  config::duration interval_;
  config::value_set controllers_;
  bool pressures_, bends_;
  channel_rows<value_slot> controller_slots_;
  channel_rows<value_slot> poly_slots_;
  channel_rows<value_slot, 2> single_slots_; ///< channel pressure, bend
  /// Open intervals by their end; all are of one length, so they end as they began.
  ring<interval> intervals_;
  std::size_t waiting_ = 0;
};

} // namespace tutti::routing
