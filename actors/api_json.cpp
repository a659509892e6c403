#include "actors/api_json.hpp"

#include <fmt/chrono.h>

#include <algorithm>

namespace tutti {

namespace {

double milliseconds(std::chrono::nanoseconds time) {
  return std::round(std::chrono::duration<double, std::micro>(time).count()) / 1000;
}

constexpr std::array<const char*, protocol::journal_chapter_count> chapter_names{
    "P", "C", "M", "W", "N", "E", "T", "A", "D", "V", "Q", "F", "X"};

api_json describe_errors(const protocol::decode_error_counters& errors) {
  auto out = api_json::object();
  for (std::size_t i = 0; i < errors.size(); ++i)
    if (errors[i] > 0)
      out[std::string(to_string(static_cast<protocol::decode_error>(i)))] = errors[i];
  return out;
}

api_json describe_repairs(const protocol::repair_counters& repairs) {
  auto out = api_json::object();
  for (std::size_t i = 0; i < repairs.events.size(); ++i)
    if (repairs.events[i] > 0)
      out[chapter_names[i]] = repairs.events[i];
  return out;
}

api_json describe_traffic(const io::datagram_counters& counters) {
  return {{"datagrams_in", counters.datagrams_in},   {"octets_in", counters.bytes_in},
          {"datagrams_out", counters.datagrams_out}, {"octets_out", counters.bytes_out},
          {"oversize_in", counters.oversize_in},     {"queue_drops", counters.queue_drops},
          {"send_errors", counters.send_errors},     {"receive_errors", counters.receive_errors},
          {"system_drops", counters.system_drops}};
}

} // namespace

std::string to_text(const api_json& content) {
  return content.dump(-1, ' ', false, api_json::error_handler_t::replace);
}

std::string_view to_string(config::invitation_policy policy) noexcept {
  switch (policy) {
  case config::invitation_policy::open: return "open";
  case config::invitation_policy::list: return "list";
  case config::invitation_policy::ask: return "ask";
  case config::invitation_policy::closed: return "closed";
  }
  return "?";
}

std::string_view to_string(decision_term term) noexcept {
  return term == decision_term::once      ? "once"
         : term == decision_term::restart ? "restart"
                                          : "always";
}

std::string wall_clock_text() {
  auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), (now - seconds).count());
}

api_json describe(const port_info& port) {
  return {{"id", port.id},
          {"kind", to_string(port.description.kind)},
          {"group", port.description.group},
          {"name", port.description.name},
          {"source", port.description.source},
          {"destination", port.description.destination},
          {"up", port.up},
          {"events_in", port.events_in},
          {"events_out", port.events_out},
          {"dropped", port.dropped}};
}

api_json describe(const peer_info& peer, std::span<const port_info> ports) {
  const auto& status = peer.status;
  auto port = std::find_if(ports.begin(), ports.end(),
                           [&](const auto& one) { return one.key == peer.key; });
  api_json out{{"id", std::to_string(peer.key)},
               {"session", peer.session},
               {"name", peer.name},
               {"port", port == ports.end() ? api_json() : api_json(port->id)},
               {"address", to_string(peer.address.control)},
               {"state", protocol::to_string(status.state)},
               {"invited_by_us", peer.invited_by_us},
               {"ssrc", status.peer_ssrc}};
  out["clock"] = {{"synchronised", status.synchronised},
                  {"round_trip_ms", milliseconds(status.round_trip)},
                  {"jitter_ms", milliseconds(status.round_trip_jitter)},
                  {"offset_ticks", status.clock_offset_ticks},
                  {"exchanges", status.clock_exchanges}};
  out["received"] = {{"packets", status.received.packets},
                     {"events", status.received.events},
                     {"lost", status.sequence.lost},
                     {"duplicate", status.sequence.duplicate},
                     {"late", status.sequence.late},
                     {"foreign", status.foreign_ssrc},
                     {"repaired", describe_repairs(status.repairs)},
                     {"errors", describe_errors(status.errors)}};
  out["sent"] = {
      {"packets", status.sent.packets},         {"events", status.sent.events},
      {"feedback", status.sent.feedback},       {"journal_octets", status.journal.octets},
      {"limit_drops", status.sent.limit_drops}, {"unsent_events", status.unsent_events}};
  return out;
}

