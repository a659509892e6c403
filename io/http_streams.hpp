// Event streams over HTTP: WebSocket and Server-Sent Events. Internal to io/http_*.
// Decides: see event_stream. Thread: the loop thread.
// Both are templates over plain TCP and TLS.
#pragma once

#include "io/event_stream.hpp"
#include "io/http_core.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

namespace tutti::io {

/// The WebSocket subprotocol of the API; chosen if the client offers it.
inline constexpr std::string_view events_subprotocol = "tutti.v1";

/// What both kinds share: the queue and its losses.
class queued_events : public http_peer, public event_stream {
public:
  explicit queued_events(std::shared_ptr<http_core> core)
      : core_(std::move(core))
      , queue_(core_->limits.queue) {
    waiting = false;
    ++core_->counters.open_streams;
  }
  ~queued_events() override {
    --core_->counters.open_streams;
    core_->remove(this);
  }

  bool send(event_queue::topic what, event_weight weight, event_text text) override {
    if (closed_)
      return true;
    auto kept = queue_.push(what, weight, std::move(text));
    if (ready_ && !writing_ && !std::exchange(due_, true)) {
      core_->writers.push_back(as_peer());
      go_on_with_round(core_);
    }
    return kept;
  }

  void write_due() final {
    due_ = false;
    if (ready_ && !writing_ && !closed_ && has_next())
      write_next();
  }

protected:
  virtual std::weak_ptr<http_peer> as_peer() = 0;
  virtual void write_next() = 0;

  bool has_next() const noexcept { return !queue_.empty() || queue_.lost_any(); }
  /// The next event; a note of what was lost goes first.
  event_text next() {
    if (queue_.lost_any() && handlers_.tell_losses)
      return std::make_shared<const std::string>(handlers_.tell_losses(queue_.take_losses()));
    return queue_.pop();
  }
  void ended() {
    if (std::exchange(closed_, true))
      return;
    auto last = std::exchange(handlers_, {});
    if (last.on_close)
      last.on_close();
  }

