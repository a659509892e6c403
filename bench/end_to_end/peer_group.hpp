// All peers of one server.
// Decides: how they wait (epoll, and only while thousands of sockets are to be watched: a socket in
// an epoll set costs the server's core a little with every datagram that it delivers). Leaves: what
// to measure. Thread: one.
#pragma once

#include "bench/end_to_end/peer.hpp"

#include <deque>
#include <functional>
#include <vector>

namespace tutti::bench {

/// What became of an invitation of all at once.
struct joining {
  std::chrono::nanoseconds all_connected{}; ///< from the first IN to the last OK on a data port
  std::chrono::nanoseconds all_in_sync{};   ///< to the last CK2
  std::uint64_t repeats = 0;                ///< invitations that had to be sent again
  std::size_t absent = 0;                   ///< peers that are not in sync in the end
};

class peer_group {
public:
  /// Binds `count` pairs of consecutive ports, even and odd. `joins`: see peer. Groups on one
  /// server number their peers from different `first_index` on.
  peer_group(std::size_t count, bool joins, std::uint32_t first_index = 0);

  std::size_t size() const noexcept { return peers_.size(); }
  peer& operator[](std::size_t index) noexcept { return peers_[index]; }
  /// The one that plays.
  peer& source() noexcept { return peers_.front(); }
  std::vector<std::uint16_t> data_ports() const;

  void connect_to(std::uint16_t server_port);
  /// All invite at once; ends when all are in sync or `limit` is over.
  joining join(std::chrono::nanoseconds limit);
  /// Keeps the sessions alive for a while, or until `done()`; sleeps in between. `each_turn` is
  /// called at least every 10 ms.
  void attend(
      std::chrono::nanoseconds length, const std::function<bool()>& done = [] { return false; });
  /// Does what is due for all peers and reads the control ports; to be called now and then
  /// by those who do not attend().
  void service(time_point now);
  /// Peers still in session.
  std::size_t alive() const noexcept;

private:
  static std::uint16_t next_port() noexcept;

  std::deque<peer> peers_;
};

} // namespace tutti::bench
