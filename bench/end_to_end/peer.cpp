// See peer.hpp.
#include "bench/end_to_end/peer.hpp"

#include <string>

namespace tutti::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto invitation_interval = 1s;
constexpr auto clock_interval = 10s;
constexpr auto feedback_interval = 1s;

/// Ticks of 100 µs.
std::uint64_t ticks(time_point now) noexcept {
  return static_cast<std::uint64_t>(now.time_since_epoch() / 100us);
}

/// Distinct, and spread over all bits, as random ones would be.
std::uint32_t scramble(std::uint32_t value) noexcept {
  value = (value ^ value >> 16) * 0x7FEB352Du;
  value = (value ^ value >> 15) * 0x846CA68Bu;
  return value ^ value >> 16;
}

} // namespace

peer::peer(std::uint16_t port, std::uint32_t index, bool joins)
    : control_(port)
    , data_(static_cast<std::uint16_t>(port + 1))
    , data_port_(static_cast<std::uint16_t>(port + 1))
    , index_(index)
    , ssrc_(scramble(2 * index + 1))
    , token_(scramble(2 * index + 2))
    , joins_(joins)
    , sequence_(static_cast<std::uint16_t>(ssrc_)) {
}

void peer::connect_to(std::uint16_t server_port) {
  auto data_port = static_cast<std::uint16_t>(joins_ ? server_port + 1 : server_port);
  control_.connect_to(server_port);
  data_.connect_to(data_port);
}

void peer::invite(time_point now) {
  if (!joins_)
    return;
  state_ = peer_state::inviting_control;
  send_invitation(control_, now);
}

void peer::leave() {
  if (joins_ && state_ >= peer_state::inviting_data && state_ <= peer_state::in_sync)
    control_.send(write_command({.what = letters::goodbye, .token = token_, .ssrc = ssrc_}));
  state_ = peer_state::gone;
}

void peer::drain_control(time_point now) {
  control_.drain([&](octets datagram) { take_control(datagram, now); });
}

std::size_t peer::drain_data(time_point now) {
  return data_.drain([&](octets datagram) { take_data(datagram, now); });
}

void peer::service(time_point now) {
  if (!joins_)
    return;
  if (state_ == peer_state::inviting_control || state_ == peer_state::inviting_data) {
    if (now >= next_invitation_) {
      ++repeats_;
      send_invitation(state_ == peer_state::inviting_control ? control_ : data_, now);
    }
    return;
  }
  if (state_ != peer_state::connected && state_ != peer_state::in_sync)
    return;
  if (now >= next_clock_) {
    send_clock(data_, 0, {ticks(now), 0, 0});
    next_clock_ = now + clock_interval;
  }
  if (feedback_due_ && now >= next_feedback_) {
    control_.send(
        write_command({.what = letters::feedback, .ssrc = ssrc_, .sequence = last_received_}));
    feedback_due_ = false;
    next_feedback_ = now + feedback_interval;
  }
}

std::size_t peer::write_packet(std::uint8_t* out, std::uint16_t ahead, std::uint64_t number,
                               std::size_t messages, time_point now) const noexcept {
  auto length = note_list_size(messages);
  auto* list = write_packet_head(out, static_cast<std::uint16_t>(sequence_ + ahead),
                                 static_cast<std::uint32_t>(ticks(now)), ssrc_, length);
  write_note_list(list, number, messages);
  return static_cast<std::size_t>(list - out) + length;
}

void peer::take_control(octets datagram, time_point now) {
  if (auto command = read_command(datagram))
    take_command(*command, control_, now);
}

void peer::take_data(octets datagram, time_point now) {
  if (is_command(datagram)) {
    if (auto command = read_command(datagram))
      take_command(*command, data_, now);
    return;
  }
  if (auto packet = read_packet(datagram)) {
    last_received_ = packet->sequence;
    feedback_due_ = true;
    heard_.take(*packet);
  }
}

void peer::take_command(const session_command& command, udp_socket& from, time_point now) {
  switch (command.what) {
  case letters::accept:
    if (command.token != token_)
      return;
    if (state_ == peer_state::inviting_control && &from == &control_) {
      state_ = peer_state::inviting_data;
      send_invitation(data_, now);
    } else if (state_ == peer_state::inviting_data && &from == &data_) {
      state_ = peer_state::connected;
      connected_at_ = now;
      send_clock(data_, 0, {ticks(now), 0, 0});
      // A repeat of a CK0 that is lost comes early; later ones are spread over the interval.
      next_clock_ = now + 1500ms;
    }
    return;
  case letters::clock:
    if (command.step == 0) {
      send_clock(from, 1, {command.times[0], ticks(now), 0});
    } else if (command.step == 1) {
      send_clock(from, 2, {command.times[0], command.times[1], ticks(now)});
      if (state_ == peer_state::connected) {
        state_ = peer_state::in_sync;
        in_sync_at_ = now;
        next_clock_ = now + clock_interval - std::chrono::milliseconds(index_ * 37 % 4000);
      }
    }
    return;
  case letters::refuse: state_ = peer_state::refused; return;
  case letters::goodbye: state_ = peer_state::gone; return;
  case letters::invite:
  case letters::feedback: return;
  }
}

void peer::send_invitation(udp_socket& to, time_point now) {
  to.send(write_command({.what = letters::invite, .token = token_, .ssrc = ssrc_},
                        "bench " + std::to_string(index_)));
  next_invitation_ = now + invitation_interval;
}

void peer::send_clock(udp_socket& to, std::uint8_t step, std::array<std::uint64_t, 3> times) {
  to.send(write_command({.what = letters::clock, .ssrc = ssrc_, .step = step, .times = times}));
}

} // namespace tutti::bench
