// A MIDI port of this machine's sound system, as the actors see it: ALSA's or JACK's.
// Decides: that the owner reads when it is told and writes one piece at a time, so that a device
// which takes no more is noticed by its owner and blocks nothing.
// Leaves: the systems (alsa_client, jack_client), what the octets mean (actors/local_port).
// Thread: the loop thread only.
//
// Why not RtMidi, which wraps both systems: its JACK ports write everything at offset 0, lose all
// messages silently once the server has gone and never come back; its ALSA ports drop what the
// kernel's queue cannot take without a word, need a thread and a client per input, and tell nothing
// of devices that come and go or of who subscribes. The hub promises each of these, so it speaks to
// libjack and alsa-lib itself. Programs that use RtMidi are what the tests play with.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tutti::io {

/// What has arrived: octets, and for each message how many are its and when it was.
struct local_input {
  struct message {
    std::chrono::nanoseconds at; ///< steady clock
    std::uint32_t size;
  };
  std::vector<message> messages;
  std::vector<std::uint8_t> octets;

  bool empty() const noexcept { return messages.empty(); }
  void clear() {
    messages.clear();
    octets.clear();
  }
  void add(std::chrono::nanoseconds at, std::span<const std::uint8_t> bytes) {
    messages.push_back({at, static_cast<std::uint32_t>(bytes.size())});
    octets.insert(octets.end(), bytes.begin(), bytes.end());
  }
};

class local_port {
public:
  virtual ~local_port() = default;

  /// `on_ready` is called when something has arrived, and when write() may go on after it refused.
  /// It must not let go of the port. Called once, before anything else.
  virtual void start(std::function<void()> on_ready) = 0;
  /// Moves what has arrived into `into`, which is empty.
  virtual void read(local_input& into) = 0;
  /// Hands over a whole short message, or a piece of a System Exclusive one (any part, in order) to
  /// be played at `at` on the steady clock; a time that is past is now. False: no room; it was not
  /// taken.
  virtual bool write(std::chrono::nanoseconds at, std::span<const std::uint8_t> piece) = 0;
  /// Octets of the longest piece of System Exclusive that write() takes.
  virtual std::size_t longest_piece() const noexcept { return SIZE_MAX; }
  /// Sends on what was written since the last call.
  virtual void flush() = 0;
  /// Ends the port; `on_ready` is let go of.
  virtual void close() = 0;
};

using local_port_ptr = std::shared_ptr<local_port>;

} // namespace tutti::io
