// The hub's counters as metrics that a monitoring system collects.
// Decides: names, labels and units (Prometheus' conventions: seconds, octets as bytes, _total).
// Leaves: counting (everybody), asking (control), the text (prometheus-cpp).
// Spec: OpenMetrics 1.0; Prometheus text format 0.0.4. Thread: pure functions.
#pragma once

#include "actors/peer_info.hpp"
#include "actors/port_info.hpp"
#include "actors/route_info.hpp"
#include "io/event_loop.hpp"
#include "io/http_server.hpp"

#include <string>
#include <vector>

namespace tutti {

/// Everything that is told at one scrape.
struct hub_snapshot {
  std::string version;
  double uptime_s = 0;
  double started_s = 0; ///< wall clock, seconds since 1970
  std::size_t resident_octets = 0;
  io::loop_counters loop;
  io::http_counters http;
  std::vector<session_info> sessions;
  std::vector<port_info> ports;
};

enum class metrics_format : std::uint8_t { prometheus, openmetrics };

/// Media type of the text, as the Content-Type header wants it.
const char* content_type(metrics_format format) noexcept;
/// What the client's Accept header prefers.
metrics_format choose_metrics_format(std::string_view accept) noexcept;

std::string metrics_text(const hub_snapshot& hub, metrics_format format);

/// This process' memory in use, in octets; 0 if the system does not tell.
std::size_t resident_memory();

} // namespace tutti
