#include "io/tcp_connector.hpp"

#include "io/endpoint.hpp"

#include <boost/asio/connect.hpp>

#include <utility>

namespace tutti::io {

using boost::asio::ip::tcp;

void tcp_connector::connect(const std::string& host, std::uint16_t port,
                            std::chrono::milliseconds patience, handler on_done) {
  on_done_ = std::move(on_done);
  timer_.expires_after(patience);
  timer_.async_wait([self = shared_from_this()](const auto& cancelled) {
    if (!cancelled)
      self->finish({}, "no answer in time");
  });
  if (auto literal = parse_address(host, port)) {
    auto address = to_socket_address(*literal, literal->is_v4() ? AF_INET : AF_INET6);
    tcp::endpoint where;
    where.resize(address.size);
    std::memcpy(where.data(), address.get(), address.size);
    try_all(tcp::resolver::results_type::create(where, host, std::to_string(port)));
    return;
  }
  resolver_.async_resolve(host, std::to_string(port),
                          [self = shared_from_this()](const auto& error, const auto& addresses) {
                            if (error == boost::asio::error::operation_aborted || !self->on_done_)
                              return;
                            if (error)
                              self->finish({}, "its name is not known: " + error.message());
                            else
                              self->try_all(addresses);
                          });
}

// The attempt works on the socket until its handler has run, so the handler keeps it.
void tcp_connector::try_all(const tcp::resolver::results_type& addresses) {
  trying_ = std::make_shared<tcp::socket>(loop_.context());
  boost::asio::async_connect(
      *trying_, addresses,
      [self = shared_from_this(), socket = trying_](const auto& error, const auto&) {
        if (self->trying_ != socket)
          return; // cancelled
        if (error)
          self->finish({}, error.message());
        else
          self->finish(std::move(*socket), {});
      });
}

void tcp_connector::finish(std::optional<tcp::socket> socket, const std::string& failure) {
  auto on_done = std::exchange(on_done_, nullptr);
  cancel();
  if (on_done)
    on_done(std::move(socket), failure);
}

void tcp_connector::cancel() {
  on_done_ = nullptr;
  timer_.cancel();
  resolver_.cancel();
  boost::system::error_code ignored;
  if (trying_)
    trying_->close(ignored);
  trying_ = nullptr;
}

} // namespace tutti::io
