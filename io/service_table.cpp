#include "io/service_table.hpp"

#include <algorithm>
#include <cassert>

namespace tutti::io {

namespace ip = boost::asio::ip;

// -- what the responder says
// ------------------------------------------------------------------------

void service_table::on_instance(const std::string& name, sighting where, time_point now) {
  auto entry = instances_.find(name);
  if (!where.present) {
    if (entry == instances_.end() || !entry->second.seen.erase({where.interface, where.family}))
      return;
    if (entry->second.seen.empty()) {
      unfollow(entry);
      waiting_.erase(name);
    }
    touch(entry, now);
    return;
  }
  if (entry == instances_.end()) {
    if (instances_.size() >= max_instances) {
      ++dropped_;
      return;
    }
    entry = instances_.try_emplace(name).first;
  }
  const bool first = entry->second.seen.empty();
  entry->second.seen.insert({where.interface, where.family});
  if (first)
    want(entry, now);
  touch(entry, now);
}

void service_table::on_server(const std::string& instance_name, sighting where,
                              const std::string& host_name, std::uint16_t port, time_point now) {
  const auto entry = instances_.find(instance_name);
  if (entry == instances_.end() || !entry->second.followed)
    return; // an answer that was under way when the question was released
  auto& servers = entry->second.servers;
  server record{{where.interface, where.family}, host_name, port};
  entry->second.unconfirmed.erase(record);
  if (!where.present) {
    if (!servers.count(record))
      return;
    remove_server(entry, record);
  } else {
    if (servers.size() >= max_servers_of_instance && !servers.count(record)) {
      ++dropped_;
      return;
    }
    const bool known = std::any_of(servers.begin(), servers.end(),
                                   [&](const server& other) { return other.host == host_name; });
    servers.insert(std::move(record));
    if (!known) {
      users_.emplace(host_name, instance_name);
      use_host(host_name);
    }
  }
  touch(entry, now);
}

void service_table::remove_server(instance_map::iterator entry, const server& record) {
  auto& servers = entry->second.servers;
  const auto host_name = record.host;
  servers.erase(record);
  if (std::any_of(servers.begin(), servers.end(),
                  [&](const server& other) { return other.host == host_name; }))
    return;
  users_.erase({host_name, entry->first});
  drop_host(host_name);
}

void service_table::on_address(const std::string& host_name, sighting where,
                               const ip::address& address, time_point now) {
  const auto found = hosts_.find(host_name);
  if (found == hosts_.end())
    return;
  auto& addresses = found->second.addresses;
  host_address record{{where.interface, where.family}, address};
  if (!where.present) {
    if (!addresses.erase(record))
      return;
  } else {
    if (addresses.size() >= max_addresses_of_host && !addresses.count(record)) {
      ++dropped_;
      return;
    }
    addresses.insert(std::move(record));
  }
  touch_users(host_name, now);
}

void service_table::on_question_failed(const service_question& question, time_point now) {
  const auto leave = [&](const std::string& name) {
    const auto entry = instances_.find(name);
    if (entry == instances_.end() || !entry->second.followed)
      return;
    unfollow(entry);
    if (entry->second.told)
      entry->second.left = true;
    else
      want_later(entry, now);
    touch(entry, now);
  };
  if (question.what == service_question::kind::server) {
    leave(question.name);
    return;
  }
  std::vector<std::string> users;
  for (auto user = users_.lower_bound({question.name, {}});
       user != users_.end() && user->first == question.name; ++user)
    users.push_back(user->second);
  for (const auto& user : users)
    leave(user);
}

void service_table::on_responder_lost(time_point now) {
  held_until_ = now + hold_time;
  hosts_.clear();
  users_.clear();
  followed_.clear();
  waiting_.clear();
  waiting_until_.reset();
  on_probation_.clear();
  to_confirm_.clear();
  changes_ = {};
  for (auto& [name, entry] : instances_) {
    entry.seen.clear();
    entry.servers.clear();
    entry.unconfirmed.clear();
    entry.followed = false;
    entry.asked = false;
    entry.left = false;
    entry.held = true;
  }
}

void service_table::set_local_host(local_host local, time_point now) {
  own_addresses_.clear();
  loopback_.clear();
  chosen_.reset();
  if (!local.chosen_interfaces.empty())
    chosen_.emplace();
  for (const auto& interface : local.interfaces) {
    for (const auto& assigned : interface.addresses)
      own_addresses_.insert(assigned.address);
    if (interface.loopback)
      loopback_.insert(interface.index);
    if (chosen_ && std::find(local.chosen_interfaces.begin(), local.chosen_interfaces.end(),
                             interface.name) != local.chosen_interfaces.end())
      chosen_->insert(interface.index);
  }
  own_hosts_ = {local.host_names.begin(), local.host_names.end()};
  own_ports_ = {local.ports.begin(), local.ports.end()};
  for (auto entry = instances_.begin(); entry != instances_.end(); ++entry)
    touch(entry, now);
}

void service_table::refresh(const std::string& name, time_point now) {
  const auto entry = instances_.find(name);
  if (entry == instances_.end())
    return;
  end_probation(entry, now);
  if (!entry->second.left || entry->second.seen.empty())
    return;
  // Until the answers come it is what it was; without any it is gone.
  entry->second.left = false;
  want(entry, now);
  entry->second.held = true;
  held_until_ = std::max(held_until_.value_or(now), now + hold_time);
}

// -- questions
// --------------------------------------------------------------------------------------

void service_table::want(instance_map::iterator entry, time_point now) {
  if (make_room(now))
    follow(entry, now);
  else
    want_later(entry, now);
}

void service_table::want_later(instance_map::iterator entry, time_point now) {
  waiting_.insert(entry->first);
  if (!waiting_until_)
    waiting_until_ = now + waiting_interval;
}

void service_table::follow_waiting(time_point now) {
  for (auto name = waiting_.begin(); name != waiting_.end(); name = waiting_.erase(name)) {
    if (!make_room(now))
      break;
    follow(instances_.find(*name), now);
  }
  waiting_until_.reset();
  if (!waiting_.empty())
    waiting_until_ = now + waiting_interval;
}

/// True if one more can be followed, maybe because one that needs it less no longer is.
bool service_table::make_room(time_point now) {
  if (followed_.size() < max_followed)
    return true;
  for (const auto& [serial, name] : followed_) {
    const auto oldest = instances_.find(name);
    if (!oldest->second.told && now - oldest->second.since < patience)
      continue;
    unfollow(oldest);
    if (oldest->second.told)
      oldest->second.left = true;
    else
      want_later(oldest, now);
    return true;
  }
  return false;
}

void service_table::follow(instance_map::iterator entry, time_point now) {
  auto& followed = entry->second;
  followed.followed = true;
  followed.since = now;
  followed.serial = next_serial_++;
  followed_.emplace(followed.serial, entry->first);
  followed.asked = true;
  changes_.push_back({true, {service_question::kind::server, entry->first}});
}

void service_table::unfollow(instance_map::iterator entry) {
  if (!entry->second.followed)
    return;
  entry->second.followed = false;
  followed_.erase(entry->second.serial);
  if (std::exchange(entry->second.asked, false))
    changes_.push_back({false, {service_question::kind::server, entry->first}});
  std::set<std::string> host_names;
  for (const auto& record : entry->second.servers)
    host_names.insert(record.host);
  for (const auto& host_name : host_names) {
    users_.erase({host_name, entry->first});
    drop_host(host_name);
  }
  entry->second.servers.clear();
  entry->second.unconfirmed.clear();
  for (auto* due : {&on_probation_, &to_confirm_})
    std::erase_if(*due, [&](const auto& one) { return one.serial == entry->second.serial; });
}

void service_table::put_on_probation(instance_map::iterator entry, time_point now) {
  if (!std::exchange(entry->second.asked, false))
    return;
  changes_.push_back({false, {service_question::kind::server, entry->first}});
  on_probation_.push_back({now + probation, entry->second.serial});
}

void service_table::end_probation(instance_map::iterator entry, time_point now) {
  if (!entry->second.followed || std::exchange(entry->second.asked, true))
    return;
  changes_.push_back({true, {service_question::kind::server, entry->first}});
  entry->second.unconfirmed = entry->second.servers;
  to_confirm_.push_back({now + confirm_time, entry->second.serial});
}

void service_table::drop_unconfirmed(instance_map::iterator entry, time_point now) {
  for (const auto& record : std::exchange(entry->second.unconfirmed, {})) {
    remove_server(entry, record);
    touch(entry, now);
  }
}

void service_table::keep_appointments(time_point now) {
  const auto keep = [&](std::deque<appointment>& due, auto deed) {
    for (; !due.empty() && due.front().when <= now; due.pop_front())
      (this->*deed)(instances_.find(followed_.at(due.front().serial)), now);
  };
  keep(on_probation_, &service_table::end_probation);
  keep(to_confirm_, &service_table::drop_unconfirmed);
}

void service_table::use_host(const std::string& name) {
  if (hosts_[name].users++ == 0)
    changes_.push_back({true, {service_question::kind::addresses, name}});
}

void service_table::drop_host(const std::string& name) {
  const auto found = hosts_.find(name);
  assert(found != hosts_.end());
  if (--found->second.users > 0)
    return;
  hosts_.erase(found);
  changes_.push_back({false, {service_question::kind::addresses, name}});
}

std::vector<question_change> service_table::take_questions() {
  return std::exchange(changes_, {});
}

// -- entries
// ----------------------------------------------------------------------------------------

void service_table::touch(instance_map::iterator entry, time_point now) {
  if (std::exchange(entry->second.dirty, true))
    return;
  settling_.emplace_back(now + settle_time, entry->first);
}

void service_table::touch_users(const std::string& host_name, time_point now) {
  for (auto user = users_.lower_bound({host_name, {}});
       user != users_.end() && user->first == host_name; ++user)
    touch(instances_.find(user->second), now);
}

bool service_table::counts(unsigned interface) const {
  return !chosen_ || interface == 0 || chosen_->count(interface);
}

bool service_table::is_ours(const ip::udp::endpoint& endpoint) const {
  return own_ports_.count(endpoint.port()) && own_addresses_.count(endpoint.address());
}

/// The address as it can be connected to, or nothing: announcers say what they like.
std::optional<ip::address> service_table::usable(const host_address& candidate) const {
  auto address = candidate.address;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  if (address.is_unspecified() || address.is_multicast() ||
      address == ip::address(ip::address_v4::broadcast()))
    return {};
  if (address.is_loopback() && !loopback_.count(candidate.where.interface))
    return {};
  if (address.is_v6() && address.to_v6().is_link_local()) {
    if (candidate.where.interface == 0)
      return {}; // nobody knows on which link
    auto scoped = address.to_v6();
    scoped.scope_id(candidate.where.interface);
    address = scoped;
  }
  return address;
}

std::optional<discovered_service> service_table::view(const std::string& name,
                                                      const instance& entry) const {
  if (entry.seen.empty())
    return {};
  if (entry.left)
    return entry.told;
  const auto seen_where_it_counts = [&](const place& where) { return counts(where.interface); };
  if (std::none_of(entry.seen.begin(), entry.seen.end(), seen_where_it_counts))
    return {};
  discovered_service service{name, type_, {}, {}};
  for (const auto& record : entry.servers) {
    if (!counts(record.where.interface) || record.port == 0)
      continue;
    if (own_hosts_.count(record.host) && own_ports_.count(record.port))
      return {}; // ours, under whatever name
    add_endpoints(service, record.host, record.port);
  }
  if (service.endpoints.empty())
    return {};
  std::sort(service.endpoints.begin(), service.endpoints.end());
  service.endpoints.erase(std::unique(service.endpoints.begin(), service.endpoints.end()),
                          service.endpoints.end());
  if (service.endpoints.size() > max_endpoints)
    service.endpoints.resize(max_endpoints);
  return service;
}

void service_table::add_endpoints(discovered_service& service, const std::string& of_host,
                                  std::uint16_t port) const {
  const auto found = hosts_.find(of_host);
  if (found == hosts_.end())
    return;
  for (const auto& candidate : found->second.addresses) {
    if (!counts(candidate.where.interface))
      continue;
    const auto address = usable(candidate);
    // A remote host may announce an address that every host has, such as that of a container
    // bridge; connecting to it would be connecting to ourselves.
    if (!address || is_ours({*address, port}))
      continue;
    service.endpoints.emplace_back(*address, port);
    if (service.host.empty())
      service.host = of_host;
  }
}

void service_table::evaluate(instance_map::iterator found, time_point now,
                             std::vector<service_event>& events) {
  auto& entry = found->second;
  auto seen = view(found->first, entry);
  if (!seen && entry.told && entry.held && held_until_ && now < *held_until_)
    return;
  if (seen || !held_until_ || now >= *held_until_)
    entry.held = false;
  if (seen && !entry.told) {
    events.push_back({service_event::kind::added, *seen});
    put_on_probation(found, now);
  } else if (seen && *seen != *entry.told)
    events.push_back({service_event::kind::changed, *seen});
  else if (!seen && entry.told)
    events.push_back({service_event::kind::removed, std::move(*entry.told)});
  entry.told = std::move(seen);
  if (!entry.told && entry.seen.empty())
    instances_.erase(found);
}

std::vector<service_event> service_table::take_events(time_point now) {
  std::vector<service_event> events;
  keep_appointments(now);
  if (held_until_ && now >= *held_until_) {
    for (auto entry = instances_.begin(); entry != instances_.end();) {
      const auto current = entry++;
      if (current->second.held)
        evaluate(current, now, events);
    }
    held_until_.reset();
  }
  while (!settling_.empty() && settling_.front().first <= now) {
    const auto entry = instances_.find(settling_.front().second);
    settling_.pop_front();
    if (entry == instances_.end())
      continue;
    entry->second.dirty = false;
    evaluate(entry, now, events);
  }
  if (waiting_until_ && (!events.empty() || now >= *waiting_until_))
    follow_waiting(now); // what was told just now needs its place less
  return events;
}

std::optional<service_table::time_point> service_table::next_deadline() const {
  auto deadline = held_until_;
  const auto sooner = [&](time_point time) { deadline = std::min(deadline.value_or(time), time); };
  if (!settling_.empty())
    sooner(settling_.front().first);
  if (waiting_until_)
    sooner(*waiting_until_);
  for (const auto* due : {&on_probation_, &to_confirm_})
    if (!due->empty())
      sooner(due->front().when);
  return deadline;
}

std::vector<discovered_service> service_table::services() const {
  std::vector<discovered_service> all;
  for (const auto& [name, entry] : instances_)
    if (entry.told)
      all.push_back(*entry.told);
  return all;
}

} // namespace tutti::io
