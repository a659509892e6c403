// A bound UDP socket as the actors see it, and the block that received datagrams lie in.
// Decides: that datagrams are handed over without copying and given back by letting go.
// Leaves: system calls (udp_socket) or a simulated network (tests). Thread: the loop thread only.
#pragma once

#include "io/endpoint.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace tutti::io {

/// Longest datagram that is taken; longer ones are dropped and counted. A list of 4095 octets and
/// the largest journal fit.
inline constexpr std::size_t max_datagram = 16 * 1024 - 1;
/// Datagrams that one receive call takes at most.
inline constexpr std::size_t receive_burst = 32;

class datagram_pool;

/// Datagrams that arrived together. Slots can be chained (`next`), so that the listener gives each
/// peer its own without copying; a block goes back to its pool with the last reference.
class datagram_block {
public:
  static constexpr std::uint16_t end = 0xFFFF;

  struct slot {
    endpoint from;
    std::uint16_t size = 0;
    std::uint16_t next = end;
  };

  std::size_t count = 0;              ///< slots in use
  std::chrono::nanoseconds arrived{}; ///< steady clock, when they were read
  std::array<slot, receive_burst> slots;

  std::span<std::uint8_t> room(std::size_t index) noexcept {
    return {octets_.get() + index * (max_datagram + 1), max_datagram + 1};
  }
  std::span<const std::uint8_t> bytes(std::size_t index) const noexcept {
    return {octets_.get() + index * (max_datagram + 1), slots[index].size};
  }

  friend void intrusive_ptr_add_ref(datagram_block* block) noexcept { ++block->references_; }
  friend void intrusive_ptr_release(datagram_block* block) noexcept;

private:
  friend class datagram_pool;
  explicit datagram_block(std::shared_ptr<datagram_pool> pool);

  // One page-aligned stretch: pages that no datagram reaches are never touched, so a block costs
  // a page per slot, not 16 KiB.
  std::unique_ptr<std::uint8_t[]> octets_;
  std::shared_ptr<datagram_pool> pool_;
  unsigned references_ = 0;
};

using datagram_block_ptr = boost::intrusive_ptr<datagram_block>;

/// Blocks that are free to receive into.
class datagram_pool : public std::enable_shared_from_this<datagram_pool> {
public:
  static std::shared_ptr<datagram_pool> make() { return std::make_shared<datagram_pool>(); }
  datagram_block_ptr take();

private:
  friend void intrusive_ptr_release(datagram_block* block) noexcept;
  std::vector<std::unique_ptr<datagram_block>> free_;
};

struct datagram_counters {
  std::uint64_t datagrams_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t datagrams_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t oversize_in = 0;    ///< longer than max_datagram
  std::uint64_t queue_drops = 0;    ///< the send queue was full
  std::uint64_t send_errors = 0;    ///< refused by the system for one destination
  std::uint64_t receive_errors = 0; ///< other than "nothing there"
  /// Not handed over by the system: its buffer was full, or it was told to drop them.
  std::uint64_t system_drops = 0;
};

class datagram_socket {
public:
  /// Takes what arrived.
  using receiver = std::function<void(datagram_block_ptr)>;
  /// An ICMP error came back for this destination: nobody listens there, or no way leads there.
  using unreachable_handler = std::function<void(const endpoint&)>;

  virtual ~datagram_socket() = default;

  /// From now on datagrams go to `on_receive`; called again, another receiver takes over.
  virtual void start(receiver on_receive, unreachable_handler on_unreachable) = 0;
  /// Queues one datagram; it leaves at the end of the turn.
  virtual void send(const endpoint& to, std::span<const std::uint8_t> bytes) = 0;
  /// Lets go what is queued if nothing else waits to run in this turn, so that nothing could leave
  /// together with it. True if it has left.
  virtual bool send_now_if_last() { return false; }
  /// For this long the system drops what comes `from` there and is RTP of another source than
  /// this SSRC, before it costs anything; 0: no longer. AppleMIDI commands pass.
  virtual void drop_foreign(const endpoint& /*from*/, std::uint32_t /*ssrc*/,
                            std::chrono::milliseconds /*time*/) {}
  virtual endpoint local() const = 0;
  /// Whether it can send to this address at all, as far as the address that it is bound to tells.
  virtual bool reaches(const endpoint& to) const;
  virtual const datagram_counters& counters() const noexcept = 0;
  /// Sends what is queued, then receives and sends nothing more. The handlers are let go of.
  virtual void close() = 0;
};

} // namespace tutti::io
