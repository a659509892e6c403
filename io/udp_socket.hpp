// A non-blocking UDP socket on the event loop: recvmmsg in, one gathered sendmmsg per turn out.
// Decides: batching, socket buffers, what happens when the system refuses a datagram.
// Leaves: what the bytes mean. Thread: the loop thread only.
#pragma once

#include "io/datagram_socket.hpp"
#include "io/event_loop.hpp"
#include "io/flood_filter.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

namespace tutti::io {

struct udp_options {
  /// Asked of the system for each direction, in octets; what it grants is in granted_*_buffer().
  int buffer_octets = 4 << 20;
  /// Mark on every packet, 0 to 63; 46 is Expedited Forwarding.
  int dscp = 46;
  /// Octets that may wait for the system to take them; the newest datagrams are dropped beyond.
  std::size_t send_queue_octets = 8u << 20;
  /// After a call that took a whole receive_burst nothing more is taken for this long, so that a
  /// flood of this port cannot take the core; what the system's buffer does not hold meanwhile is
  /// lost. 0: never.
  std::chrono::microseconds rest{0};
};

class udp_socket final : public datagram_socket {
public:
  /// Binds to `where`: "::" takes IPv6 and IPv4, an IPv4 address IPv4 only, port 0 any free port.
  /// Where the system has no IPv6, "::" falls back to IPv4. Throws std::system_error.
  udp_socket(event_loop& loop, const endpoint& where, const udp_options& options = {});
  ~udp_socket() override;
  udp_socket(const udp_socket&) = delete;
  udp_socket& operator=(const udp_socket&) = delete;

  void start(receiver on_receive, unreachable_handler on_unreachable) override;
  void send(const endpoint& to, std::span<const std::uint8_t> bytes) override;
  bool send_now_if_last() override;
  void drop_foreign(const endpoint& from, std::uint32_t ssrc,
                    std::chrono::milliseconds time) override;
  endpoint local() const override { return local_; }
  const datagram_counters& counters() const noexcept override;
  void close() override;

  int granted_receive_buffer() const noexcept { return granted_receive_; }
  int granted_send_buffer() const noexcept { return granted_send_; }

private:
  static constexpr unsigned fewest_expected = 4;

  struct queued {
    endpoint to;
    std::uint32_t offset;
    std::uint32_t size;
  };

  struct handler_pair {
    receiver receive;
    unreachable_handler unreachable;
  };

  void open(const endpoint& where);
  void size_buffers(int octets);
  void arm_receive();
  void rest();
  void attach_filter();
  void plan_expiry();
  bool receive();
  bool read_errors();
  void finish_turn();
  void refuse_foreign_descriptor(int error) const;
  void report_unreachable(const endpoint& where);
  void flush();
  void forget_sent();
  void close_now();
  void arm_send();
  std::size_t send_some(std::size_t from);
  std::size_t handle_send_error(int error, std::size_t from, std::size_t run);

  event_loop& loop_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer rest_timer_;
  boost::asio::steady_timer filter_timer_;
  std::chrono::microseconds rest_;
  int fd_ = -1;
  int family_ = AF_INET6;
  endpoint local_;
  int granted_receive_ = 0;
  int granted_send_ = 0;
  std::size_t queue_limit_;
  std::shared_ptr<handler_pair> handlers_; ///< gone once closed
  std::shared_ptr<datagram_pool> pool_;
  std::vector<std::uint8_t> outgoing_;
  std::vector<queued> queue_;
  bool receive_armed_ = false;
  bool resting_ = false;
  /// Datagrams to ask for in the next call: twice as many as there were in the last, as each costs
  /// time before it is known to be there.
  unsigned expected_ = fewest_expected;
  std::size_t first_queued_ = 0; ///< those before it have left
  bool flushing_ = false;
  bool close_after_flush_ = false;
  bool waiting_to_send_ = false;
  bool generic_segmentation_ = true;
  std::size_t flush_id_ = 0;
  std::size_t poll_id_ = 0;
  flood_filter filter_;
  mutable datagram_counters counters_;
  mutable std::uint32_t drops_seen_ = 0; ///< the system's own count, which wraps
};

/// How long a control port rests after a burst, and lets the data port go first. Anybody may send
/// invitations; 64,000 a second are plenty for the honest, and 1,000 that invite at once are in
/// soon.
inline constexpr std::chrono::microseconds control_rest{500};

/// Control port N and data port N+1, bound together or not at all.
struct udp_pair {
  std::unique_ptr<udp_socket> control;
  std::unique_ptr<udp_socket> data;
};

/// Binds both ports at `where`; port 0 looks for a free pair, with an even N as is the custom.
/// Throws std::system_error; its text names the address and port that could not be had.
udp_pair bind_udp_pair(event_loop& loop, const endpoint& where, const udp_options& options = {});

} // namespace tutti::io
