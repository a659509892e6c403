// One peer as it would sit on another machine: two sockets, an invitation, a clock, an ear.
// Decides: how a well-behaved peer answers: IN again after a second, CK0 once joined and every ten
// seconds (spread over the peers), CK1 to a CK0, RS each second while it is being played to.
// Leaves: waiting for packets (peer_group), what to play and to measure.
// Spec: Apple "MIDI Network Driver Protocol". Thread: one.
#pragma once

#include "bench/end_to_end/numbered_stream.hpp"
#include "bench/end_to_end/wire.hpp"

#include <chrono>
#include <cstdint>

namespace tutti::bench {

using bench_clock = std::chrono::steady_clock;
using time_point = bench_clock::time_point;

/// A connected, non-blocking UDP socket on 127.0.0.1.
class udp_socket {
public:
  /// Throws std::system_error if the port is taken.
  explicit udp_socket(std::uint16_t port);
  ~udp_socket();
  udp_socket(udp_socket&& other) noexcept;
  udp_socket& operator=(udp_socket&&) = delete;

  int fd() const noexcept { return fd_; }
  /// Octets of receive buffer granted, as the kernel counts them.
  int granted_buffer() const noexcept;
  void connect_to(std::uint16_t port);
  void send(octets datagram) const;

  /// Calls `take(octets)` for all that has come; returns how many datagrams that were.
  template <class Take>
  std::size_t drain(Take take) {
    std::size_t sum = 0;
    for (;;) {
      auto received = receive();
      for (auto datagram : received)
        take(datagram);
      sum += received.size();
      if (received.size() < batch)
        return sum;
    }
  }

private:
  static constexpr std::size_t batch = 64;
  /// Up to `batch` datagrams in a buffer that the next call of any socket reuses. Throws if the
  /// server is gone.
  std::span<const octets> receive() const;

  int fd_ = -1;
};

enum class peer_state : std::uint8_t {
  apart,
  inviting_control,
  inviting_data,
  connected,
  in_sync,
  refused,
  gone
};

class peer {
public:
  /// Binds `port` and the one after it. `joins`: there is a session to join, else a bare relay.
  peer(std::uint16_t port, std::uint32_t index, bool joins);

  std::uint16_t data_port() const noexcept { return data_port_; }
  udp_socket& control() noexcept { return control_; }
  udp_socket& data() noexcept { return data_; }
  stream_check& heard() noexcept { return heard_; }
  const stream_check& heard() const noexcept { return heard_; }
  peer_state state() const noexcept { return state_; }
  bool joined() const noexcept { return !joins_ || state_ == peer_state::in_sync; }

  time_point connected_at() const noexcept { return connected_at_; }
  time_point in_sync_at() const noexcept { return in_sync_at_; }
  /// Invitations sent again because there was no answer.
  std::uint64_t repeats() const noexcept { return repeats_; }

  void connect_to(std::uint16_t server_port);
  void invite(time_point now);
  void leave();
  /// Reads all that has come on a socket.
  void drain_control(time_point now);
  std::size_t drain_data(time_point now);
  /// Does what is due: repeats, CK0, RS.
  void service(time_point now);

  /// Writes packet `ahead` (0: the next) holding `messages` notes from `number` on; returns its
  /// size.
  std::size_t write_packet(std::uint8_t* out, std::uint16_t ahead, std::uint64_t number,
                           std::size_t messages, time_point now) const noexcept;
  /// `count` of the packets written are sent.
  void advance(std::uint16_t count) noexcept {
    sequence_ = static_cast<std::uint16_t>(sequence_ + count);
  }

private:
  void take_control(octets datagram, time_point now);
  void take_data(octets datagram, time_point now);
  void take_command(const session_command& command, udp_socket& from, time_point now);
  void send_invitation(udp_socket& to, time_point now);
  void send_clock(udp_socket& to, std::uint8_t step, std::array<std::uint64_t, 3> times);

  udp_socket control_;
  udp_socket data_;
  std::uint16_t data_port_;
  std::uint32_t index_;
  std::uint32_t ssrc_;
  std::uint32_t token_;
  bool joins_;
  peer_state state_ = peer_state::apart;
  std::uint16_t sequence_ = 0;
  std::uint16_t last_received_ = 0;
  bool feedback_due_ = false;
  std::uint64_t repeats_ = 0;
  time_point connected_at_{};
  time_point in_sync_at_{};
  time_point next_invitation_{};
  time_point next_clock_{};
  time_point next_feedback_{};
  stream_check heard_;
};

} // namespace tutti::bench
