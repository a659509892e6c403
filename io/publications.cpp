#include "io/publications.hpp"

#include <avahi-common/alternative.h>
#include <avahi-common/malloc.h>

#include <algorithm>

namespace tutti::io {

namespace ip = boost::asio::ip;

namespace {

template <class Value>
bool holds(const std::vector<Value>& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool matches(ip_family family, const ip::address& address) {
  return family == ip_family::any || (family == ip_family::ipv4) == address.is_v4();
}

bool same_address(const ip::address& a, const ip::address& b) {
  if (a.is_v6() && b.is_v6() && a.to_v6().scope_id() * b.to_v6().scope_id() == 0)
    return a.to_v6().to_bytes() == b.to_v6().to_bytes(); // one of them does not say which link
  return a == b;
}

bool is_bound_to(const std::vector<ip::address>& addresses, const ip::address& address) {
  return addresses.empty() ||
         std::any_of(addresses.begin(), addresses.end(),
                     [&](const auto& bound) { return same_address(bound, address); });
}

/// "hub.local" and port 5004 to "hub-5004.local": a host name that only this service points to.
std::string host_for(const std::string& responder_host, std::uint16_t port, unsigned number) {
  const auto dot = responder_host.find('.');
  auto suffix = "-" + std::to_string(port);
  if (number > 1)
    suffix += "-" + std::to_string(number);
  constexpr std::size_t longest = 63; // octets of a label
  return responder_host.substr(0, std::min(dot, longest - suffix.size())) + suffix +
         (dot == std::string::npos ? ".local" : responder_host.substr(dot));
}

std::string alternative_name(const std::string& name) {
  char* other = avahi_alternative_service_name(name.c_str());
  std::string result = other;
  avahi_free(other);
  return result;
}

/// The character of UTF-8 that this begins with; empty if it begins with none.
std::string_view first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC0 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                                           : 4;
  if (length == 0 || length > text.size())
    return {};
  const auto character = text.substr(0, length);
  const bool whole = std::all_of(character.begin() + 1, character.end(),
                                 [](unsigned char c) { return (c & 0xC0) == 0x80; });
  return whole ? character : std::string_view();
}

bool may_be_in_name(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  return lead >= 0x20 && lead != 0x7F;
}

/// The responder's host name has addresses that this service does not listen on, and clients try
/// them: so the service points to a host name with the right addresses and no others. False if the
/// interface has none.
bool add_host_records(registration& plan, const announcement& service,
                      const network_interface& interface) {
  const auto before = plan.host_records.size();
  for (const auto& assigned : interface.addresses)
    if (!assigned.tentative && !assigned.short_lived && matches(service.family, assigned.address) &&
        is_bound_to(service.addresses, assigned.address))
      plan.host_records.push_back({interface.index, assigned.address});
  return plan.host_records.size() > before;
}

} // namespace

std::string fit_service_name(std::string_view name) {
  constexpr std::size_t longest = 63;
  std::string fitted;
  while (!name.empty()) {
    const auto character = first_character(name);
    name.remove_prefix(std::max<std::size_t>(character.size(), 1));
    if (character.empty() || !may_be_in_name(character))
      continue;
    if (fitted.size() + character.size() > longest)
      break;
    fitted += character;
  }
  return fitted.empty() ? "Tutti" : fitted;
}

registration plan_registration(const announcement& service, const std::string& name,
                               const announcing_host& host, unsigned host_number) {
  registration plan{name, service.type, service.port, service.txt, {}, {}, {}};
  const bool anywhere = service.interfaces.empty() || service.interfaces == host.restricted_to;
  const bool own_host = service.family != ip_family::any || !service.addresses.empty();
  if (own_host)
    plan.host = host_for(host.name, service.port, host_number);
  bool loopback_only = true;
  std::vector<const network_interface*> usable;
  for (const auto& interface : host.interfaces) {
    if (!interface.up || (!anywhere && !holds(service.interfaces, interface.name)))
      continue;
    if (own_host && !add_host_records(plan, service, interface))
      continue;
    usable.push_back(&interface);
    loopback_only = loopback_only && interface.loopback;
  }
  if (anywhere && service.addresses.empty()) {
    if (!own_host || !plan.host_records.empty())
      plan.interfaces = {0}; // the responder follows the interfaces itself
    return plan;
  }
  for (const auto* interface : usable)
    if (loopback_only || !interface->loopback)
      plan.interfaces.push_back(interface->index);
  return plan;
}

void publications::publish(registration_id id, announcement service) {
  service.name = fit_service_name(service.name);
  const auto [entry, fresh] = entries_.try_emplace(id);
  if (!fresh && entry->second.wanted == service)
    return;
  if (fresh || entry->second.wanted.name != service.name) {
    entry->second.name = service.name;
    entry->second.renames = 0;
  }
  entry->second.wanted = std::move(service);
  start(entry);
}

void publications::withdraw(registration_id id) {
  const auto entry = entries_.find(id);
  if (entry == entries_.end())
    return;
  take_back(entry);
  entries_.erase(entry);
}

/// Brings the responder up to date with one service, doing nothing if it is.
void publications::start(publication_map::iterator place) {
  auto& [id, entry] = *place;
  entry.retry_at.reset();
  entry.reason.clear();
  if (host_.name.empty()) { // what was announced went with the responder
    entry.registered.reset();
    for (const auto& [address, record] : entry.addresses)
      address_owners_.erase(address);
    entry.addresses.clear();
    entry.state = publication_state::waiting;
    return;
  }
  auto plan = plan_registration(entry.wanted, entry.name, host_, entry.host_number);
  if (plan.interfaces.empty()) {
    take_back(place);
    entry.state = publication_state::waiting;
    return;
  }
  start_addresses(place, plan.host, std::exchange(plan.host_records, {}));
  if (entry.registered == plan)
    return;
  commands_.push_back({publication_command::kind::announce, id, plan});
  entry.state = publication_state::probing;
  entry.registered = std::move(plan);
}

void publications::start_addresses(publication_map::iterator place, const std::string& host,
                                   const std::vector<host_record>& records) {
  auto& [id, entry] = *place;
  auto missing = records;
  for (auto address = entry.addresses.begin(); address != entry.addresses.end();) {
    const auto& announced = address->second;
    const auto found = std::find(missing.begin(), missing.end(), announced.host_records.front());
    if (found != missing.end() && announced.host == host) {
      missing.erase(found);
      ++address;
      continue;
    }
    commands_.push_back({publication_command::kind::withdraw, address->first, {}});
    address_owners_.erase(address->first);
    address = entry.addresses.erase(address);
  }
  for (const auto& record : missing) {
    registration announced;
    announced.host = host;
    announced.host_records = {record};
    const auto address = next_address_++;
    address_owners_.emplace(address, id);
    commands_.push_back({publication_command::kind::announce, address, announced});
    entry.addresses.emplace(address, std::move(announced));
  }
}

void publications::take_back(publication_map::iterator place) {
  auto& [id, entry] = *place;
  if (entry.registered)
    commands_.push_back({publication_command::kind::withdraw, id, {}});
  entry.registered.reset();
  start_addresses(place, {}, {});
}

void publications::on_responder(const std::string& host, std::vector<std::string> restricted_to) {
  host_.restricted_to = std::move(restricted_to);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    entry->second.name = entry->second.wanted.name;
    entry->second.renames = 0;
    entry->second.host_number = 1;
    host_.name.clear();
    start(entry); // forgets what the one before was told
    host_.name = host;
    start(entry);
  }
  host_.name = host;
}

