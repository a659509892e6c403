#include "config/read_settings.hpp"

#include "config/explain.hpp"
#include "config/read_rule.hpp"

#include <algorithm>

namespace tutti::config {

NLOHMANN_JSON_SERIALIZE_ENUM(invitation_policy, {{invitation_policy::open, "open"},
                                                 {invitation_policy::list, "list"},
                                                 {invitation_policy::ask, "ask"},
                                                 {invitation_policy::closed, "closed"}})
NLOHMANN_JSON_SERIALIZE_ENUM(log_level, {{log_level::trace, "trace"},
                                         {log_level::debug, "debug"},
                                         {log_level::info, "info"},
                                         {log_level::warning, "warning"},
                                         {log_level::error, "error"},
                                         {log_level::off, "off"}})

namespace {

/// Octets of a session name that AppleMIDI commands carry.
constexpr std::size_t max_session_name = 63;

/// Names must differ, and so must the port pairs of sessions that share an address.
void check_sessions(const json_reader& list, const std::vector<session>& sessions) {
  for (std::size_t i = 0; i < sessions.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const auto &here = sessions[i], &there = sessions[j];
      auto other = "session " + std::to_string(j);
      if (here.name == there.name)
        list.at(i).refuse(here.name.empty() ? "no name, like " + other
                                            : "the name \"" + here.name + "\" of " + other,
                          "a name of its own for each session");
      bool overlap = here.port != 0 && there.port != 0 && here.port <= there.port + 1 &&
                     there.port <= here.port + 1;
      if (overlap && (here.bind.empty() || there.bind.empty() || here.bind == there.bind))
        list.at(i).refuse("ports " + std::to_string(here.port) + " and " +
                              std::to_string(here.port + 1) + ", which " + other + " uses",
                          "a port pair of its own for each session");
    }
}

/// Refuses the session that a peer at `place` is to be invited into if there is none of that name.
void check_session_name(const json_reader& place, const std::string& wanted, const settings& all) {
  bool known = wanted.empty() || std::any_of(all.sessions.begin(), all.sessions.end(),
                                             [&](const session& s) { return s.name == wanted; });
  if (!known)
    place.at("session").refuse("\"" + wanted + "\"", "the name of one of the sessions");
}

void check_references(const json_reader& document, const settings& all) {
  bool sessions_intact = !document.has("sessions") || document.at("sessions").intact();
  if (sessions_intact && document.has("connect") && document.at("connect").intact())
    for (std::size_t i = 0; i < all.connect.size(); ++i)
      check_session_name(document.at("connect").at(i), all.connect[i].session, all);
  if (sessions_intact && document.has("discovery") && document.at("discovery").intact())
    for (std::size_t i = 0; i < all.discovery.connect.size(); ++i)
      check_session_name(document.at("discovery").at("connect").at(i),
                         all.discovery.connect[i].session, all);
  if (document.has("scene") && (!document.has("scenes") || document.at("scenes").intact()) &&
      std::none_of(all.scenes.begin(), all.scenes.end(),
                   [&](const scene& s) { return s.name == all.scene; }))
    document.at("scene").refuse("\"" + all.scene + "\"", "the name of one of the scenes");
}

void read_routing(const json_reader& document, settings& all) {
  if (document.has("rules") || !all.scenes.empty())
    all.rules.clear();
  document.each("rules", [&](const json_reader& item) { all.rules.push_back(read_rule(item)); });
  for (auto key : {"rules", "scenes"})
    if (document.has(key) && document.at(key).value().is_array())
      check_names(document.at(key));
}

} // namespace

session read_session(const json_reader& place) {
  session result;
  place.take("name", result.name);
  if (result.name.size() > max_session_name)
    place.at("name").refuse(std::to_string(result.name.size()) + " octets of UTF-8", "at most 63");
  place.take("port", result.port);
  place.each("bind", [&](const json_reader& item) {
    result.bind.push_back(item.value().get<std::string>());
    if (!is_address_literal(result.bind.back()) && !is_interface_name(result.bind.back()))
      item.refuse(describe_value(item.value()),
                  "a literal address of this machine, such as 192.168.1.5, :: or fe80::1%eth0, or "
                  "the name of an interface, such as eth0");
  });
  place.take("max_peers", result.max_peers);
  if (place.has("invitations")) {
    auto policy = place.at("invitations");
    policy.take("policy", result.invitations.policy);
    read_address_ranges(policy, "addresses", result.invitations.addresses);
    read_name_patterns(policy, "names", result.invitations.names);
  }
  return result;
}

remote_peer read_remote_peer(const json_reader& place) {
  remote_peer result;
  bool whole = place.value().is_object();
  auto host = whole ? place.at("host") : place;
  auto text = host.value().get<std::string>();
  auto target = parse_host_port(text, default_session_port);
  if (whole) {
    place.take("port", result.port);
    place.take("session", result.session);
    place.take("name", result.name);
    place.take("on_demand", result.on_demand);
    result.host = text;
    if (!target || target->host != text)
      host.refuse(describe_value(host.value()),
                  "a host name or an address without brackets; the port has its own key");
  } else if (target && target->port < 65535) {
    result.host = target->host;
    result.port = target->port;
  } else {
    place.refuse(describe_value(place.value()),
                 "host or host:port with a port from 1 to 65534, as in studio.local, "
                 "192.168.1.20:5006 or [fe80::1%eth0]:5004");
  }
  return result;
}

limits read_limits(const json_reader& place) {
  limits result;
  place.take("ports", result.ports);
  place.take("sysex_octets", result.sysex_octets);
  place.take("sysex_stall_ms", result.sysex_stall);
  place.take("destination_queue", result.destination_queue);
  place.take("delay_queue", result.delay_queue);
  place.take("routes", result.routes);
  place.take("socket_buffer", result.socket_buffer);
  place.take("loop_guard", result.loop_guard);
  return result;
}

real_time read_real_time(const json_reader& place) {
  real_time result;
  place.take("priority", result.priority);
  place.take("lock_memory", result.lock_memory);
  place.take("dscp", result.dscp);
  return result;
}

settings read_settings(const json_reader& document) {
  settings all;
  if (document.has("sessions")) {
    all.sessions.clear();
    document.each("sessions",
                  [&](const json_reader& item) { all.sessions.push_back(read_session(item)); });
    if (auto list = document.at("sessions"); list.intact())
      check_sessions(list, all.sessions);
  }
  document.each("connect",
                [&](const json_reader& item) { all.connect.push_back(read_remote_peer(item)); });
  document.each("scenes", [&](const json_reader& item) { all.scenes.push_back(read_scene(item)); });
  read_routing(document, all);
  document.take("scene", all.scene);
  auto section = [&](const char* key, auto read, auto& field) {
    if (document.has(key) && document.at(key).value().is_object())
      field = read(document.at(key));
  };
  section("local", read_local_ports, all.local);
  section("tcp", read_tcp, all.tcp);
  document.each("multicast", [&](const json_reader& item) {
    all.multicast.push_back(read_multicast_cable(item));
  });
  section("discovery", read_discovery, all.discovery);
  section("control", read_control, all.control);
  section("limits", read_limits, all.limits);
  section("real_time", read_real_time, all.real_time);
  if (document.has("log"))
    document.at("log").take("level", all.log.level);
  check_references(document, all);
  return all;
}

void read_address_ranges(const json_reader& object, const char* key,
                         std::vector<address_range>& ranges) {
  object.each(key, [&](const json_reader& item) {
    if (auto range = parse_address_range(item.value().get<std::string>()))
      ranges.push_back(*range);
    else
      item.refuse(describe_value(item.value()),
                  "an address such as 10.0.0.7 or fe80::1, or a network such as 192.168.1.0/24");
  });
}

void read_name_patterns(const json_reader& object, const char* key,
                        std::vector<name_pattern>& patterns) {
  object.each(key, [&](const json_reader& item) {
    if (auto pattern = read_name_pattern(item))
      patterns.push_back(std::move(*pattern));
  });
}

} // namespace tutti::config
