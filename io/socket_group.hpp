// One UDP port on several addresses of this machine, each with a socket of its own.
// Decides: through which of them a datagram leaves: the one that last heard its destination, else
// the one whose address the system would choose.
// Leaves: which addresses (actors/session_addresses), datagrams (the members).
// Thread: the loop thread only.
#pragma once

#include "io/datagram_socket.hpp"

#include <boost/unordered_map.hpp>

namespace tutti::io {

class socket_group final : public datagram_socket {
public:
  /// Destinations whose socket is remembered; beyond that all are forgotten and learnt anew.
  static constexpr std::size_t max_heard = 65536;

  /// `port`: what local() tells while the group is empty.
  explicit socket_group(std::uint16_t port);
  ~socket_group() override;

  /// From now on datagrams go through this one as well.
  void add(std::unique_ptr<datagram_socket> socket);
  /// Closes the socket that is bound to this address.
  void remove(const endpoint& local);

  void start(receiver on_receive, unreachable_handler on_unreachable) override;
  void send(const endpoint& to, std::span<const std::uint8_t> bytes) override;
  bool send_now_if_last() override;
  void drop_foreign(const endpoint& from, std::uint32_t ssrc,
                    std::chrono::milliseconds time) override;
  /// Of the first member.
  endpoint local() const override;
  bool reaches(const endpoint& to) const override;
  /// Of all members there ever were.
  const datagram_counters& counters() const noexcept override;
  void close() override;

private:
  struct handler_pair {
    receiver receive;
    unreachable_handler unreachable;
  };

  void listen_on(datagram_socket& member);
  void on_block(datagram_socket& member, datagram_block_ptr block);
  bool has_one_way() const;
  void note_senders(datagram_socket& member, const datagram_block& block);
  datagram_socket* choose(const endpoint& to) const;

  std::uint16_t port_;
  std::vector<std::unique_ptr<datagram_socket>> members_;
  boost::unordered_map<endpoint, datagram_socket*, endpoint_hash> heard_; ///< by whom
  std::shared_ptr<handler_pair> handlers_;                                ///< once started
  datagram_counters closed_;                                              ///< of former members
  mutable datagram_counters total_;
};

/// The address of this machine that the system would send from to this one; nothing if no way
/// leads there.
std::optional<endpoint> local_address_towards(const endpoint& to);

} // namespace tutti::io