api_json describe(const session_info& session) {
  return {{"name", session.name},
          {"control", to_string(session.control)},
          {"data", to_string(session.data)},
          {"ssrc", session.ssrc},
          {"policy", to_string(session.policy)},
          {"peers", session.peers.size()},
          {"waiting", session.pending.size()},
          {"strangers", session.strangers},
          {"refused", session.refused},
          {"control_traffic", describe_traffic(session.control_traffic)},
          {"data_traffic", describe_traffic(session.data_traffic)}};
}

namespace {

const char* to_string(config::discovery_mode mode) noexcept {
  switch (mode) {
  case config::discovery_mode::automatic: return "auto";
  case config::discovery_mode::daemon: return "daemon";
  case config::discovery_mode::embedded: return "embedded";
  case config::discovery_mode::off: return "off";
  }
  return "?";
}

const char* to_string(config::connect_when when) noexcept {
  switch (when) {
  case config::connect_when::never: return "never";
  case config::connect_when::always: return "always";
  case config::connect_when::on_demand: return "on_demand";
  }
  return "?";
}

api_json describe(const service_info& service) {
  api_json out{{"name", service.name},
               {"host", service.host},
               {"addresses", api_json::array()},
               {"connect", to_string(service.when)},
               {"connected", service.connected}};
  for (const auto& address : service.addresses)
    out["addresses"].push_back(tutti::io::to_string(address));
  return out;
}

api_json describe(const offer_info& offer) {
  return {{"name", offer.name},
          {"announced_as", offer.announced},
          {"type", offer.type},
          {"established", offer.established},
          {"failure", offer.failure}};
}

} // namespace

api_json describe(const discovery_info& discovery) {
  api_json out{{"mode", to_string(discovery.mode)},
               {"responder", discovery.responder},
               {"host", discovery.host},
               {"announced", api_json::array()},
               {"items", api_json::array()},
               {"total", discovery.services.size()},
               {"dropped", discovery.dropped}};
  for (const auto& one : discovery.offers)
    out["announced"].push_back(describe(one));
  for (const auto& one : discovery.services)
    out["items"].push_back(describe(one));
  return out;
}

std::string route_id(const route_info& route) {
  return fmt::format("{}-{}-{}", route.from_key, route.to_key, route.rule_index);
}

api_json describe(const route_info& route) {
  return {{"id", route_id(route)},
          {"from", route.from},
          {"to", route.to},
          {"rule", route.rule},
          {"plain", route.plain},
          {"events_out", route.plain ? api_json() : api_json(route.events_out)}};
}

api_json describe(const pending_invitation& invitation, protocol::hub_time now) {
  return {{"id", std::to_string(invitation.id)},
          {"session", invitation.session},
          {"name", invitation.name},
          {"address", to_string(invitation.address)},
          {"ssrc", invitation.last.ssrc},
          {"waiting_ms", milliseconds(now - invitation.since)},
          {"silent_ms", milliseconds(now - invitation.last_at)}};
}

api_json describe(const admission_decision& decision) {
  return {{"host", decision.host},
          {"name", decision.name},
          {"admitted", decision.admitted},
          {"remember", to_string(decision.term)}};
}

namespace {

const char* to_string(routing::route_change::kind what) noexcept {
  switch (what) {
  case routing::route_change::kind::appeared: return "appeared";
  case routing::route_change::kind::vanished: return "vanished";
  case routing::route_change::kind::changed: return "changed";
  }
  return "?";
}

api_json describe(const std::vector<route_event>& events) {
  auto out = api_json::array();
  for (const auto& one : events)
    out.push_back({{"event", to_string(one.what)}, {"from", one.from}, {"to", one.to}});
  return out;
}

} // namespace

api_json describe(const notice& happened, protocol::hub_time now) {
  api_json out{
      {"topic", to_string(happened.about)}, {"event", happened.what}, {"time", wall_clock_text()}};
  if (auto port = std::get_if<port_info>(&happened.subject))
    out["port"] = describe(*port);
  else if (auto peer = std::get_if<peer_info>(&happened.subject))
    out["peer"] = describe(*peer, {});
  else if (auto routes = std::get_if<std::vector<route_event>>(&happened.subject))
    out["routes"] = describe(*routes);
  else if (auto change = std::get_if<scene_change>(&happened.subject))
    out["scene"] = change->scene;
  else if (auto invitation = std::get_if<pending_invitation>(&happened.subject))
    out["invitation"] = describe(*invitation, now);
  else if (auto service = std::get_if<service_info>(&happened.subject))
    out["service"] = describe(*service);
  else if (auto line = std::get_if<log_line>(&happened.subject))
    out["line"] = {{"level", io::to_string(line->level)}, {"text", line->sentence}};
  return out;
}

} // namespace tutti
