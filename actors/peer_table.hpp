// Who is in a session, and which peer a datagram comes from.
// Decides: when two invitations are of the same participant: an address that it is at or, as the
// hub invites it, may be at; or same SSRC and name, and a host that it may be on.
// Leaves: whether it may come in (listener). Cost per look-up does not depend on how many
// there are.
// Thread: the loop thread.
#pragma once

#include "actors/interfaces.hpp"

#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/unordered_map.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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
    bool in_session = false;
    std::chrono::steady_clock::time_point doubted_at{}; ///< when its namesake knocked elsewhere
    bool heard = false;                                 ///< since then
    /// What the hub invites it for, each with its control addresses; empty: it invited us.
    std::map<std::string, invitation_target> targets;
    std::vector<io::endpoint> candidates; ///< control addresses of all targets, the best first
    /// Scratch of the demultiplexer: this peer's part of the block at hand.
    datagram_chain chain;
    std::uint16_t last_in_chain = 0;
  };

  /// Peers of one name, beyond which it says nothing of who they are.
  static constexpr std::size_t max_namesakes = 16;

  std::size_t size() const noexcept { return peers_.size(); }

  /// The peer with this control or data address, or candidate for one; nullptr if none.
  peer* by_address(const io::endpoint& where) const;
  /// The same, for addresses of datagrams: they often come from where the one before came from.
  peer* sender(const io::endpoint& where);
  /// The peer that is invited for the target of this key.
  peer* by_target(const std::string& key) const;
  /// The peer whose control IN had this SSRC and token: of several (boards without a source of
  /// randomness) the one on the host that `where` is on, else any.
  peer* by_invitation(std::uint32_t ssrc, std::uint32_t token, const io::endpoint& where) const;
  /// The peer with this SSRC on this host, whatever its ports.
  peer* by_host(std::uint32_t ssrc, const io::endpoint& where) const;
  /// A peer that the hub invites under this name on this host, and that has not answered yet.
  peer* by_expected_name(const std::string& name, const io::endpoint& where) const;
  /// Any peer of this name on this host, whatever its ports.
  peer* by_name(const std::string& name, const io::endpoint& where) const;
  /// A peer with this SSRC and name, wherever it is; rather one that the hub invites.
  peer* by_identity(std::uint32_t ssrc, const std::string& name) const;
  /// Peers in session that have this name, but are on another host; none if so many have it that
  /// it says nothing of who they are.
  std::vector<peer*> namesakes(const std::string& name, const io::endpoint& where) const;
  /// Another peer in session that is the same participant as this one: of the same SSRC and name,
  /// and known at one of its addresses, or at none of the same address family, or only one of the
  /// two is invited. (Boards without a source of randomness have the same SSRC and name, but each
  /// an IPv4 address of its own, and all are invited or none.)
  peer* twin_of(const peer& which) const;
  peer* by_key(port_key key) const;

  peer& add(port_key key, peer_session_actor session, const peer_address& address);
  void set_control(peer& which, const io::endpoint& where);
  void set_data(peer& which, const io::endpoint& where);
  void set_invitation(peer& which, const protocol::invitation& invitation);
  /// The peer has told this SSRC and name.
  void set_identity(peer& which, std::uint32_t ssrc, const std::string& name);
  /// The hub invites it for this.
  void add_target(peer& which, invitation_target target);
  void remove_target(peer& which, const std::string& key);
  /// MIDI from here may be this peer's.
  static bool may_play(const peer& which, const io::endpoint& where);
  void remove(port_key key);

  template <class Function>
  void for_each(Function function) const {
    for (const auto& [key, which] : peers_)
      function(*which);
  }

private:
  /// Those that have something in common; thousands, if a flood of invitations wants it so. None of
  /// them may take long to come or to go; as a rule it is one, for which nothing is allocated.
  using crowd =
      boost::container::flat_map<port_key, peer*, std::less<>,
                                 boost::container::small_vector<std::pair<port_key, peer*>, 1>>;

  static std::uint64_t invitation_key(std::uint32_t ssrc, std::uint32_t token) noexcept {
    return std::uint64_t(ssrc) << 32 | token;
  }
  static bool is_at(const peer& which, const io::endpoint& where);
  static bool is_on(const peer& which, const io::endpoint& where);
  void index_identity(peer& which);
  static bool share_host(const peer& one, const peer& other);
  static bool share_family(const peer& one, const peer& other);
  void forget_address(const io::endpoint& where, const peer& owner);
  void erase_address(const io::endpoint& where, const peer& owner);
  void gather_candidates(peer& which);
  void forget_invitation(const peer& owner);

  boost::unordered_map<port_key, std::unique_ptr<peer>> peers_;
  boost::unordered_map<io::endpoint, peer*, io::endpoint_hash> addresses_;
  peer* last_sender_ = nullptr; ///< who is at last_address_; nobody if that is not known any more
  io::endpoint last_address_;
  boost::unordered_map<std::uint64_t, crowd> invitations_;
  boost::unordered_map<std::uint32_t, crowd> ssrcs_;
  boost::unordered_map<std::string, crowd> names_;
  std::unordered_map<std::string, peer*> targets_;        ///< by key
  std::unordered_map<std::string, peer*> expected_names_; ///< of targets
};

} // namespace tutti
