// A rule's transforms, compiled, with the state that one route needs.
// Decides: the order of work: each transform takes what the one before it gave.
// Leaves: what each does (the steps), when to call again (the route's owner).
// Thread: owned by one route.
#pragma once

#include "actors/routing/controller_steps.hpp"
#include "actors/routing/event_filter.hpp"
#include "actors/routing/message.hpp"
#include "actors/routing/note_steps.hpp"
#include "actors/routing/sysex_step.hpp"
#include "actors/routing/thinning_steps.hpp"
#include "actors/routing/time_steps.hpp"

#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace tutti::routing {

/// What happened to time on the way.
struct chain_counters {
  std::uint64_t early = 0; ///< left a full delay before their time
  std::uint64_t late = 0;  ///< came after their play-out time
};

class transform_chain {
public:
  transform_chain() = default;
  /// `delay_limit`: events that each delay may hold.
  transform_chain(const std::vector<config::transform>& transforms, std::size_t delay_limit);

  bool empty() const noexcept { return steps_.empty(); }
  /// Some step may hold events back.
  bool is_timed() const noexcept { return timed_; }

  /// Appends to `out` what becomes of `in`, and what was held back and is due.
  void process(std::span<const event> in, events& out, hub_time now);

  /// When on_deadline has something to do; never if nothing is held back.
  hub_time next_deadline() const noexcept;
  void on_deadline(hub_time now, events& out) { process({}, out, now); }

  /// Events held back.
  std::size_t pending() const noexcept;
  chain_counters counters() const noexcept;

private:
  using action = std::variant<channel_step, transpose_step, note_map_step, velocity_step,
                              controller_map_step, controller_value_step, note_to_controller_step,
                              controller_to_note_step, program_step, bend_step, zones_step,
                              pressure_to_controller_step, controller_to_pressure_step, sysex_step,
                              duplicate_step, rate_limit_step, delay_step, play_out_step>;
  struct stage {
    action what;
    std::optional<concern> only;
  };

  static void run(stage& with, std::span<const event> in, events& out, hub_time now);

  std::vector<stage> steps_;
  bool timed_ = false;
};

} // namespace tutti::routing
