#include "actors/demultiplexer.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <utility>

namespace tutti {

using protocol::channel;

demultiplexer::demultiplexer(peer_table& peers, caf::actor_addr listener)
    : peers_(peers)
    , listener_(std::move(listener)) {
}

[[gnu::hot]] void demultiplexer::take(channel from, const io::datagram_block_ptr& block) {
  auto count = static_cast<std::uint16_t>(block->count);
  std::uint16_t i = 0;
  for (; i < count && !is_invitation(block->bytes(i)); ++i)
    sort_in(from, block, i);
  hand_over(from);
  if (i < count)
    if (auto listener = caf::actor_cast<listener_actor>(listener_))
      caf::anon_send(listener, atom::datagram_v, from, datagram_chain{block, i});
}

[[gnu::hot]] void demultiplexer::sort_in(channel from, const io::datagram_block_ptr& block,
                                         std::uint16_t index) {
  auto bytes = block->bytes(index);
  if (bytes.empty())
    return;
  const auto& sender = block->slots[index].from;
  auto peer = peers_.sender(sender);
  if (!peer)
    return sort_in_stranger(sender, block, index);
  auto may_play = from == channel::data && peer_table::may_play(*peer, sender);
  if (may_play || protocol::looks_like_apple_command(bytes))
    append(*peer, block, index);
  else
    ++strangers_; // RTP, but not on the way that the handshake has proved
}

// A BY may come from another port of the peer's host; everything else from strangers is noise.
void demultiplexer::sort_in_stranger(const io::endpoint& sender,
                                     const io::datagram_block_ptr& block, std::uint16_t index) {
  auto bytes = block->bytes(index);
  if (protocol::looks_like_apple_command(bytes))
    if (auto command = protocol::decode_apple_command(bytes))
      if (auto received = std::get_if<protocol::invitation>(&*command))
        if (received->kind == protocol::invitation_kind::goodbye)
          if (auto peer = peers_.by_host(received->ssrc, sender))
            return append(*peer, block, index);
  ++strangers_;
}

[[gnu::hot]] void demultiplexer::append(peer_table::peer& to, const io::datagram_block_ptr& block,
                                        std::uint16_t index) {
  to.heard = true;
  if (!to.chain.block) {
    to.chain = {block, index};
    touched_.push_back(&to);
  } else {
    block->slots[to.last_in_chain].next = index;
  }
  to.last_in_chain = index;
}

[[gnu::hot]] void demultiplexer::hand_over(channel from) {
  for (auto peer : touched_)
    caf::anon_send(peer->session, atom::datagram_v, from, std::exchange(peer->chain, {}));
  touched_.clear();
}

} // namespace tutti
