// The listener's inside. Leaves: see listener.cpp, and listener_invitations and listener_targets
// for what each member does. Thread: owned by one listener actor, whose demultiplexer works in the
// callbacks of its sockets.
#pragma once

#include "actors/admission.hpp"
#include "actors/demultiplexer.hpp"
#include "actors/knock_limit.hpp"
#include "actors/peer_table.hpp"
#include "actors/spawn.hpp"
#include "io/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tutti {

struct listener_state {
  explicit listener_state(listener_actor::pointer pointer)
      : self(pointer) {}
  /// However the listener ended, its peer sessions do not outlive it.
  ~listener_state() {
    peers_.for_each(
        [](const peer_table::peer& peer) { caf::anon_send(peer.session, atom::leave_v); });
  }

  void start(session_context_ptr context_to_use, router_actor router_to_use);
  void on_datagrams(protocol::channel from, const datagram_chain& chain);
  void on_unreachable(const io::endpoint& where);
  void invite(invitation_target target, const target_watcher& watcher);
  void abandon(const std::string& key, farewell how);
  void on_reached(port_key key, std::uint32_t ssrc, const std::string& who,
                  const peer_address& address);
  void on_failed(port_key key);
  void configure(const config::session& settings);
  void leave();
  caf::result<session_info> status();
  bool disconnect(port_key key);
  bool decide(std::uint64_t id, bool admitted, decision_term term);
  bool forget(const std::string& host, const std::string& who);
  void remember(const std::vector<admission_decision>& before);
  void on_tick();

  static inline const char* name = "listener";

private:
  void on_invitation(protocol::channel from, const io::endpoint& sender,
                     protocol::byte_view datagram);
  void on_invitation(protocol::channel from, const io::endpoint& sender,
                     const protocol::invitation& received);
  peer_table::peer* find_target(const invitation_target& target);
  void merge(peer_table::peer& from, peer_table::peer& into);
  bool is_doubtful(const io::endpoint& sender, const protocol::invitation& received);
  peer_table::peer* find_known(const io::endpoint& sender, const protocol::invitation& received);
  peer_table::peer* judge(const io::endpoint& sender, const protocol::invitation& received);
  peer_table::peer* admit(const io::endpoint& sender);
  void accept(peer_table::peer& peer, const io::endpoint& sender,
              const protocol::invitation& received);
  void tell(const char* what, const pending_invitation& about);
  protocol::hub_time now() const {
    return protocol::hub_time(self->clock().now().time_since_epoch());
  }
  /// Tells whoever wants this peer invited.
  template <class Atom>
  void report(const peer_table::peer& peer, Atom what) {
    if (watcher_)
      for (const auto& [key, target] : peer.targets)
        self->send(watcher_, what, key);
  }
  peer_table::peer& add_peer(const peer_address& address, std::string partner = {});
  void refuse(const io::endpoint& sender, std::uint32_t token);
  /// NO or BY, from the control port.
  void answer(protocol::invitation_kind kind, const io::endpoint& to, std::uint32_t token);
  void on_peer_down(const caf::down_msg& down);
  void end_if_empty();

  listener_actor::pointer self;
  session_context_ptr context_;
  router_actor router_;
  peer_table peers_;
  std::shared_ptr<demultiplexer> sorter_; ///< once started
  std::optional<admission> admission_;
  knock_limit knocks_;
  bool ticking_ = false;
  target_watcher watcher_; ///< whoever wants peers invited
  std::unordered_map<caf::actor_addr, port_key> keys_;
  bool leaving_ = false;
  std::uint64_t refused_ = 0;
};

} // namespace tutti
