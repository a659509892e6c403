#include "actors/peer_table.hpp"

namespace tutti {

namespace {

template <class Map, class Key>
peer_table::peer* find_in(const Map& map, const Key& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

/// Removes the entry of this key that is the owner's, if there is one.
template <class Map, class Key>
void erase_own(Map& map, const Key& key, const peer_table::peer& owner) {
  auto [first, last] = map.equal_range(key);
  for (; first != last; ++first)
    if (first->second == &owner) {
      map.erase(first);
      return;
    }
}

} // namespace

peer_table::peer* peer_table::by_address(const io::endpoint& where) const {
  return find_in(addresses_, where);
}

peer_table::peer* peer_table::by_invitation(std::uint32_t ssrc, std::uint32_t token,
                                            const io::endpoint& where) const {
  auto [first, last] = invitations_.equal_range(invitation_key(ssrc, token));
  peer* found = nullptr;
  for (; first != last; ++first) {
    found = first->second;
    if (found->address.control.same_host(where))
      break;
  }
  return found;
}

peer_table::peer* peer_table::by_host(std::uint32_t ssrc, const io::endpoint& where) const {
  auto [first, last] = ssrcs_.equal_range(ssrc);
  for (; first != last; ++first)
    if (first->second->address.control.same_host(where))
      return first->second;
  return nullptr;
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
  if (which.address.control != which.address.data)
    forget_address(which.address.control, which);
  which.address.control = where;
  addresses_[where] = &which;
}

void peer_table::set_data(peer& which, const io::endpoint& where) {
  if (which.address.data != which.address.control)
    forget_address(which.address.data, which);
  which.address.data = where;
  addresses_[where] = &which;
}

void peer_table::set_invitation(peer& which, const protocol::invitation& invitation) {
  forget_invitation(which);
  which.ssrc = invitation.ssrc;
  which.token = invitation.token;
  which.name = invitation.name;
  invitations_.emplace(invitation_key(which.ssrc, which.token), &which);
  ssrcs_.emplace(which.ssrc, &which);
}

void peer_table::remove(port_key key) {
  auto found = peers_.find(key);
  if (found == peers_.end())
    return;
  auto& which = *found->second;
  forget_address(which.address.control, which);
  forget_address(which.address.data, which);
  forget_invitation(which);
  peers_.erase(found);
}

// An address may have passed to another peer in the meantime.
void peer_table::forget_address(const io::endpoint& where, const peer& owner) {
  erase_own(addresses_, where, owner);
}

void peer_table::forget_invitation(const peer& owner) {
  erase_own(invitations_, invitation_key(owner.ssrc, owner.token), owner);
  erase_own(ssrcs_, owner.ssrc, owner);
}

} // namespace tutti
