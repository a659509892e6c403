// TLS over a TCP connection, and the certificates it needs.
// Decides: TLS 1.2 at least; a client verifies the server's certificate and name.
// Leaves: encryption to OpenSSL through Asio, what the bytes mean (actors/tcp_port).
// Thread: the loop thread only; a tls_context may be shared.
#pragma once

#include "io/byte_stream.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include <vector>

namespace tutti::io {

using tls_context = boost::asio::ssl::context;

/// For a server: PEM files of its certificate chain and private key. Throws
/// boost::system::system_error that names the file.
std::shared_ptr<tls_context> make_server_tls(const std::string& certificate,
                                             const std::string& key);
/// For a client: PEM file of the authorities it trusts; empty: the system's. Throws like the other.
std::shared_ptr<tls_context> make_client_tls(const std::string& authorities);

class tls_stream final : public byte_stream, public std::enable_shared_from_this<tls_stream> {
public:
  enum class role : std::uint8_t { client, server };

  /// Takes over a connected socket. A client checks that the certificate is made out to
  /// `server_name`, a host name or a literal address.
  tls_stream(boost::asio::ip::tcp::socket socket, std::shared_ptr<tls_context> context, role side,
             const std::string& server_name = {});

  void start(std::function<void()> on_ready) override;
  bool established() const override { return established_; }
  std::size_t read(std::span<std::uint8_t> room) override;
  std::size_t write(std::span<const std::uint8_t> bytes) override;
  const std::string& ended() const override { return ended_; }
  void close() override;
  endpoint remote() const override { return remote_; }

private:
  void receive();
  void send();
  void fail(const boost::system::error_code& error);
  void tell();

  std::shared_ptr<tls_context> context_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  role side_;
  endpoint remote_;
  boost::asio::steady_timer goodbye_;
  std::function<void()> on_ready_;
  bool established_ = false;
  bool receiving_ = false;
  bool sending_ = false;
  std::vector<std::uint8_t> in_; ///< one record's worth, of which [taken_, arrived_) is unread
  std::size_t taken_ = 0;
  std::size_t arrived_ = 0;
  std::vector<std::uint8_t> out_; ///< being sent
  std::size_t sent_ = 0;
  std::string ended_;
  std::string failure_; ///< becomes ended_ when in_ is read
};

} // namespace tutti::io
