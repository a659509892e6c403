// One connection of an HTTP client: request after request, until it closes or becomes a stream.
// Internal to io/http_*: a template over plain TCP and TLS.
// Decides: what is wrong with a request before anybody is asked; time limits at each step.
// Leaves: the answers (the server's handler), streams (http_streams).
// Spec: RFC 9112; RFC 9110 section 10.1.1 (Expect). Thread: the loop thread.
#pragma once

#include "io/http_core.hpp"
#include "io/http_streams.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>

#include <optional>

namespace tutti::io {

using plain_stream = boost::beast::tcp_stream;
using tls_stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

/// The value of the Date header, made once a second.
std::string_view http_date();

template <class Stream>
class http_connection final : public http_peer,
                              public std::enable_shared_from_this<http_connection<Stream>> {
public:
  using error_code = boost::beast::error_code;

  http_connection(std::shared_ptr<http_core> core, Stream stream, endpoint client,
                  std::shared_ptr<boost::asio::ssl::context> tls)
      : core_(std::move(core))
      , stream_(std::move(stream))
      , client_(client)
      , tls_(std::move(tls)) {}
  ~http_connection() override { core_->remove(this); }

  void start() {
    core_->add(this->shared_from_this());
    if constexpr (is_tls) {
      expire_after(core_->limits.head);
      stream_.async_handshake(boost::asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (!error)
                                  self->wait_for_request();
                              });
    } else {
      wait_for_request();
    }
  }

  /// Tells a client for whom there is no room, without reading what it asks.
  void turn_away() {
    ++core_->counters.turned_away;
    close_after_ = true;
    send(problem(503, "Too many connections; try again later.").with("Retry-After", "1"));
  }

  void close() override {
    error_code ignored;
    lowest().socket().close(ignored);
    lowest().cancel();
  }

private:
  static constexpr bool is_tls = std::is_same_v<Stream, tls_stream>;
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using field = boost::beast::http::field;
  static constexpr std::size_t none = http_router::none;

  class exchange final : public http_exchange {
  public:
    exchange(std::shared_ptr<http_connection> connection, http_request&& request)
        : connection_(std::move(connection)) {
      request_ = std::move(request);
      ++connection_->core_->counters.open_requests;
    }
    ~exchange() override {
      if (!connection_)
        return;
      if (!connection_->core_->peers.empty()) // else the server is closing
        respond(problem(500, "The hub did not answer this request."));
      else
        release();
    }
    void respond(http_response response) override {
      if (connection_)
        release()->send(std::move(response));
    }
    std::shared_ptr<event_stream> stream() override {
      return connection_ ? release()->begin_stream(request_) : nullptr;
    }

  private:
    std::shared_ptr<http_connection> release() {
      --connection_->core_->counters.open_requests;
      return std::exchange(connection_, nullptr);
    }
    std::shared_ptr<http_connection> connection_;
  };

  boost::beast::tcp_stream& lowest() { return boost::beast::get_lowest_layer(stream_); }
  void expire_after(std::chrono::milliseconds limit) { lowest().expires_after(limit); }

