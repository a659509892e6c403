#include "actors/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <unordered_map>

#include <fcntl.h>
#include <unistd.h>

namespace tutti {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

constexpr double seconds_per_tick = 1e-4; // of session clocks

/// Families in the order of their first sample.
class collection {
public:
  void count(const char* name, const char* help, labels on, std::uint64_t value) {
    auto& out = sample(name, help, MetricType::Counter, std::move(on)).counter;
    out.value = static_cast<double>(value);
  }
  void show(const char* name, const char* help, labels on, double value) {
    auto& out = sample(name, help, MetricType::Gauge, std::move(on)).gauge;
    out.value = value;
  }
  void spread(const char* name, const char* help, labels on, const io::time_histogram& times) {
    auto& out = sample(name, help, MetricType::Histogram, std::move(on)).histogram;
    for (std::size_t i = 0; i < times.counts.size(); ++i) {
      out.sample_count += times.counts[i];
      out.bucket.push_back({out.sample_count, i < io::time_histogram::buckets
                                                  ? io::time_histogram::bound(i)
                                                  : std::numeric_limits<double>::infinity()});
    }
    out.sample_sum = static_cast<double>(times.sum_ns) * 1e-9;
  }
  const std::vector<MetricFamily>& families() const { return families_; }

private:
  ClientMetric& sample(const char* name, const char* help, MetricType type, labels on) {
    auto [found, added] = index_.try_emplace(name, families_.size());
    if (added)
      families_.push_back({name, help, type, {}});
    auto& made = families_[found->second].metric.emplace_back();
    made.label = std::move(on);
    return made;
  }
  std::vector<MetricFamily> families_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

void add_process(collection& out, const hub_snapshot& hub) {
  out.show("tutti_build_info", "Always 1; the label tells the version.", {{"version", hub.version}},
           1);
  out.show("process_start_time_seconds", "When the hub was started, seconds since 1970.", {},
           hub.started_s);
  out.show("process_resident_memory_bytes", "Memory in use.", {},
           static_cast<double>(hub.resident_octets));
  out.count("tutti_loop_turns_total", "Turns of the event loop.", {}, hub.loop.turns);
  out.count("tutti_loop_busy_polls_total", "Spins before sleeping, by whether they paid.",
            {{"result", "hit"}}, hub.loop.busy_hits);
  out.count("tutti_loop_busy_polls_total", "", {{"result", "miss"}}, hub.loop.busy_misses);
  out.spread("tutti_loop_turn_seconds", "From waking up to having sent everything.", {},
             hub.loop.turn_times);
}

void add_http(collection& out, const io::http_counters& http) {
  out.count("tutti_http_connections_total", "Connections accepted.", {}, http.connections);
  constexpr std::array<const char*, 6> classes{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 1; i < classes.size(); ++i)
    out.count("tutti_http_requests_total", "Requests answered, by class of status.",
              {{"class", classes[i]}}, http.by_class[i]);
  out.count("tutti_http_turned_away_total", "Clients for whom there was no room.", {},
            http.turned_away);
  out.count("tutti_http_evicted_total", "Silent connections closed to make room.", {},
            http.evicted);
  out.count("tutti_http_timeouts_total", "Connections closed because they were too slow.", {},
            http.timeouts);
  out.show("tutti_http_open_connections", "Connections open now.", {},
           static_cast<double>(http.open_connections));
  out.show("tutti_http_open_streams", "Event streams open now.", {},
           static_cast<double>(http.open_streams));
}

void add_port(collection& out, const port_info& port) {
  labels on{{"port", port.id}, {"kind", to_string(port.description.kind)}};
  out.show("tutti_port_up", "1 while the port is up, 0 while it is away.", on, port.up);
  out.count("tutti_port_events_in_total", "MIDI events from the port into the hub.", on,
            port.events_in);
  out.count("tutti_port_events_out_total", "MIDI events from the hub to the port.", on,
            port.events_out);
  out.count("tutti_port_dropped_events_total", "Events that a full queue cost the port.", on,
            port.dropped);
}

void add_traffic(collection& out, const std::string& session, const char* socket,
                 const io::datagram_counters& counters) {
  labels on{{"session", session}, {"socket", socket}};
  out.count("tutti_session_datagrams_in_total", "Datagrams received.", on, counters.datagrams_in);
  out.count("tutti_session_bytes_in_total", "Octets received.", on, counters.bytes_in);
  out.count("tutti_session_datagrams_out_total", "Datagrams sent.", on, counters.datagrams_out);
  out.count("tutti_session_bytes_out_total", "Octets sent.", on, counters.bytes_out);
  out.count("tutti_session_queue_drops_total", "Datagrams dropped: the send queue was full.", on,
            counters.queue_drops);
  out.count("tutti_session_oversize_total", "Datagrams dropped: too long.", on,
            counters.oversize_in);
  out.count("tutti_session_system_drops_total",
            "Datagrams dropped by the system: a full buffer, or a flood of foreign sources.", on,
            counters.system_drops);
  out.count("tutti_session_socket_errors_total", "Errors of the socket.", on,
            counters.send_errors + counters.receive_errors);
}

void add_session(collection& out, const session_info& session) {
  labels on{{"session", session.name}};
  out.show("tutti_session_peers", "Peers known now.", on,
           static_cast<double>(session.peers.size()));
  out.show("tutti_session_waiting_invitations", "Invitations that wait for the operator.", on,
           static_cast<double>(session.pending.size()));
  out.count("tutti_session_refused_total", "Invitations answered with NO.", on, session.refused);
  out.count("tutti_session_strangers_total", "Datagrams of nobody known.", on, session.strangers);
  out.spread("tutti_transit_seconds",
             "From the arrival of MIDI at the hub to its leaving for a peer.", on, session.transit);
  add_traffic(out, session.name, "control", session.control_traffic);
  add_traffic(out, session.name, "data", session.data_traffic);
}

void add_repairs(collection& out, const labels& peer, const protocol::repair_counters& repairs) {
  constexpr std::array<const char*, protocol::journal_chapter_count> chapters{
      "P", "C", "M", "W", "N", "E", "T", "A", "D", "V", "Q", "F", "X"};
  for (std::size_t i = 0; i < chapters.size(); ++i) {
    auto on = peer;
    on.push_back({"chapter", chapters[i]});
    out.count("tutti_peer_repaired_events_total",
              "Lost events restored from the recovery journal, by chapter.", std::move(on),
              repairs.events[i]);
  }
  out.count("tutti_peer_uncovered_losses_total",
            "Losses that no journal reached back to, or had none.", peer,
            repairs.uncovered + repairs.without);
}

void add_errors(collection& out, const labels& peer,
                const protocol::decode_error_counters& errors) {
  for (std::size_t i = 0; i < errors.size(); ++i)
    if (errors[i] > 0) { // reasons are many, and most never happen
      auto on = peer;
      on.push_back({"reason", std::string(to_string(static_cast<protocol::decode_error>(i)))});
      out.count("tutti_peer_decode_errors_total", "Broken parts of datagrams, by reason.",
                std::move(on), errors[i]);
    }
}

/// The clock offset as a signed number; session clocks count 100 µs modulo 2^64.
double offset_seconds(std::uint64_t ticks) {
  return static_cast<double>(static_cast<std::int64_t>(ticks)) * seconds_per_tick;
}

void add_peer(collection& out, const peer_info& peer) {
  const auto& status = peer.status;
  labels on{{"session", peer.session}, {"peer", peer.name}, {"id", std::to_string(peer.key)}};
  out.show("tutti_peer_connected", "1 while MIDI may flow.", on,
           status.state == protocol::handshake_state::connected);
  out.count("tutti_peer_packets_in_total", "RTP packets taken.", on, status.received.packets);
  out.count("tutti_peer_events_in_total", "Events that the peer played.", on,
            status.received.events);
  out.count("tutti_peer_packets_out_total", "RTP packets sent.", on, status.sent.packets);
  out.count("tutti_peer_events_out_total", "Events sent to the peer.", on, status.sent.events);
  out.count("tutti_peer_journal_bytes_total", "Octets of recovery journal sent.", on,
            status.journal.octets);
  out.count("tutti_peer_lost_packets_total", "Packets missing when a later one came.", on,
            status.sequence.lost);
  out.count("tutti_peer_duplicate_packets_total", "Packets that came twice.", on,
            status.sequence.duplicate);
  out.count("tutti_peer_late_packets_total", "Packets that came after their loss was repaired.", on,
            status.sequence.late);
  out.count("tutti_peer_foreign_packets_total", "Datagrams from the peer in another one's name.",
            on, status.foreign_ssrc);
  out.count("tutti_peer_dropped_events_total", "Events that were not sent, by reason.",
            {on[0], on[1], on[2], {"reason", "bitrate_limit"}}, status.sent.limit_drops);
  out.count("tutti_peer_dropped_events_total", "",
            {on[0], on[1], on[2], {"reason", "not_connected"}}, status.unsent_events);
  add_repairs(out, on, status.repairs);
  add_errors(out, on, status.errors);
  out.show("tutti_peer_clock_offset_seconds", "The peer's clock minus the hub's.", on,
           offset_seconds(status.clock_offset_ticks));
  out.show("tutti_peer_jitter_seconds", "Smoothed deviation of round trips.", on,
           std::chrono::duration<double>(status.round_trip_jitter).count());
  out.spread("tutti_peer_round_trip_seconds", "Round trips of the clock exchanges.", on,
             peer.round_trips);
}

// prometheus-cpp writes the older format. OpenMetrics names a counter's family without "_total",
// and ends with a mark.
std::string to_openmetrics(const std::string& text) {
  std::string out;
  out.reserve(text.size() + 8);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      auto end = line.find(' ', 7);
      if (end != line.npos && std::string_view(line).substr(0, end).ends_with("_total"))
        line.erase(end - 6, 6);
    }
    out += line;
    out += '\n';
  }
  return out + "# EOF\n";
}

} // namespace

