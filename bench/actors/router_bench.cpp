// The router and the loop: nanoseconds and allocations per batch through one actor hop to N sinks.
// CAF's own message, one allocation a hop, is in the count.
#include "actors/scheduler.hpp"
#include "actors/spawn.hpp"
#include "bench/support/allocations.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace {

using namespace tutti;
using tutti::bench::run_counted;

midi_sink::behavior_type counting_sink(midi_sink::pointer, std::uint64_t* heard) {
  return {[heard](atom::midi, const batch_ptr& batch) { *heard += batch->events().size(); }};
}

struct routed_sinks {
  explicit routed_sinks(std::size_t count) {
    io::set_log_level(io::log_level::off);
    use_loop_scheduler(config, loop);
    system = std::make_unique<caf::actor_system>(config);
    router = spawn_router(*system);
    for (std::size_t i = 0; i <= count; ++i) {
      sinks.push_back(system->spawn(counting_sink, &heard));
      keys.push_back(next_port_key());
      caf::anon_send(router, atom::attach_v, keys.back(),
                     port_description{port_kind::test, "bench", std::to_string(i)}, sinks.back());
    }
    loop.run_turn(std::chrono::nanoseconds(0));
  }
  ~routed_sinks() {
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    for (auto& sink : sinks)
      caf::anon_send_exit(sink, caf::exit_reason::user_shutdown);
    sinks.clear();
    router = router_actor();
    run_until_quiet(*system, loop, std::chrono::seconds(2));
  }

  io::event_loop loop;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  router_actor router;
  std::vector<midi_sink> sinks;
  std::vector<port_key> keys;
  std::uint64_t heard = 0;
};

/// A batch of one event from one port to range(0) others, through the loop.
void route_one_event(benchmark::State& state) {
  auto count = static_cast<std::size_t>(state.range(0));
  routed_sinks routed(count);
  std::vector<protocol::event> events{{protocol::make_short(0x90, 60, 100), {}, true}};
  run_counted(state, count, [&] {
    caf::anon_send(routed.router, atom::midi_v, routed.keys.front(), make_batch(events));
    routed.loop.run_turn(std::chrono::nanoseconds(0));
  });
  if (routed.heard == 0)
    state.SkipWithError("nothing was heard");
}

} // namespace

BENCHMARK(route_one_event)->Arg(1)->Arg(16)->Arg(64);
