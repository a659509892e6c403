// Local ports, TCP and discovery out of JSON; part of read_settings.hpp.
#include "config/explain.hpp"
#include "config/read_rule.hpp"
#include "config/read_settings.hpp"

#include <map>

namespace tutti::config {

NLOHMANN_JSON_SERIALIZE_ENUM(device_export::mode, {{device_export::mode::off, "off"},
                                                   {device_export::mode::hardware, "hardware"},
                                                   {device_export::mode::all, "all"}})
NLOHMANN_JSON_SERIALIZE_ENUM(peer_import::mode, {{peer_import::mode::off, "off"},
                                                 {peer_import::mode::joined, "joined"},
                                                 {peer_import::mode::known, "known"}})
NLOHMANN_JSON_SERIALIZE_ENUM(discovery_mode, {{discovery_mode::automatic, "auto"},
                                              {discovery_mode::daemon, "daemon"},
                                              {discovery_mode::embedded, "embedded"},
                                              {discovery_mode::off, "off"}})
NLOHMANN_JSON_SERIALIZE_ENUM(connect_when, {{connect_when::never, "never"},
                                            {connect_when::always, "always"},
                                            {connect_when::on_demand, "on_demand"}})

namespace {

/// `result` holds the defaults.
sound_system read_sound_system(const json_reader& place, sound_system result, bool may_offer) {
  place.take("enabled", result.enabled);
  place.take("client", result.client);
  place.take("clock", result.clock);
  place.take("active_sensing", result.active_sensing);
  place.take("same_period", result.same_period);
  if (place.has("export")) {
    auto devices = place.at("export");
    devices.take("mode", result.devices.which);
    read_name_patterns(devices, "include", result.devices.include);
    read_name_patterns(devices, "exclude", result.devices.exclude);
  }
  if (place.has("import")) {
    auto peers = place.at("import");
    peers.take("mode", result.peers.which);
    read_name_patterns(peers, "include", result.peers.include);
    read_name_patterns(peers, "exclude", result.peers.exclude);
    peers.take("linger_ms", result.peers.linger);
  }
  if (!place.has("virtual_ports"))
    return result;
  result.virtual_ports.clear();
  std::map<std::string, std::size_t> known;
  place.each("virtual_ports", [&](const json_reader& item) {
    auto& port = result.virtual_ports.emplace_back();
    item.take("name", port.name);
    item.take("direction", port.direction);
    item.take("offers", port.offers);
    if (port.offers && !may_offer)
      item.at("offers").refuse("true", "false; only ALSA's ports can offer what connects to them");
    if (auto [earlier, fresh] = known.emplace(port.name, known.size()); !fresh)
      item.at("name").refuse("\"" + port.name + "\" a second time", "a name of its own");
  });
  return result;
}

void read_tls(const json_reader& place, tls& result) {
  place.take("certificate", result.certificate);
  place.take("key", result.key);
}

tcp_listener read_listener(const json_reader& place) {
  tcp_listener result;
  place.take("name", result.name);
  place.take("address", result.address);
  if (!is_address_literal(result.address))
    place.at("address").refuse("\"" + result.address + "\"",
                               "a literal address such as 127.0.0.1, 0.0.0.0 or ::");
  place.take("port", result.port);
  place.take("max_clients", result.max_clients);
  read_address_ranges(place, "allow", result.allow);
  if (place.has("tls"))
    read_tls(place.at("tls"), result.tls.emplace());
  return result;
}

tcp_target read_target(const json_reader& place) {
  tcp_target result;
  bool whole = place.value().is_object();
  auto host = whole ? place.at("host") : place;
  auto text = host.value().get<std::string>();
  // Port 0 cannot be written, so it stands for a port that is missing.
  auto target = parse_host_port(text, 0);
  if (whole) {
    place.take("port", result.port);
    place.take("name", result.name);
    place.take("tls", result.tls);
    place.take("authorities", result.authorities);
    result.host = text;
    if (!target || target->host != text)
      host.refuse(describe_value(host.value()),
                  "a host name or an address without brackets; the port has its own key");
  } else if (target && target->port != 0) {
    result.host = target->host;
    result.port = target->port;
  } else {
    place.refuse(describe_value(place.value()),
                 "host:port, as in desk.local:21000 or [fe80::1%eth0]:21000");
  }
  return result;
}

connect_rule read_connect_rule(const json_reader& place) {
  connect_rule result;
  read_name_patterns(place, "service", result.service);
  read_name_patterns(place, "host", result.host);
  read_address_ranges(place, "addresses", result.addresses);
  read_name_patterns(place, "except", result.except);
  place.take("when", result.when);
  place.take("session", result.session);
  return result;
}

} // namespace

local_ports read_local_ports(const json_reader& place) {
  local_ports result;
  if (place.has("alsa"))
    result.alsa = read_sound_system(place.at("alsa"), default_alsa(), true);
  if (place.has("jack"))
    result.jack = read_sound_system(place.at("jack"), {}, false);
  return result;
}

tcp read_tcp(const json_reader& place) {
  tcp result;
  place.each("listen",
             [&](const json_reader& item) { result.listen.push_back(read_listener(item)); });
  place.each("connect",
             [&](const json_reader& item) { result.connect.push_back(read_target(item)); });
  return result;
}

multicast_cable read_multicast_cable(const json_reader& place) {
  multicast_cable result;
  place.take("name", result.name);
  place.take("group", result.group);
  place.take("port", result.port);
  place.take("interface", result.interface);
  auto network = parse_address_range("224.0.0.0/4");
  auto group = parse_address_range(result.group);
  if (!group || group->bits != 128 || !network->contains(group->prefix))
    place.at("group").refuse("\"" + result.group + "\"",
                             "an IPv4 multicast address such as 225.0.0.37");
  return result;
}

discovery read_discovery(const json_reader& place) {
  discovery result;
  place.take("mode", result.mode);
  place.take("publish", result.publish);
  place.take("browse", result.browse);
  place.take("interfaces", result.interfaces);
  place.each("connect",
             [&](const json_reader& item) { result.connect.push_back(read_connect_rule(item)); });
  return result;
}

} // namespace tutti::config
