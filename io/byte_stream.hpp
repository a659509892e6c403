// A connected byte stream as the actors see it: TCP, or TLS over it.
// Decides: that the owner reads and writes when it is told that it may, so that a stream which sends
// too fast is slowed by TCP itself, and one which reads too slowly is noticed by its owner.
// Leaves: sockets (tcp_stream), encryption (tls_stream), a wire in memory (tests).
// Thread: the loop thread only.
#pragma once

#include "io/endpoint.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace tutti::io {

class byte_stream {
public:
  virtual ~byte_stream() = default;

  /// `on_ready` is called whenever reading or writing may go on, and when the stream has ended. It
  /// must not let go of the stream. Called once, before anything else.
  virtual void start(std::function<void()> on_ready) = 0;
  /// False until both ends agree to talk: at once with TCP, after the handshake with TLS.
  virtual bool established() const = 0;
  /// Takes what has arrived, at most room.size() octets. 0: nothing now, or never again if ended().
  virtual std::size_t read(std::span<std::uint8_t> room) = 0;
  /// Hands over as much as the system takes now; returns how much that is.
  virtual std::size_t write(std::span<const std::uint8_t> bytes) = 0;
  /// Why nothing more will come, as the end of a sentence; empty while the stream lives.
  virtual const std::string& ended() const = 0;
  /// Ends the stream; `on_ready` is let go of. What was written before is still sent if possible.
  virtual void close() = 0;
  /// The other end.
  virtual endpoint remote() const = 0;
};

using byte_stream_ptr = std::shared_ptr<byte_stream>;

} // namespace tutti::io
