// What a session engine wants done: datagrams to send, events to route, notices to tell.
// Decides: how they are kept, so that nothing is allocated in the steady state.
// Leaves: doing it (the peer session actor; in tests, a simulated network). Thread: values.
#pragma once

#include "protocol/apple_command.hpp"
#include "protocol/event.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace tutti::protocol {

/// The two ports of a participant: N carries the session, N+1 clock and MIDI.
enum class channel : std::uint8_t { control, data };

/// Datagrams back to back in one growing buffer.
class datagram_list {
public:
  struct item {
    protocol::channel channel;
    std::uint32_t offset;
    std::uint32_t size;
  };

  /// Room for one datagram of at most `most` octets; valid until the next call.
  std::span<std::uint8_t> prepare(std::size_t most) {
    if (capacity_ - used_ < most)
      grow(most);
    return {octets_.get() + used_, most};
  }
  /// The prepared room now holds a datagram of `size` octets.
  void commit(channel to, std::size_t size) {
    items_.push_back({to, static_cast<std::uint32_t>(used_), static_cast<std::uint32_t>(size)});
    used_ += size;
  }
  void add(channel to, byte_view datagram) {
    auto room = prepare(datagram.size());
    std::memcpy(room.data(), datagram.data(), datagram.size());
    commit(to, datagram.size());
  }

  const std::vector<item>& items() const noexcept { return items_; }
  byte_view view(const item& which) const noexcept {
    return {octets_.get() + which.offset, which.size};
  }
  bool empty() const noexcept { return items_.empty(); }
  void clear() noexcept {
    items_.clear();
    used_ = 0;
  }

private:
  void grow(std::size_t most) {
    auto capacity = 2 * (used_ + most);
    auto octets = std::make_unique<std::uint8_t[]>(capacity);
    if (used_ > 0)
      std::memcpy(octets.get(), octets_.get(), used_);
    octets_ = std::move(octets);
    capacity_ = capacity;
  }

  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::vector<item> items_;
};

enum class notice_kind : std::uint8_t {
  connected,    ///< both ports are accepted; MIDI may flow
  synchronised, ///< the first clock exchange is done
  restarted,    ///< the peer came back under a new SSRC or token without a BY
  left,         ///< the peer said BY
  vanished,     ///< the peer is silent for too long
  refused,      ///< our invitation was answered with NO
  unanswered,   ///< our invitation was not answered
  unreachable,  ///< our invitation met "nobody listens there"
  abandoned,    ///< the peer's invitation was never completed on the data port
  closed,       ///< we said BY
};

/// Stable names, as the API tells them.
constexpr const char* to_string(notice_kind kind) noexcept {
  switch (kind) {
  case notice_kind::connected: return "connected";
  case notice_kind::synchronised: return "synchronised";
  case notice_kind::restarted: return "restarted";
  case notice_kind::left: return "left";
  case notice_kind::vanished: return "vanished";
  case notice_kind::refused: return "refused";
  case notice_kind::unanswered: return "unanswered";
  case notice_kind::unreachable: return "unreachable";
  case notice_kind::abandoned: return "abandoned";
  case notice_kind::closed: return "closed";
  }
  return "unknown";
}

/// True for notices that end an established session: what the peer left sounding is to be released.
constexpr bool ends_session(notice_kind kind) noexcept {
  return kind == notice_kind::restarted || kind == notice_kind::left ||
         kind == notice_kind::vanished || kind == notice_kind::closed;
}

struct session_notice {
  notice_kind kind;
  /// When the hub will invite again; zero if it will not.
  std::chrono::nanoseconds retry_in{};
};

/// Filled by the engine's inputs; the caller performs it, clears it and uses it again.
struct session_output {
  datagram_list datagrams;
  std::vector<event> events; ///< what the peer played, repairs included, in order
  std::vector<session_notice> notices;

  void send(channel to, const apple_command& command) {
    byte_writer writer(datagrams.prepare(max_apple_command));
    encode_apple_command(command, writer);
    datagrams.commit(to, writer.size());
  }
  void clear() noexcept {
    datagrams.clear();
    events.clear();
    notices.clear();
  }
};

} // namespace tutti::protocol
