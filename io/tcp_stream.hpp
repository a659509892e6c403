// A TCP connection: one recv when something arrived, one send at the end of a burst.
// Decides: socket options (no delay, keep-alive, a small send buffer), when a dead link is given up.
// Leaves: what the bytes mean and how many may wait (actors/tcp_port). Thread: the loop thread only.
#pragma once

#include "io/byte_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

namespace tutti::io {

class tcp_stream final : public byte_stream, public std::enable_shared_from_this<tcp_stream> {
public:
  /// Takes over a connected socket.
  explicit tcp_stream(boost::asio::ip::tcp::socket socket);

  void start(std::function<void()> on_ready) override;
  bool established() const override { return true; }
  std::size_t read(std::span<std::uint8_t> room) override;
  std::size_t write(std::span<const std::uint8_t> bytes) override;
  const std::string& ended() const override { return ended_; }
  void close() override;
  endpoint remote() const override { return remote_; }

private:
  void await_read();
  void await_write();
  void fail(int error);

  boost::asio::ip::tcp::socket socket_;
  endpoint remote_;
  std::function<void()> on_ready_;
  bool awaiting_read_ = false;
  bool awaiting_write_ = false;
  std::string ended_;
};

/// What every stream of MIDI wants of its socket: no delay, keep-alive that finds a dead link within
/// a minute, non-blocking calls, and a small send buffer: what waits here can be thinned, what the
/// system holds is late.
void set_stream_options(boost::asio::ip::tcp::socket& socket);

/// The other end of a connected socket; unspecified if it is no longer connected.
endpoint remote_of(const boost::asio::ip::tcp::socket& socket);

} // namespace tutti::io
