// What happens, for those who want to know at once.
// Decides: nothing. Leaves: who hears of it to monitor.
// Thread: values.
#pragma once

#include "actors/peer_info.hpp"
#include "actors/port_info.hpp"
#include "actors/routing/outcome.hpp"
#include "io/log.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace tutti {

/// What clients of the API may listen to.
enum class topic : std::uint8_t {
  ports,
  peers,
  routes,
  rules,
  invitations,
  services,
  log,
  midi,
  meters
};
inline constexpr std::size_t topic_count = 9;
constexpr const char* to_string(topic which) noexcept {
  switch (which) {
  case topic::ports: return "ports";
  case topic::peers: return "peers";
  case topic::routes: return "routes";
  case topic::rules: return "rules";
  case topic::invitations: return "invitations";
  case topic::services: return "services";
  case topic::log: return "log";
  case topic::midi: return "midi";
  case topic::meters: return "meters";
  }
  return "?";
}

struct log_line {
  io::log_level level = io::log_level::info;
  std::string sentence;
};

/// Routes between two ports came, went or are others now.
struct route_event {
  routing::route_change::kind what = routing::route_change::kind::changed;
  std::string from;
  std::string to;
};

/// This scene is active now; empty: none.
struct scene_change {
  std::string scene;
};

/// Something happened that somebody may want to know at once.
struct notice {
  topic about = topic::ports;
  std::string what; ///< a verb: "up", "away", "connected" ...
  std::variant<std::monostate, port_info, peer_info, std::vector<route_event>, scene_change,
               pending_invitation, service_info, log_line>
      subject;
};

} // namespace tutti
