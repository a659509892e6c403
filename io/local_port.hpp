// A MIDI port of this machine's sound system, as the actors see it: ALSA's or JACK's.
// Decides: that the owner reads when it is told and writes one piece at a time, so that a device
// which takes no more is noticed by its owner and blocks nothing.
// Leaves: the systems (alsa_client, jack_client), what the octets mean (actors/local_port).
// Thread: the loop thread only.
//
// Why not RtMidi, which wraps both systems? With libjack and alsa-lib the hub keeps promises that
// RtMidi 5 cannot: JACK offsets (RtMidi writes everything at offset 0), a server that dies and
// returns (its objects never recover, and what they send is lost without a word), devices that come
// and go and who is connected (it tells nothing, and import and export live from that), and many
// ports: each RtMidi object is a client of its own, of which the ALSA sequencer has 64 for all
// programs, and each input a thread. tests/alsa-vm shows the latter. Hardware ports alone would
// cost two clients each as well, so nothing is left for it. Programs that use RtMidi are what the
// lanes play with (tests/tools/rtmidi_tool).
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
