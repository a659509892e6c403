// What the hub announces: how offers become announcements.
#include "actors/discovery_state.hpp"
#include "io/log.hpp"

#include <algorithm>
#include <utility>

namespace tutti {

namespace {

boost::asio::ip::address to_address(const io::endpoint& where) {
  boost::asio::ip::address_v6 v6(where.address, where.scope);
  if (where.is_v4())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
  return v6;
}

io::announcement to_announcement(const offer& what, const std::vector<std::string>& interfaces) {
  io::announcement out;
  out.name = what.name;
  out.type = what.type;
  out.txt = what.txt;
  out.interfaces = interfaces;
  out.port = what.listens.empty() ? std::uint16_t(0) : what.listens.front().port;
  auto everywhere = [](const io::endpoint& where) { return where.is_unspecified(); };
  auto open = std::find_if(what.listens.begin(), what.listens.end(), everywhere);
  if (open == what.listens.end()) {
    for (const auto& where : what.listens)
      out.addresses.push_back(to_address(where));
  } else if (std::all_of(what.listens.begin(), what.listens.end(),
                         [](const auto& where) { return where.is_v4(); })) {
    out.family = io::ip_family::ipv4;
  }
  return out;
}

} // namespace

void discovery_state::publish(const offer& what) {
  auto known = find(what.name, what.type);
  if (!known)
    known = &published_.emplace_back();
  known->what = what;
  tell_ports();
  if (!settings_.publish)
    return;
  if (what.listens.empty()) { // none of its addresses is there just now
    if (known->id != 0)
      mdns_->withdraw(std::exchange(known->id, 0));
    known->status = {};
    return;
  }
  auto announcement = to_announcement(what, settings_.interfaces);
  if (known->id != 0)
    mdns_->update(known->id, std::move(announcement));
  else
    known->id = mdns_->publish(std::move(announcement));
}

void discovery_state::withdraw(const std::string& who, const std::string& type) {
  auto known = find(who, type);
  if (!known)
    return;
  if (known->id != 0)
    mdns_->withdraw(known->id);
  published_.erase(published_.begin() + (known - published_.data()));
  tell_ports();
}

discovery_state::published* discovery_state::find(const std::string& who, const std::string& type) {
  for (auto& one : published_)
    if (one.what.name == who && one.what.type == type)
      return &one;
  return nullptr;
}

// By its ports, our own services are known among those on the network.
void discovery_state::tell_ports() {
  std::vector<std::uint16_t> ports;
  for (const auto& one : published_)
    for (const auto& where : one.what.listens)
      ports.push_back(where.port);
  mdns_->set_listening_ports(std::move(ports));
}

void discovery_state::on_offer(const io::publication_status& status) {
  for (auto& one : published_) {
    if (one.id != status.id)
      continue;
    if (status.state == io::publication_state::established &&
        one.status.state != io::publication_state::established)
      io::log_info("\"{}\" ({}) is announced on the network", status.name, one.what.type);
    one.status = status;
  }
}

void discovery_state::on_notice(const io::notice& notice) {
  switch (notice.level) {
  case io::severity::info: io::log_info("{}", notice.text); break;
  case io::severity::warning: io::log_warning("{}", notice.text); break;
  case io::severity::error: io::log_error("{}", notice.text); break;
  }
}

} // namespace tutti
