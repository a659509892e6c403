// The list of works. See works.hpp.
#include "bench/end_to_end/works.hpp"

namespace tutti::bench {
namespace {

work latency(std::string name, std::string what, kind hub) {
  return {std::move(name), std::move(what),
          [=](const settings& s, work_report& r) { measure_latency(hub, s, r); }};
}

work flood_of(std::string name, std::string what, std::size_t listeners, std::size_t messages,
              flood_targets targets) {
  return {std::move(name), std::move(what), [=](const settings& s, work_report& r) {
            measure_flood(listeners, messages, targets, s, r);
          }};
}

work joining_of(std::string name, std::string what, std::size_t peers, double connected_ms,
                double in_sync_ms) {
  return {std::move(name), std::move(what),
          [=](const settings& s, work_report& r) {
            measure_joining(peers, connected_ms, in_sync_ms, s, r);
          },
          false};
}

} // namespace

std::vector<work> all_works() {
  return {
      flood_of("flood", "2 peers, 1 message a packet, flood", 1, 1, {0.75, 1.4}),
      flood_of("flood-8", "2 peers, 8 messages a packet, flood", 1, 8, {0.6, {}}),
      flood_of("fan-16", "fan-out 1 to 16, flood", 16, 1, {0.92, 1.1}),
      flood_of("fan-64", "fan-out 1 to 64, flood", 64, 1, {0.92, 1.1}),
      latency("latency", "2 peers at 2,000 messages/s", kind::hub),
      latency("busy-poll", "the same with --busy-poll", kind::busy_polling_hub),
      joining_of("join-1000", "1,000 peers invite at once", 1000, 80, 150),
      joining_of("join-2000", "2,000 peers invite at once", 2000, 500, 500),
      {"memory", "memory", measure_memory, false},
      {"idle", "idle", measure_idle, false},
  };
}

} // namespace tutti::bench
