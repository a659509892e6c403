#include "actors/peer_table.hpp"

#include <algorithm>

namespace tutti {

namespace {

io::endpoint data_of(const io::endpoint& control) {
  return control.with_port(static_cast<std::uint16_t>(control.port + 1));
}

template <class Map, class Key>
peer_table::peer* find_in(const Map& map, const Key& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

/// The crowd of this key, or an empty one.
template <class Map, class Key>
const typename Map::mapped_type& crowd_of(const Map& map, const Key& key) {
  static const typename Map::mapped_type nobody;
  auto found = map.find(key);
  return found == map.end() ? nobody : found->second;
}

/// Takes the peer out of the crowd of this key, if it is in it.
template <class Map, class Key>
void leave_crowd(Map& map, const Key& key, const peer_table::peer& which) {
  auto found = map.find(key);
  if (found == map.end())
    return;
  found->second.erase(which.key);
  if (found->second.empty())
    map.erase(found);
}

} // namespace

peer_table::peer* peer_table::by_address(const io::endpoint& where) const {
  return find_in(addresses_, where);
}

[[gnu::hot]] peer_table::peer* peer_table::sender(const io::endpoint& where) {
  if (!last_sender_ || last_address_ != where) {
    last_sender_ = by_address(where);
    last_address_ = where;
  }
  return last_sender_;
}

peer_table::peer* peer_table::by_invitation(std::uint32_t ssrc, std::uint32_t token,
                                            const io::endpoint& where) const {
  peer* found = nullptr;
  for (const auto& [key, one] : crowd_of(invitations_, invitation_key(ssrc, token))) {
    found = one;
    if (found->address.control.same_host(where))
      break;
  }
  return found;
}

peer_table::peer* peer_table::by_host(std::uint32_t ssrc, const io::endpoint& where) const {
  for (const auto& [key, one] : crowd_of(ssrcs_, ssrc))
    if (is_on(*one, where))
      return one;
  return nullptr;
}

peer_table::peer* peer_table::by_target(const std::string& key) const {
  return find_in(targets_, key);
}

peer_table::peer* peer_table::by_expected_name(const std::string& name,
                                               const io::endpoint& where) const {
  auto found = find_in(expected_names_, name);
  return found && found->ssrc == 0 && is_on(*found, where) ? found : nullptr;
}

peer_table::peer* peer_table::by_name(const std::string& name, const io::endpoint& where) const {
  for (const auto& [key, one] : crowd_of(names_, name))
    if (is_on(*one, where))
      return one;
  return nullptr;
}

std::vector<peer_table::peer*> peer_table::namesakes(const std::string& name,
                                                     const io::endpoint& where) const {
  const auto& all = crowd_of(names_, name);
  std::vector<peer*> out;
  if (all.size() > max_namesakes)
    return out;
  for (const auto& [key, one] : all)
    if (one->in_session && !one->address.control.same_host(where))
      out.push_back(one);
  return out;
}

peer_table::peer* peer_table::by_identity(std::uint32_t ssrc, const std::string& name) const {
  peer* found = nullptr;
  for (const auto& [key, one] : crowd_of(ssrcs_, ssrc))
    if (one->name == name && (!found || found->targets.empty()))
      found = one;
  return found;
}

peer_table::peer* peer_table::twin_of(const peer& which) const {
  for (const auto& [key, other] : crowd_of(ssrcs_, which.ssrc))
    if (other != &which && other->in_session && other->name == which.name &&
        (share_host(which, *other) || !share_family(which, *other) ||
         which.targets.empty() != other->targets.empty()))
      return other;
  return nullptr;
}

bool peer_table::share_host(const peer& one, const peer& other) {
  return is_on(one, other.address.control) || is_on(other, one.address.control);
}

bool peer_table::share_family(const peer& one, const peer& other) {
  auto has = [](const peer& which, bool v4) {
    return which.address.control.is_v4() == v4 ||
           std::any_of(which.candidates.begin(), which.candidates.end(),
                       [v4](const io::endpoint& to) { return to.is_v4() == v4; });
  };
  return (has(one, true) && has(other, true)) || (has(one, false) && has(other, false));
}

peer_table::peer* peer_table::by_key(port_key key) const {
  auto found = peers_.find(key);
  return found == peers_.end() ? nullptr : found->second.get();
}

peer_table::peer& peer_table::add(port_key key, peer_session_actor session,
                                  const peer_address& address) {
  auto added = std::make_unique<peer>();
  added->key = key;
  added->session = std::move(session);
  auto& which = *added;
  peers_.emplace(key, std::move(added));
  set_control(which, address.control);
  if (address.data.port != 0)
    set_data(which, address.data);
  return which;
}

void peer_table::set_control(peer& which, const io::endpoint& where) {
  last_sender_ = nullptr;
  auto before = std::exchange(which.address.control, where);
  forget_address(before, which);
  addresses_[where] = &which;
}

void peer_table::set_data(peer& which, const io::endpoint& where) {
  last_sender_ = nullptr;
  auto before = std::exchange(which.address.data, where);
  forget_address(before, which);
  addresses_[where] = &which;
}

void peer_table::set_invitation(peer& which, const protocol::invitation& invitation) {
  forget_invitation(which);
  which.ssrc = invitation.ssrc;
  which.token = invitation.token;
  which.name = invitation.name;
  index_identity(which);
}

void peer_table::set_identity(peer& which, std::uint32_t ssrc, const std::string& name) {
  if (which.ssrc == ssrc && which.name == name)
    return;
  forget_invitation(which);
  which.ssrc = ssrc;
  which.name = name;
  index_identity(which);
}

void peer_table::index_identity(peer& which) {
  invitations_[invitation_key(which.ssrc, which.token)].emplace(which.key, &which);
  ssrcs_[which.ssrc].emplace(which.key, &which);
  names_[which.name].emplace(which.key, &which);
}

void peer_table::add_target(peer& which, invitation_target target) {
  auto key = target.key;
  targets_[key] = &which;
  if (!target.name.empty())
    expected_names_[target.name] = &which;
  which.targets[key] = std::move(target);
  gather_candidates(which);
}

void peer_table::remove_target(peer& which, const std::string& key) {
  auto target = which.targets.extract(key);
  if (target.empty())
    return;
  targets_.erase(key);
  if (auto found = expected_names_.find(target.mapped().name);
      found != expected_names_.end() && found->second == &which)
    expected_names_.erase(found);
  gather_candidates(which);
}

// An address that somebody is at stays his; a candidate is only a hope. A peer in session that is
// not invited any more may still come back at any of its addresses.
void peer_table::gather_candidates(peer& which) {
  if (which.targets.empty() && which.in_session)
    return;
  last_sender_ = nullptr;
  auto before = std::exchange(which.candidates, {});
  for (const auto& [key, target] : which.targets)
    for (const auto& one : target.candidates)
      if (std::find(which.candidates.begin(), which.candidates.end(), one) ==
          which.candidates.end())
        which.candidates.push_back(one);
  for (const auto& one : before) {
    forget_address(one, which);
    forget_address(data_of(one), which);
  }
  for (const auto& one : which.candidates) {
    addresses_.try_emplace(one, &which);
    addresses_.try_emplace(data_of(one), &which);
  }
}

bool peer_table::is_at(const peer& which, const io::endpoint& where) {
  auto fits = [&](const io::endpoint& one) { return one == where || data_of(one) == where; };
  return which.address.control == where || which.address.data == where ||
         std::any_of(which.candidates.begin(), which.candidates.end(), fits);
}

bool peer_table::is_on(const peer& which, const io::endpoint& where) {
  return which.address.control.same_host(where) ||
         std::any_of(which.candidates.begin(), which.candidates.end(),
                     [&](const io::endpoint& one) { return one.same_host(where); });
}

[[gnu::hot]] bool peer_table::may_play(const peer& which, const io::endpoint& where) {
  return which.address.data == where ||
         std::any_of(which.candidates.begin(), which.candidates.end(),
                     [&](const io::endpoint& one) { return data_of(one) == where; });
}

void peer_table::remove(port_key key) {
  auto found = peers_.find(key);
  if (found == peers_.end())
    return;
  auto& which = *found->second;
  last_sender_ = nullptr;
  which.in_session = false;
  while (!which.targets.empty())
    remove_target(which, std::string(which.targets.begin()->first));
  gather_candidates(which);
  erase_address(which.address.control, which);
  erase_address(which.address.data, which);
  forget_invitation(which);
  peers_.erase(found);
}

// Unless the peer is there for another reason. An address may have passed to another peer in the
// meantime.
void peer_table::forget_address(const io::endpoint& where, const peer& owner) {
  if (!is_at(owner, where))
    erase_address(where, owner);
}

void peer_table::erase_address(const io::endpoint& where, const peer& owner) {
  auto found = addresses_.find(where);
  if (found != addresses_.end() && found->second == &owner)
    addresses_.erase(found);
}

void peer_table::forget_invitation(const peer& owner) {
  leave_crowd(invitations_, invitation_key(owner.ssrc, owner.token), owner);
  leave_crowd(ssrcs_, owner.ssrc, owner);
  leave_crowd(names_, owner.name, owner);
}

} // namespace tutti
