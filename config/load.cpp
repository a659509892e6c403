#include "config/load.hpp"

#include "config/explain.hpp"
#include "config/json_reader.hpp"
#include "config/parse.hpp"
#include "config/validate.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <optional>

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

void read_address_ranges(const json_reader& from, const char* key,
                         std::vector<address_range>& ranges) {
  from.each(key, [&](const json_reader& item) {
    if (auto range = parse_address_range(item.value().get<std::string>()))
      ranges.push_back(*range);
    else
      item.refuse(describe_value(item.value()),
                  "an address such as 10.0.0.7 or fe80::1, or a network such as 192.168.1.0/24");
  });
}

session read_session(const json_reader& from) {
  session result;
  from.take("name", result.name);
  if (result.name.size() > 63)
    from.at("name").refuse(std::to_string(result.name.size()) + " octets of UTF-8", "at most 63");
  from.take("port", result.port);
  from.each("bind", [&](const json_reader& item) {
    result.bind.push_back(item.value().get<std::string>());
    if (!is_address_literal(result.bind.back()))
      item.refuse(describe_value(item.value()),
                  "a literal address of this machine, such as 192.168.1.5, :: or fe80::1%eth0");
  });
  from.take("max_peers", result.max_peers);
  if (from.has("invitations")) {
    auto place = from.at("invitations");
    place.take("policy", result.invitations.policy);
    place.take("names", result.invitations.names);
    read_address_ranges(place, "addresses", result.invitations.addresses);
  }
  return result;
}

remote_peer read_remote_peer(const json_reader& from) {
  remote_peer result;
  auto place = from.value().is_object() ? from.at("host") : from;
  auto text = place.value().get<std::string>();
  auto target = parse_host_port(text, default_session_port);
  if (from.value().is_object()) {
    from.take("port", result.port);
    from.take("session", result.session);
    from.take("name", result.name);
    if (target && (target->host == text || is_address_literal(text)))
      result.host = target->host;
    else
      place.refuse(describe_value(place.value()),
                   "a host name or an address; the port has its own key");
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

/// Names must differ, and so must the port pairs of sessions that share an address.
void check_sessions(const json_reader& document, const std::vector<session>& sessions) {
  auto list = document.at("sessions");
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

void check_peers(const json_reader& document, const settings& result) {
  auto list = document.at("connect");
  for (std::size_t i = 0; i < result.connect.size(); ++i) {
    const auto& wanted = result.connect[i].session;
    bool known = wanted.empty() ||
                 std::any_of(result.sessions.begin(), result.sessions.end(),
                             [&](const session& offered) { return offered.name == wanted; });
    if (!known)
      list.at(i).at("session").refuse("\"" + wanted + "\"", "the name of one of the sessions");
  }
}

void read_limits(const json_reader& from, limits& result) {
  from.take("ports", result.ports);
  from.take("sysex_octets", result.sysex_octets);
  from.take("sysex_stall_ms", result.sysex_stall);
  from.take("destination_queue", result.destination_queue);
  from.take("delay_queue", result.delay_queue);
  from.take("routes", result.routes);
  from.take("socket_buffer", result.socket_buffer);
}

settings read_settings(const json_reader& document) {
  settings result;
  if (document.has("sessions")) {
    result.sessions.clear();
    document.each("sessions",
                  [&](const json_reader& item) { result.sessions.push_back(read_session(item)); });
    if (document.at("sessions").intact())
      check_sessions(document, result.sessions);
  }
  document.each("connect",
                [&](const json_reader& item) { result.connect.push_back(read_remote_peer(item)); });
  if (document.has("connect") && document.at("connect").intact() &&
      (!document.has("sessions") || document.at("sessions").intact()))
    check_peers(document, result);
  if (document.has("limits"))
    read_limits(document.at("limits"), result.limits);
  if (document.has("log"))
    document.at("log").take("level", result.log.level);
  return result;
}

} // namespace

loaded load_text(std::string_view text) {
  mistakes found;
  auto document = parse_json(text, found);
  if (!document)
    return found;
  validate(*document, "", "", found);
  if (!document->is_object())
    return found;
  auto result = read_settings(json_reader(*document, "", found));
  if (found.empty())
    return result;
  std::stable_sort(found.begin(), found.end(),
                   [](const mistake& a, const mistake& b) { return a.path < b.path; });
  if (found.size() > max_reported_mistakes)
    found.resize(max_reported_mistakes);
  return found;
}

loaded load_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad())
    return mistakes{{"", "no readable file \"" + file.string() + "\"", "a JSON file"}};
  return load_text(text);
}

} // namespace tutti::config
