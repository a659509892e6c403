// Whom the hub invites, and when two peers turn out to be one.
// Decides: which peer a target is, and which of two sessions with one participant stays.
// Leaves: the race of a target's addresses (peer_session), who is a target (supervisor).
#include "actors/listener_state.hpp"

#include <algorithm>

namespace tutti {

namespace {

io::endpoint data_of(const io::endpoint& control) {
  return control.with_port(static_cast<std::uint16_t>(control.port + 1));
}

bool is_candidate(const invitation_target& target, const io::endpoint& where) {
  return std::find(target.candidates.begin(), target.candidates.end(), where) !=
         target.candidates.end();
}

} // namespace

// Found by mDNS, named by the operator, or come by itself: whoever is at one of the addresses is
// the peer that is meant.
void listener_state::invite(invitation_target target, const target_watcher& watcher) {
  if (watcher)
    watcher_ = watcher;
  std::erase_if(target.candidates,
                [&](const io::endpoint& to) { return !context_->control->reaches(to); });
  if (leaving_ || target.candidates.empty())
    return;
  auto peer = find_target(target);
  if (!peer)
    peer =
        &add_peer({target.candidates.front(), data_of(target.candidates.front())}, target.partner);
  peers_.add_target(*peer, std::move(target));
  self->send(peer->session, atom::invite_v, peer->candidates);
}

// All that are at one of the addresses are one participant: the one in session stays, or the one
// that has been invited for longest.
peer_table::peer* listener_state::find_target(const invitation_target& target) {
  auto found = peers_.by_target(target.key);
  for (const auto& candidate : target.candidates) {
    auto other = peers_.by_address(candidate);
    if (!other || other == found)
      continue;
    if (found && found->in_session && is_candidate(target, found->address.control)) {
      merge(*other, *found);
    } else {
      if (found)
        merge(*found, *other);
      found = other;
    }
  }
  for (const auto& candidate : target.candidates)
    if (!found && !target.name.empty())
      found = peers_.by_name(target.name, candidate);
  return found;
}

// Without a goodbye, which would end the session that stays: participants are known by their SSRC.
void listener_state::merge(peer_table::peer& from, peer_table::peer& into) {
  if (from.in_session && into.in_session)
    io::log_info("\"{}\" is in session \"{}\" twice, from {} and {}: one port", into.name,
                 context_->identity.name, to_string(from.address.control),
                 to_string(into.address.control));
  auto targets = from.targets;
  self->send(router_, atom::detach_v, from.key);
  self->send(from.session, atom::abandon_v, farewell::silent);
  peers_.remove(from.key);
  for (auto& [key, target] : targets)
    peers_.add_target(into, std::move(target));
  if (!into.targets.empty())
    self->send(into.session, atom::invite_v, into.candidates);
}

void listener_state::abandon(const std::string& key, farewell how) {
  auto peer = peers_.by_target(key);
  if (!peer)
    return;
  peers_.remove_target(*peer, key);
  if (peer->targets.empty())
    self->send(peer->session, atom::abandon_v, how);
}

// The younger session is the one that the participant counts on.
void listener_state::on_reached(port_key key, std::uint32_t ssrc, const std::string& who,
                                const peer_address& address) {
  auto peer = peers_.by_key(key);
  if (!peer)
    return;
  peers_.set_control(*peer, address.control);
  peers_.set_data(*peer, address.data);
  peers_.set_identity(*peer, ssrc, who);
  peer->in_session = true;
  if (peer->targets.empty())
    knocks_.give_back(address.control);
  while (auto twin = peers_.twin_of(*peer))
    merge(*twin, *peer);
  self->send(peer->session, atom::attach_v);
  report(*peer, atom::reached_v);
}

void listener_state::on_failed(port_key key) {
  if (auto peer = peers_.by_key(key)) {
    peer->in_session = false;
    report(*peer, atom::failed_v);
  }
}

} // namespace tutti