const char* content_type(metrics_format format) noexcept {
  return format == metrics_format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

metrics_format choose_metrics_format(std::string_view accept) noexcept {
  return accept.find("application/openmetrics-text") != accept.npos ? metrics_format::openmetrics
                                                                    : metrics_format::prometheus;
}

// The file is the kernel's, so that reading it waits for no disk; it stays open, as opening it
// takes longer than reading it.
std::size_t resident_memory() {
  static const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  std::array<char, 128> text{};
  if (::pread(file, text.data(), text.size() - 1, 0) <= 0)
    return 0;
  auto after_total = std::strchr(text.data(), ' '); // "total resident ...", in pages
  auto resident = after_total ? std::strtoull(after_total, nullptr, 10) : 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string metrics_text(const hub_snapshot& hub, metrics_format format) {
  collection out;
  add_process(out, hub);
  add_http(out, hub.http);
  for (const auto& port : hub.ports)
    add_port(out, port);
  for (const auto& session : hub.sessions) {
    add_session(out, session);
    for (const auto& peer : session.peers)
      add_peer(out, peer);
  }
  std::ostringstream text;
  text.imbue(std::locale::classic());
  prometheus::TextSerializer().Serialize(text, out.families());
  auto content = std::move(text).str();
  return format == metrics_format::openmetrics ? to_openmetrics(content) : content;
}

} // namespace tutti
