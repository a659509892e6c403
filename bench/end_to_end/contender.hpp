// A server with peers on it, ready to be measured: the relay (the floor) or the hub.
// Decides: how each is started and joined.
// Leaves: what to play (flood, latency), which to compare (works).
// Thread: one.
#pragma once

#include "bench/end_to_end/machine.hpp"
#include "bench/end_to_end/peer_group.hpp"
#include "bench/end_to_end/server_process.hpp"

#include <string>
#include <vector>

namespace tutti::bench {

struct settings {
  std::string relay;
  std::string hub;
  std::vector<std::string> hub_arguments = {"serve", "--port", "0"};
  /// The relay stands in for the hub: all ratios must come out as 1, what they miss is noise.
  bool hub_is_relay = false;
  core_choice cores;
  unsigned rounds = 5;
  /// Peers poll instead of sleeping until a packet comes, so that latency is the server's alone.
  bool spinning_peers = false;
  /// How long 1,000 and 2,000 peers are kept before they are asked whether they still live.
  std::chrono::seconds alive{0};
};

enum class kind : std::uint8_t { relay, hub, busy_polling_hub };

/// What all peers of a contender heard.
struct hearing {
  std::uint64_t heard = 0, packets = 0, lost = 0, repeated = 0, reordered = 0, foreign = 0;
};

class contender {
public:
  /// Starts the server and lets `peers` peers join. Throws if one cannot.
  contender(kind what, std::size_t peers, const settings& settings);

  server_process& server() noexcept { return server_; }
  peer_group& peers() noexcept { return peers_; }

  /// Number of the message that the source plays next.
  std::uint64_t played() const noexcept { return played_; }
  void play_to(std::uint64_t number) noexcept { played_ = number; }
  /// The message that the slowest listener has not heard yet.
  std::uint64_t heard_by_all() noexcept;
  /// What has not come by now is lost.
  void give_up_waiting() noexcept;
  hearing heard() noexcept;

private:
  peer_group peers_;
  server_process server_;
  std::uint64_t played_ = 0;
};

} // namespace tutti::bench
