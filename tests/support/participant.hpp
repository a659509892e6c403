// A participant of our own engine on real sockets: what joins a hub from outside.
// Decides: that the engine is performed as it asks. Leaves: what is played, what is done with what
// is heard. Thread: the loop's.
#pragma once

#include "io/udp_socket.hpp"
#include "protocol/session/session_engine.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tutti::test {

inline protocol::hub_time steady_now() {
  return protocol::hub_time(std::chrono::steady_clock::now().time_since_epoch());
}

class participant {
public:
  using channel = protocol::channel;

  /// Called for every event that is heard; null: for none.
  std::function<void(const protocol::event&)> on_event;
  std::function<void(const protocol::session_notice&)> on_notice;

  participant(io::event_loop& loop, const std::string& name, std::uint32_t ssrc,
              const io::endpoint& hub, const io::udp_options& options = {})
      : identity_{name, ssrc}
      , engine_(identity_, timing_, ssrc)
      , hub_(hub)
      , pair_(
            io::bind_udp_pair(loop, *io::parse_address(hub.is_v4() ? "0.0.0.0" : "::"), options)) {
    listen(*pair_.control, channel::control);
    listen(*pair_.data, channel::data);
  }

  void invite() {
    engine_.invite(steady_now(), out_);
    perform();
  }
  /// Plays now.
  void play(std::vector<protocol::event> events) {
    for (auto& e : events)
      e.at = steady_now();
    lists_.clear();
    protocol::encode_lists(events, lists_);
    engine_.on_events(lists_, events, steady_now(), out_);
    perform();
  }
  /// Sends octets that its engine knows nothing of from its data port.
  void send_raw(protocol::byte_view datagram) {
    pair_.data->send(hub_.with_port(static_cast<std::uint16_t>(hub_.port + 1)), datagram);
  }
  /// Does what is due; to be called every millisecond or so.
  void tick() {
    if (engine_.next_deadline() > steady_now())
      return;
    engine_.on_deadline(steady_now(), out_);
    perform();
  }
  void leave() {
    engine_.leave(steady_now(), out_);
    perform();
  }

  const protocol::session_engine& engine() const noexcept { return engine_; }

private:
  void listen(io::datagram_socket& socket, channel which) {
    socket.start(
        [this, which](const io::datagram_block_ptr& block) {
          for (std::size_t i = 0; i < block->count; ++i)
            engine_.on_datagram(which, block->bytes(i), steady_now(), out_);
          perform();
        },
        [](const io::endpoint&) {});
  }
  void perform() {
    for (const auto& item : out_.datagrams.items()) {
      auto on_control = item.channel == channel::control;
      auto& socket = on_control ? *pair_.control : *pair_.data;
      auto port = static_cast<std::uint16_t>(hub_.port + (on_control ? 0 : 1));
      socket.send(hub_.with_port(port), out_.datagrams.view(item));
    }
    if (on_event)
      for (const auto& e : out_.events)
        on_event(e);
    if (on_notice)
      for (const auto& notice : out_.notices)
        on_notice(notice);
    out_.clear();
  }

  protocol::session_identity identity_;
  protocol::session_timing timing_;
  protocol::session_engine engine_;
  io::endpoint hub_;
  io::udp_pair pair_;
  protocol::session_output out_;
  protocol::midi_lists lists_;
};

} // namespace tutti::test
