#include "actors/routing/transform_chain.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

namespace tutti::routing {
namespace {

template <class Step>
concept timed_step = requires(Step& step, const Step& constant, hub_time now, events& out) {
  step.on_deadline(now, out);
  { constant.next_deadline() } -> std::same_as<hub_time>;
};

/// Events between steps. One pair for all chains: no chain runs inside another.
struct scratch {
  std::array<events, 2> between;
};
thread_local scratch shared_scratch;

/// Which step a setting becomes.
template <class Action>
struct maker {
  std::size_t delay_limit;

  Action operator()(const config::channel_map& s) const { return channel_step(s); }
  Action operator()(const config::transposition& s) const { return transpose_step(s); }
  Action operator()(const config::note_map& s) const { return note_map_step(s); }
  Action operator()(const config::velocity_map& s) const { return velocity_step(s); }
  Action operator()(const config::controller_map& s) const { return controller_map_step(s); }
  Action operator()(const config::controller_value_map& s) const {
    return controller_value_step(s);
  }
  Action operator()(const config::note_to_controller& s) const {
    return note_to_controller_step(s);
  }
  Action operator()(const config::controller_to_note& s) const {
    return controller_to_note_step(s);
  }
  Action operator()(const config::program_map& s) const { return program_step(s); }
  Action operator()(const config::bend_range& s) const { return bend_step(s); }
  Action operator()(const config::zones& s) const { return zones_step(s); }
  Action operator()(const config::pressure_to_controller& s) const {
    return pressure_to_controller_step(s);
  }
  Action operator()(const config::controller_to_pressure& s) const {
    return controller_to_pressure_step(s);
  }
  Action operator()(const config::sysex_replacement& s) const { return sysex_step(s); }
  Action operator()(const config::duplicate_drop& s) const { return duplicate_step(s); }
  Action operator()(const config::rate_limit& s) const { return rate_limit_step(s); }
  Action operator()(const config::fixed_delay& s) const { return delay_step(s, delay_limit); }
  Action operator()(const config::play_out& s) const { return play_out_step(s, delay_limit); }
};

} // namespace

transform_chain::transform_chain(const std::vector<config::transform>& transforms,
                                 std::size_t delay_limit) {
  for (const auto& transform : transforms) {
    stage made{std::visit(maker<action>{delay_limit}, transform.action), std::nullopt};
    if (transform.only)
      made.only.emplace(*transform.only);
    timed_ =
        timed_ || std::visit([]<class Step>(const Step&) { return timed_step<Step>; }, made.what);
    steps_.push_back(std::move(made));
  }
}

void transform_chain::run(stage& with, std::span<const event> in, events& out, hub_time now) {
  std::visit(
      [&]<class Step>(Step& what) {
        if constexpr (timed_step<Step>)
          what.on_deadline(now, out);
        if (!with.only) {
          for (const auto& e : in)
            what.apply(e, out, now);
          return;
        }
        for (const auto& e : in) {
          auto ways = with.only->of(e.message);
          if (ways.through)
            what.apply(e, out, now);
          if (ways.past)
            out.push_back(e);
        }
      },
      with.what);
}

void transform_chain::process(std::span<const event> in, events& out, hub_time now) {
  if (steps_.empty()) {
    out.insert(out.end(), in.begin(), in.end());
    return;
  }
  auto& between = shared_scratch.between;
  for (std::size_t i = 0; i + 1 < steps_.size(); ++i) {
    auto& next = between[i % 2];
    next.clear();
    run(steps_[i], in, next, now);
    in = next;
  }
  run(steps_.back(), in, out, now);
}

hub_time transform_chain::next_deadline() const noexcept {
  auto next = never;
  if (timed_)
    for (const auto& step : steps_)
      next = std::min(next, std::visit(
                                []<class Step>(const Step& what) {
                                  if constexpr (timed_step<Step>)
                                    return what.next_deadline();
                                  else
                                    return never;
                                },
                                step.what));
  return next;
}

std::size_t transform_chain::pending() const noexcept {
  std::size_t count = 0;
  for (const auto& step : steps_)
    count += std::visit(
        []<class Step>(const Step& what) -> std::size_t {
          if constexpr (timed_step<Step>)
            return what.pending();
          else
            return 0;
        },
        step.what);
  return count;
}

chain_counters transform_chain::counters() const noexcept {
  chain_counters total;
  for (const auto& step : steps_) {
    if (const auto* delay = std::get_if<delay_step>(&step.what))
      total.early += delay->early();
    if (const auto* play_out = std::get_if<play_out_step>(&step.what)) {
      total.early += play_out->early();
      total.late += play_out->late();
    }
  }
  return total;
}

} // namespace tutti::routing