  std::shared_ptr<http_core> core_;
  event_queue queue_;
  handlers handlers_;
  bool ready_ = false;
  bool writing_ = false;
  bool due_ = false; ///< waits for its turn to write
  bool closed_ = false;
};

template <class Stream>
class server_sent_events final : public queued_events,
                                 public std::enable_shared_from_this<server_sent_events<Stream>> {
public:
  using error_code = boost::beast::error_code;

  server_sent_events(std::shared_ptr<http_core> core, Stream stream,
                     std::shared_ptr<boost::asio::ssl::context> tls, const std::string& origin)
      : queued_events(std::move(core))
      , tls_(std::move(tls))
      , stream_(std::move(stream))
      , timer_(stream_.get_executor()) {
    // Ends with the connection, so it needs neither a length nor chunks.
    out_ = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
           "X-Content-Type-Options: nosniff\r\nConnection: close\r\n";
    if (!origin.empty())
      out_ += "Access-Control-Allow-Origin: " + origin + "\r\nVary: Origin\r\n";
    out_ += "\r\n";
  }

  void start(handlers use) override {
    handlers_ = std::move(use);
    ready_ = true;
    read();
    write();
  }

  void close() override {
    auto keep = this->shared_from_this();
    error_code ignored;
    lowest().socket().close(ignored);
    lowest().cancel();
    timer_.cancel();
    ended();
  }

private:
  std::weak_ptr<http_peer> as_peer() override { return this->weak_from_this(); }
  boost::beast::tcp_stream& lowest() { return boost::beast::get_lowest_layer(stream_); }

  void write_next() override {
    out_.clear();
    while (has_next() && out_.size() < most_at_once) {
      out_ += "data: ";
      out_ += *next();
      out_ += "\n\n";
    }
    write();
  }

  void write() {
    writing_ = true;
    timer_.cancel();
    lowest().expires_after(core_->limits.write);
    boost::asio::async_write(stream_, boost::asio::buffer(out_),
                             [self = this->shared_from_this()](error_code error, std::size_t) {
                               self->on_written(error);
                             });
  }

  void on_written(error_code error) {
    if (error)
      return close();
    writing_ = false;
    if (closed_)
      return;
    if (has_next())
      return write_next();
    lowest().expires_never();
    timer_.expires_after(core_->limits.keep_alive);
    timer_.async_wait([self = this->shared_from_this()](error_code stopped) {
      if (stopped || self->writing_ || self->closed_)
        return;
      self->out_ = ":\n\n"; // a comment: shows both ends that the other one is there
      self->write();
    });
  }

  // Nothing is expected, so that any news is that the client is gone.
  void read() {
    stream_.async_read_some(boost::asio::buffer(ignored_),
                            [self = this->shared_from_this()](error_code error, std::size_t) {
                              if (error)
                                self->close();
                              else
                                self->read();
                            });
  }

  static constexpr std::size_t most_at_once = 64 * 1024;

  std::shared_ptr<boost::asio::ssl::context> tls_;
  Stream stream_;
  boost::asio::steady_timer timer_;
  std::string out_;
  std::array<char, 256> ignored_;
};

template <class Stream>
class websocket_events final : public queued_events,
                               public std::enable_shared_from_this<websocket_events<Stream>> {
public:
  using error_code = boost::beast::error_code;
  using request_head = boost::beast::http::request<boost::beast::http::string_body>;

  websocket_events(std::shared_ptr<http_core> core, Stream stream,
                   std::shared_ptr<boost::asio::ssl::context> tls, request_head head)
      : queued_events(std::move(core))
      , tls_(std::move(tls))
      , socket_(std::move(stream))
      , head_(std::move(head)) {}

  void start(handlers use) override {
    namespace websocket = boost::beast::websocket;
    handlers_ = std::move(use);
    boost::beast::get_lowest_layer(socket_).expires_never();
    websocket::stream_base::timeout limits;
    limits.handshake_timeout = core_->limits.head;
    limits.idle_timeout = 2 * core_->limits.keep_alive; // pings at half of it
    limits.keep_alive_pings = true;
    socket_.set_option(limits);
    socket_.read_message_max(core_->limits.message_octets);
    auto offers = head_[boost::beast::http::field::sec_websocket_protocol];
    auto offered = std::string_view(offers.data(), offers.size()).find(events_subprotocol) !=
                   std::string_view::npos;
    socket_.set_option(websocket::stream_base::decorator([offered](websocket::response_type& r) {
      if (offered)
        r.set(boost::beast::http::field::sec_websocket_protocol, events_subprotocol);
    }));
    socket_.async_accept(head_, [self = this->shared_from_this()](error_code error) {
      if (error)
        return self->ended();
      self->ready_ = true;
      self->socket_.text(true);
      self->read();
      if (self->has_next() && !self->writing_)
        self->write_next();
    });
  }

  void close() override {
    auto keep = this->shared_from_this();
    error_code ignored;
    boost::beast::get_lowest_layer(socket_).socket().close(ignored);
    boost::beast::get_lowest_layer(socket_).cancel();
    ended();
  }

private:
  std::weak_ptr<http_peer> as_peer() override { return this->weak_from_this(); }
  void write_next() override {
    writing_ = true;
    current_ = next();
    socket_.async_write(boost::asio::buffer(*current_),
                        [self = this->shared_from_this()](error_code error, std::size_t) {
                          self->on_written(error);
                        });
  }

  void on_written(error_code error) {
    writing_ = false;
    if (error)
      return ended();
    if (!closed_ && has_next())
      write_next();
  }

  void read() {
    socket_.async_read(buffer_, [self = this->shared_from_this()](error_code error, std::size_t) {
      self->on_read(error);
    });
  }

  void on_read(error_code error) {
    if (error)
      return ended();
    if (!closed_ && socket_.got_text() && handlers_.on_message) {
      auto data = buffer_.cdata();
      handlers_.on_message({static_cast<const char*>(data.data()), data.size()});
    }
    buffer_.clear();
    if (!closed_)
      read();
  }

  std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::beast::websocket::stream<Stream> socket_;
  request_head head_;
  boost::beast::flat_buffer buffer_;
  event_text current_;
};

} // namespace tutti::io
