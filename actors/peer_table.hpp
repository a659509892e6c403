// Who is in a session, and which peer a datagram comes from.
// Decides: when two invitations are of the same participant: same address; or same SSRC, name and
// host (it came back on another port).
// Leaves: whether it may come in (listener). Cost per look-up does not depend on how many
// there are.
// Thread: the loop thread.
#pragma once

#include "actors/interfaces.hpp"

#include <boost/unordered_map.hpp>

#include <memory>
#include <string>

namespace tutti {

class peer_table {
public:
  struct peer {
    port_key key = 0;
    peer_session_actor session;
    peer_address address;
    std::uint32_t ssrc = 0;
    std::uint32_t token = 0;
    std::string name;
    bool invited = false; ///< by us, and to be invited again if its session fails
    /// Scratch of the listener: this peer's part of the block at hand.
    datagram_chain chain;
    std::uint16_t last_in_chain = 0;
  };

  std::size_t size() const noexcept { return peers_.size(); }

  /// The peer with this control or data address; nullptr if none.
  peer* by_address(const io::endpoint& where) const;
  /// The peer whose control IN had this SSRC and token.
  peer* by_invitation(std::uint32_t ssrc, std::uint32_t token) const;
  /// The peer with this SSRC on this host, whatever its ports.
  peer* by_host(std::uint32_t ssrc, const io::endpoint& where) const;
  peer* by_key(port_key key) const;

  peer& add(port_key key, peer_session_actor session, const peer_address& address);
  void set_control(peer& which, const io::endpoint& where);
  void set_data(peer& which, const io::endpoint& where);
  void set_invitation(peer& which, const protocol::invitation& invitation);
  void remove(port_key key);

  template <class Function>
  void for_each(Function function) const {
    for (const auto& [key, which] : peers_)
      function(*which);
  }

private:
  static std::uint64_t invitation_key(std::uint32_t ssrc, std::uint32_t token) noexcept {
    return std::uint64_t(ssrc) << 32 | token;
  }
  void forget_address(const io::endpoint& where, const peer& owner);

  boost::unordered_map<port_key, std::unique_ptr<peer>> peers_;
  boost::unordered_map<io::endpoint, peer*, io::endpoint_hash> addresses_;
  boost::unordered_map<std::uint64_t, peer*> invitations_;
  boost::unordered_multimap<std::uint32_t, peer*> ssrcs_;
};

} // namespace tutti
