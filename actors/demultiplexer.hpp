// Whose datagram is it: what arrives at a session's two sockets goes to the peer sessions straight
// from the socket's callback, without another actor in between.
// Decides: which peer a datagram belongs to, and that RTP counts only on the way that the handshake
// has proved. Leaves: invitations, and with them the rest of their block, to the listener; who is a
// peer (peer_table); everything else about one peer (peer_session).
// Thread: the loop thread.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/peer_table.hpp"
#include "protocol/apple_command.hpp"

#include <cstdint>
#include <vector>

namespace tutti {

class demultiplexer {
public:
  /// `listener` owns it and its peers.
  demultiplexer(peer_table& peers, caf::actor_addr listener);

  /// All that arrived together: one message for each peer that it concerns, no copies. From the
  /// first invitation on it is the listener's to sort in, so that what comes after an invitation
  /// is not done before it.
  void take(protocol::channel from, const io::datagram_block_ptr& block);

  /// Adds one datagram that is no invitation to its peer's chain.
  void sort_in(protocol::channel from, const io::datagram_block_ptr& block, std::uint16_t index);
  /// Sends each peer its chain.
  void hand_over(protocol::channel from);

  static bool is_invitation(protocol::byte_view datagram) noexcept {
    return protocol::looks_like_apple_command(datagram) && datagram.size() >= 4 &&
           datagram[2] == 'I' && datagram[3] == 'N';
  }

  /// Datagrams of nobody who is a peer.
  std::uint64_t strangers() const noexcept { return strangers_; }
  void count_stranger() noexcept { ++strangers_; }

private:
  void sort_in_stranger(const io::endpoint& sender, const io::datagram_block_ptr& block,
                        std::uint16_t index);
  void append(peer_table::peer& to, const io::datagram_block_ptr& block, std::uint16_t index);

  peer_table& peers_;
  caf::actor_addr listener_;
  std::vector<peer_table::peer*> touched_; ///< peers with a chain of the block at hand
  std::uint64_t strangers_ = 0;
};

} // namespace tutti