void publications::on_result(const registration_result& result, time_point now) {
  const auto owner = address_owners_.find(result.id);
  const bool is_address = owner != address_owners_.end();
  const auto place = entries_.find(is_address ? owner->second : result.id);
  if (place == entries_.end() || !place->second.registered)
    return;
  auto& entry = place->second;
  const bool collision = result.outcome == registration_outcome::collision;
  if (result.outcome == registration_outcome::established) {
    if (!is_address)
      entry.state = publication_state::established;
  } else if (is_address) {
    take_back(place);
    if (!collision)
      return fail(entry, result.reason, now);
    ++entry.host_number;
    start(place);
  } else if (collision && entry.renames < max_renames) {
    take_next_name(entry);
    entry.registered.reset();
    start(place);
  } else {
    take_back(place);
    fail(entry, collision ? "every name tried is taken" : result.reason, now);
  }
}

void publications::take_next_name(publication& entry) {
  ++entry.renames;
  entry.name = alternative_name(entry.name);
}

void publications::avoid(const std::set<service_name>& taken) {
  for (auto place = entries_.begin(); place != entries_.end(); ++place) {
    auto& entry = place->second;
    auto before = entry.renames;
    while (entry.state == publication_state::probing && entry.renames < max_renames &&
           taken.count({entry.wanted.type, entry.name}) > 0)
      take_next_name(entry);
    if (entry.renames != before)
      start(place);
  }
}

void publications::fail(publication& entry, std::string reason, time_point now) {
  entry.state = publication_state::failed;
  entry.reason = std::move(reason);
  entry.name = entry.wanted.name;
  entry.renames = 0;
  entry.host_number = 1;
  entry.retry_at = now + retry_time;
}

void publications::on_interfaces(std::vector<network_interface> interfaces) {
  host_.interfaces = std::move(interfaces);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
    if (entry->second.state != publication_state::failed)
      start(entry);
}

void publications::on_time(time_point now) {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
    if (entry->second.retry_at && *entry->second.retry_at <= now)
      start(entry);
}

std::optional<publications::time_point> publications::next_deadline() const {
  std::optional<time_point> deadline;
  for (const auto& [id, entry] : entries_)
    if (entry.retry_at)
      deadline = std::min(deadline.value_or(*entry.retry_at), *entry.retry_at);
  return deadline;
}

publication_status publications::status(registration_id id, const publication& entry) const {
  return {id, entry.wanted.name, entry.name, entry.state, entry.reason};
}

std::vector<publication_status> publications::take_changes() {
  std::vector<publication_status> changes;
  for (auto& [id, entry] : entries_) {
    auto now = status(id, entry);
    if (entry.told == now)
      continue;
    entry.told = now;
    changes.push_back(std::move(now));
  }
  return changes;
}

std::vector<publication_status> publications::list() const {
  std::vector<publication_status> all;
  for (const auto& [id, entry] : entries_)
    all.push_back(status(id, entry));
  return all;
}

} // namespace tutti::io