  void wait_for_request() {
    waiting = true;
    waiting_since = std::chrono::steady_clock::now();
    close_after_ = false;
    foreign_origin_ = false;
    route_ = none;
    head_only_ = false;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(core_->limits.head_octets));
    parser_->body_limit(boost::none); // the route decides, see check_body()
    if (buffer_.size() > 0)
      return read_head();
    expire_after(core_->limits.idle);
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = this->shared_from_this()](error_code error, std::size_t size) {
                              if (error)
                                return self->end_quietly(error);
                              self->buffer_.commit(size);
                              self->read_head();
                            });
  }

  void read_head() {
    expire_after(core_->limits.head);
    boost::beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) {
          if (error)
            self->on_bad_head(error);
          else
            self->on_head();
        });
  }

  void on_bad_head(error_code error) {
    using reason = boost::beast::http::error;
    static const auto& http_errors = make_error_code(reason::bad_method).category();
    if (error.category() != http_errors || error == reason::end_of_stream ||
        error == reason::partial_message)
      return end_quietly(error);
    ++core_->counters.malformed;
    refuse(
        error == reason::header_limit || error == reason::buffer_overflow
            ? problem(431, "The request's head is longer than " +
                               std::to_string(core_->limits.head_octets) + " octets.")
            : problem(400, "This is not a well-formed HTTP/1.1 request: " + error.message() + "."));
  }

  // Everything that can be said without the body.
  void on_head() {
    const auto& head = parser_->get();
    waiting = false;
    head_only_ = head.method_string() == "HEAD";
    std::string_view target(head.target().data(), head.target().size());
    std::string_view host = view(head[field::host]);
    if (head.count(field::host) > 1 || (head.version() >= 11 && head.count(field::host) == 0))
      return refuse(problem(400, "An HTTP/1.1 request has exactly one Host header."));
    // RFC 9112, section 6.3: where a body of another coding ends cannot be told.
    if (head.count(field::transfer_encoding) > 0 &&
        !boost::beast::iequals(head[field::transfer_encoding], "chunked"))
      return refuse(problem(400, "The only transfer coding that is taken is chunked."));
    if (auto authority = take_authority(target); !authority.empty())
      host = authority;
    if (target.size() > max_target)
      return refuse(problem(414, "The request target is longer than " + std::to_string(max_target) +
                                     " octets."));
    auto parsed = parse_target(target);
    if (!parsed)
      return refuse(problem(400, "The request target is not a path of percent-encoded UTF-8."));
    auto verdict =
        core_->access.judge({host, view(head[field::origin]), view(head[field::authorization]),
                             view(head[field::sec_websocket_protocol]), is_tls});
    foreign_origin_ = verdict.foreign_origin;
    if (verdict.refusal)
      return refuse(std::move(*verdict.refusal));
    auto match = core_->router.find(view(head.method_string()), *parsed);
    if (match.allow.empty())
      return refuse(problem(404, "There is nothing at this path."));
    if (view(head.method_string()) == "OPTIONS")
      return answer_options(match.allow);
    if (match.route == none)
      return refuse(
          problem(405, "This path takes " + match.allow + ".").with("Allow", match.allow));
    if (!admits(verdict.role, core_->router[match.route].role))
      return;
    route_ = match.route;
    keep_request(std::move(*parsed), std::move(match.arguments), verdict.role);
    check_body();
  }

  bool admits(http_role role, http_role needed) {
    if (role >= needed)
      return true;
    refuse(role == http_role::none
               ? problem(401, "This needs a bearer token.")
                     .with("WWW-Authenticate", "Bearer realm=\"tutti\"")
               : problem(403, "This token may read but not change anything.")
                     .with("WWW-Authenticate",
                           "Bearer realm=\"tutti\", error=\"insufficient_scope\""));
    return false;
  }

  void answer_options(const std::string& allow) {
    http_response response;
    response.status = 204;
    response.with("Allow", allow);
    if (foreign_origin_)
      response.with("Access-Control-Allow-Methods", allow)
          .with("Access-Control-Allow-Headers", "authorization, content-type, if-match")
          .with("Access-Control-Max-Age", "600");
    refuse(std::move(response));
  }

  void keep_request(http_target target, std::vector<std::string> arguments, http_role role) {
    const auto& head = parser_->get();
    request_ = {};
    request_.method = core_->router[route_].method;
    request_.head = head_only_;
    request_.route = route_;
    request_.target = std::move(target);
    request_.arguments = std::move(arguments);
    request_.accept = head[field::accept];
    request_.content_type = head[field::content_type];
    request_.if_match = head[field::if_match];
    request_.if_none_match = head[field::if_none_match];
    request_.origin = head[field::origin];
    request_.client = client_;
    request_.role = role;
    request_.wants_websocket = boost::beast::websocket::is_upgrade(head);
  }

  void check_body() {
    auto most = core_->router[route_].max_body;
    parser_->body_limit(most);
    auto length = parser_->content_length();
    if (length && *length > most)
      return refuse(
          most == 0 ? problem(413, "This takes no body.")
                    : problem(413, "The body is longer than " + std::to_string(most) + " octets."));
    if (parser_->is_done())
      return dispatch();
    auto expect = parser_->get()[field::expect];
    if (expect.empty())
      return read_body();
    if (!boost::beast::iequals(expect, "100-continue"))
      return refuse(problem(417, "Only 100-continue may be expected."));
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    expire_after(core_->limits.write);
    boost::asio::async_write(stream_, boost::asio::buffer(go_on),
                             [self = this->shared_from_this()](error_code error, std::size_t) {
                               if (!error)
                                 self->read_body();
                             });
  }

  void read_body() {
    waiting = true; // a slow body may be given up for a newcomer as well
    waiting_since = std::chrono::steady_clock::now();
    expire_after(core_->limits.body);
    boost::beast::http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) {
          self->waiting = false;
          if (!error)
            return self->dispatch();
          if (error == boost::beast::http::error::body_limit)
            return self->refuse(problem(413, "The body is longer than this takes."));
          self->end_quietly(error);
        });
  }

  void dispatch() {
    waiting = false;
    if (core_->counters.open_requests >= core_->limits.requests) {
      ++core_->counters.turned_away;
      return send(problem(503, "Too many requests at once; try again.").with("Retry-After", "1"));
    }
    lowest().expires_never();
    request_.body = std::move(parser_->get().body());
    core_->answer(std::make_shared<exchange>(this->shared_from_this(), std::move(request_)));
  }

  std::shared_ptr<event_stream> begin_stream(const http_request& request) {
    if (core_->counters.open_streams >= core_->limits.streams) {
      ++core_->counters.turned_away;
      send(problem(503, "Too many clients listen to events.").with("Retry-After", "5"));
      return nullptr;
    }
    ++core_->counters.streams;
    count(request.wants_websocket ? 101 : 200);
    core_->remove(this);
    auto head = parser_->release();
    if (request.wants_websocket) {
      auto made = std::make_shared<websocket_events<Stream>>(core_, std::move(stream_), tls_,
                                                             std::move(head));
      core_->add(made);
      return made;
    }
    auto made = std::make_shared<server_sent_events<Stream>>(
        core_, std::move(stream_), tls_, foreign_origin_ ? request.origin : std::string());
    core_->add(made);
    return made;
  }

  /// Sends an answer and closes, since what follows the head was not read; except where there is
  /// nothing to follow.
  void refuse(http_response response) {
    const auto& head = parser_->get();
    if (!parser_->is_header_done() || response.status == 400 ||
        !(parser_->is_done() || has_no_body(head)))
      close_after_ = true;
    send(std::move(response));
  }

  template <class Head>
  static bool has_no_body(const Head& head) {
    return !head.chunked() && (!head.has_content_length() || head[field::content_length] == "0");
  }

  void send(http_response response) {
    namespace http = boost::beast::http;
    count(response.status);
    // The head first, so that bodies can be shared and HEAD costs nothing.
    http::response<http::empty_body> head;
    head.version(11);
    head.result(response.status);
    head.reason(reason_phrase(response.status));
    auto size = response.body ? response.body->size() : 0;
    auto may_have_body = response.status != 204 && response.status != 304;
    if (may_have_body) {
      head.content_length(size);
      if (size > 0)
        head.set(field::content_type, response.content_type);
    }
    head.set(field::date, http_date());
    head.set(field::cache_control, "no-cache");
    head.set("X-Content-Type-Options", "nosniff");
    if (foreign_origin_) {
      head.set(field::access_control_allow_origin, parser_->get()[field::origin]);
      head.set(field::access_control_expose_headers, "ETag, Location, Retry-After");
      head.set(field::vary, "Origin");
    }
    for (const auto& [name, value] : response.headers)
      head.set(name, value);
    auto keep = !close_after_ && parser_ && parser_->is_header_done() && parser_->keep_alive();
    head.keep_alive(keep);
    close_after_ = !keep;
    auto text = std::make_shared<std::string>();
    write_head(head, *text);
    auto body = may_have_body && !head_only_ && size > 0 ? response.body : nullptr;
    std::array<boost::asio::const_buffer, 2> parts{boost::asio::buffer(*text),
                                                   body ? boost::asio::buffer(*body)
                                                        : boost::asio::const_buffer()};
    expire_after(core_->limits.write);
    boost::asio::async_write(
        stream_, parts,
        [self = this->shared_from_this(), text, body](error_code error, std::size_t) {
          if (error)
            return self->end_quietly(error);
          if (self->close_after_)
            self->linger();
          else
            self->wait_for_request();
        });
  }

  template <class Head>
  static void write_head(const Head& head, std::string& out) {
    out = "HTTP/1.1 ";
    out += std::to_string(head.result_int());
    out += ' ';
    out.append(head.reason().data(), head.reason().size());
    out += "\r\n";
    for (const auto& one : head) {
      out.append(one.name_string().data(), one.name_string().size());
      out += ": ";
      out.append(one.value().data(), one.value().size());
      out += "\r\n";
    }
    out += "\r\n";
  }

  // Closing with unread octets would reset the connection and cost the client the answer.
  void linger() {
    error_code ignored;
    if constexpr (is_tls) {
      // The close_notify that TLS wants; whether the client answers it does not matter.
      expire_after(std::chrono::seconds(1));
      stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->close(); });
    } else {
      lowest().socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
      expire_after(std::chrono::seconds(1));
      waiting = true;
      drain();
    }
  }

  void drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(16 * 1024),
                            [self = this->shared_from_this()](error_code error, std::size_t size) {
                              self->drained_ += size;
                              if (!error && self->drained_ < most_drained)
                                self->drain();
                            });
  }

  void end_quietly(error_code error) {
    if (error == boost::beast::error::timeout)
      ++core_->counters.timeouts;
  }

  void count(unsigned status) {
    ++core_->counters.requests;
    ++core_->counters.by_class[std::min(status / 100, 5u)];
  }

  /// Absolute form: "http://host/path" becomes "/path"; returns "host".
  static std::string_view take_authority(std::string_view& target) {
    for (std::string_view scheme : {"http://", "https://"})
      if (target.starts_with(scheme)) {
        auto rest = target.substr(scheme.size());
        auto end = std::min(rest.find_first_of("/?"), rest.size());
        target = rest.size() > end && rest[end] == '/' ? rest.substr(end) : "/";
        return rest.substr(0, end);
      }
    return {};
  }

  static std::string_view view(boost::beast::string_view text) noexcept {
    return {text.data(), text.size()};
  }

  static constexpr std::size_t most_drained = 1u << 20;

  std::shared_ptr<http_core> core_;
  Stream stream_;
  endpoint client_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::beast::flat_buffer buffer_{64 * 1024 * 1024};
  std::optional<parser> parser_;
  http_request request_;
  std::size_t route_ = none;
  bool head_only_ = false;
  bool foreign_origin_ = false;
  bool close_after_ = false;
  std::size_t drained_ = 0;
};

} // namespace tutti::io
