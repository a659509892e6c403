#include "io/tls_stream.hpp"

#include "io/tcp_stream.hpp"

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>

#include <algorithm>

namespace tutti::io {

namespace {

namespace ssl = boost::asio::ssl;

// OpenSSL hands over one record at a time, and takes no more than one in a call.
constexpr std::size_t record_octets = 16 * 1024;
// How long the other end may take to answer a goodbye.
constexpr std::chrono::seconds goodbye_limit{1};

void check(const boost::system::error_code& error, const std::string& what) {
  if (error)
    throw boost::system::system_error(error, what);
}

std::shared_ptr<tls_context> make_context() {
  auto context = std::make_shared<tls_context>(tls_context::tls);
  context->set_options(tls_context::default_workarounds | tls_context::no_sslv2 |
                       tls_context::no_sslv3 | tls_context::no_tlsv1 | tls_context::no_tlsv1_1 |
                       tls_context::no_compression);
  return context;
}

} // namespace

std::shared_ptr<tls_context> make_server_tls(const std::string& certificate,
                                             const std::string& key) {
  auto context = make_context();
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate, error);
  check(error, "cannot use the certificate in \"" + certificate + "\"");
  context->use_private_key_file(key, tls_context::pem, error);
  check(error, "cannot use the private key in \"" + key + "\"");
  return context;
}

std::shared_ptr<tls_context> make_client_tls(const std::string& authorities) {
  auto context = make_context();
  boost::system::error_code error;
  if (authorities.empty())
    context->set_default_verify_paths(error);
  else
    context->load_verify_file(authorities, error);
  check(error, authorities.empty() ? std::string("cannot use the system's certificates")
                                   : "cannot use the certificates in \"" + authorities + "\"");
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

tls_stream::tls_stream(boost::asio::ip::tcp::socket socket, std::shared_ptr<tls_context> context,
                       role side, const std::string& server_name)
    : context_(std::move(context))
    , stream_(std::move(socket), *context_)
    , side_(side)
    , remote_(remote_of(stream_.next_layer()))
    , goodbye_(stream_.get_executor())
    , in_(record_octets) {
  set_stream_options(stream_.next_layer());
  if (side_ == role::client) {
    stream_.set_verify_callback(ssl::host_name_verification(server_name));
    SSL_set_tlsext_host_name(stream_.native_handle(), server_name.c_str());
  }
}

void tls_stream::start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  auto type = side_ == role::client ? ssl::stream_base::client : ssl::stream_base::server;
  stream_.async_handshake(type, [self = shared_from_this()](const auto& error) {
    if (error)
      self->fail(error);
    else
      self->established_ = true;
    self->receive();
    self->tell();
  });
}

// Operations keep the stream alive until they are done, since OpenSSL works in its buffers; close()
// ends them.
void tls_stream::receive() {
  if (receiving_ || !failure_.empty() || !ended_.empty())
    return;
  receiving_ = true;
  stream_.async_read_some(boost::asio::buffer(in_),
                          [self = shared_from_this()](const auto& error, std::size_t count) {
                            self->receiving_ = false;
                            self->taken_ = 0;
                            self->arrived_ = count;
                            if (error)
                              self->fail(error);
                            self->tell();
                          });
}

std::size_t tls_stream::read(std::span<std::uint8_t> room) {
  auto count = std::min(room.size(), arrived_ - taken_);
  std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(taken_), count, room.begin());
  taken_ += count;
  if (taken_ < arrived_) {
    boost::asio::post(stream_.get_executor(), [self = shared_from_this()] { self->tell(); });
    return count;
  }
  if (ended_.empty())
    ended_ = failure_;
  if (established_)
    receive();
  return count;
}

std::size_t tls_stream::write(std::span<const std::uint8_t> bytes) {
  if (!established_ || sending_ || !failure_.empty() || !ended_.empty() || bytes.empty())
    return 0;
  auto taken = bytes.first(std::min(bytes.size(), record_octets));
  out_.assign(taken.begin(), taken.end());
  sent_ = 0;
  sending_ = true;
  send();
  return taken.size();
}

void tls_stream::send() {
  auto rest = boost::asio::buffer(out_) + sent_;
  stream_.async_write_some(
      rest, [self = shared_from_this()](const auto& error, std::size_t count) {
        self->sent_ += count;
        if (!error && self->sent_ < self->out_.size() && self->on_ready_)
          return self->send();
        self->sending_ = false;
        if (error)
          self->fail(error);
        self->tell();
      });
}

void tls_stream::fail(const boost::system::error_code& error) {
  if (!failure_.empty())
    return;
  auto ended = error == boost::asio::error::eof || error == ssl::error::stream_truncated;
  failure_ = ended           ? "closed by the other end"
             : !established_ ? "without a common TLS: " + error.message()
                             : "broken: " + error.message();
  if (taken_ == arrived_)
    ended_ = failure_;
}

void tls_stream::tell() {
  if (on_ready_)
    on_ready_();
}

// Says goodbye as TLS wants it, unless that would cut into something that is on its way.
void tls_stream::close() {
  on_ready_ = nullptr;
  auto alive = established_ && !sending_ && failure_.empty() && ended_.empty();
  if (ended_.empty())
    ended_ = "closed";
  auto& socket = stream_.next_layer();
  boost::system::error_code ignored;
  if (!alive) {
    socket.close(ignored);
    return;
  }
  socket.cancel(ignored);
  goodbye_.expires_after(goodbye_limit);
  goodbye_.async_wait([self = shared_from_this()](const auto&) {
    boost::system::error_code unused;
    self->stream_.next_layer().close(unused);
  });
  stream_.async_shutdown([self = shared_from_this()](const auto&) { self->goodbye_.cancel(); });
}

} // namespace tutti::io
