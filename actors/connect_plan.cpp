#include "actors/connect_plan.hpp"

#include "config/admission.hpp"
#include "io/address_order.hpp"

#include <algorithm>

namespace tutti {

namespace {

const config::connect_rule* find_rule(const std::vector<config::connect_rule>& rules,
                                      const io::discovered_service& service) {
  std::vector<config::address_octets> addresses;
  for (const auto& where : service.endpoints)
    addresses.push_back(to_endpoint(where).address);
  return config::find_connect_rule(rules, {service.name, service.host, addresses});
}

} // namespace

io::endpoint to_endpoint(const boost::asio::ip::udp::endpoint& where) {
  return io::from_socket_address(where.data());
}

void connect_plan::on_service(const io::service_event& event) {
  using kind = io::service_event::kind;
  const auto& service = event.service;
  if (event.what == kind::removed) {
    auto found = services_.find(service.name);
    if (found == services_.end())
      return;
    if (found->second.invited)
      commands_.push_back({command::kind::abandon,
                           found->second.rule->session,
                           {service_key(service.name), service.name, {}},
                           farewell::later});
    services_.erase(found);
    return;
  }
  auto& entry = services_[service.name];
  entry.service = service;
  judge(entry, event.what == kind::added);
}

void connect_plan::on_wanted(const std::string& service, bool wanted) {
  auto found = services_.find(service);
  if (found == services_.end() || found->second.wanted == wanted)
    return;
  found->second.wanted = wanted;
  judge(found->second, false);
}

// Invites if that is due, or takes an invitation back. `news`: the peer has just come.
void connect_plan::judge(known_service& entry, bool news) {
  auto before = entry.rule;
  entry.rule = find_rule(rules_, entry.service);
  auto when = entry.rule ? entry.rule->when : config::connect_when::never;
  auto wants = when == config::connect_when::always ||
               (when == config::connect_when::on_demand && entry.wanted);
  auto key = service_key(entry.service.name);
  if (entry.invited && (!wants || before->session != entry.rule->session)) {
    commands_.push_back({command::kind::abandon,
                         before->session,
                         {key, entry.service.name, {}},
                         farewell::goodbye});
    entry.invited = false;
  }
  if (!wants)
    return;
  auto candidates = ranked(entry.service.endpoints);
  if (entry.invited && !news && candidates == entry.candidates)
    return;
  entry.invited = true;
  entry.candidates = candidates;
  invite(entry.rule->session, std::move(key), entry.service.name, std::move(candidates));
}

void connect_plan::on_interfaces(std::vector<io::network_interface> interfaces) {
  interfaces_ = std::move(interfaces);
  for (auto& [name, entry] : services_)
    judge(entry, true);
  for (auto& [key, one] : peers_)
    if (!one.endpoints.empty())
      invite(one.peer.session, key, {}, ranked(one.endpoints));
}

std::optional<std::string> connect_plan::service_of(const std::string& key) {
  const auto prefix = service_key({});
  if (!key.starts_with(prefix))
    return {};
  return key.substr(prefix.size());
}

std::string connect_plan::peer_key(const config::remote_peer& peer) {
  auto key = "peer/" + peer.host + ':' + std::to_string(peer.port);
  return peer.session.empty() ? key : key + '/' + peer.session;
}

std::string connect_plan::add_peer(const config::remote_peer& peer) {
  auto key = peer_key(peer);
  peers_[key] = {peer, {}};
  return key;
}

void connect_plan::remove_peer(const config::remote_peer& peer) {
  auto key = peer_key(peer);
  if (peers_.erase(key) > 0)
    commands_.push_back({command::kind::abandon, peer.session, {key, {}, {}}, farewell::goodbye});
}

void connect_plan::on_resolved(const std::string& key,
                               const std::vector<boost::asio::ip::udp::endpoint>& endpoints) {
  auto found = peers_.find(key);
  if (found == peers_.end() || endpoints.empty())
    return;
  auto& before = found->second.endpoints;
  if (std::is_permutation(before.begin(), before.end(), endpoints.begin(), endpoints.end()))
    return;
  before = endpoints;
  invite(found->second.peer.session, key, {}, ranked(endpoints));
}

const config::remote_peer* connect_plan::peer(const std::string& key) const {
  auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : &found->second.peer;
}

void connect_plan::renew(const std::string& session) {
  for (const auto& [name, entry] : services_)
    if (entry.invited && entry.rule->session == session)
      invite(session, service_key(name), name, entry.candidates);
  for (const auto& [key, one] : peers_)
    if (one.peer.session == session && !one.endpoints.empty())
      invite(session, key, {}, ranked(one.endpoints));
}

void connect_plan::invite(const std::string& session, std::string key, std::string name,
                          std::vector<io::endpoint> candidates) {
  if (!candidates.empty())
    commands_.push_back({command::kind::invite,
                         session,
                         {std::move(key), std::move(name), std::move(candidates)},
                         farewell::later});
}

std::vector<io::endpoint>
connect_plan::ranked(const std::vector<boost::asio::ip::udp::endpoint>& endpoints) const {
  std::vector<io::endpoint> out;
  for (const auto& where : io::order_endpoints(endpoints, interfaces_))
    out.push_back(to_endpoint(where));
  return out;
}

} // namespace tutti
