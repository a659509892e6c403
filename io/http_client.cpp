#include "io/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <charconv>
#include <system_error>

namespace tutti::io {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::error_code;
using field = http::field;
using request = http::request<http::string_body>;

std::system_error failure(const http_url& url, const std::string& why) {
  return {ECONNREFUSED, std::generic_category(), "cannot reach " + url.text + ": " + why};
}

/// One connection for one request.
template <class Stream>
class conversation {
public:
  conversation(asio::io_context& context, Stream& stream, const http_client::options& options)
      : context_(context)
      , stream_(stream)
      , options_(options) {}

  void open() {
    asio::ip::tcp::resolver resolver(context_);
    error_code error;
    auto found = resolver.resolve(options_.url.host, std::to_string(options_.url.port), error);
    if (error)
      throw failure(options_.url, error.message());
    wait([&](auto done) {
      beast::get_lowest_layer(stream_).async_connect(
          found, [done](error_code result, const auto&) mutable { done(result); });
    });
    if constexpr (!std::is_same_v<Stream, beast::tcp_stream>)
      wait([&](auto done) { stream_.async_handshake(asio::ssl::stream_base::client, done); });
  }

  void write(request& wanted) {
    wait([&](auto done) {
      http::async_write(stream_, wanted,
                        [done](error_code result, std::size_t) mutable { done(result); });
    });
  }

  template <class Parser>
  void read_head(Parser& parser) {
    wait([&](auto done) {
      http::async_read_header(stream_, buffer_, parser,
                              [done](error_code result, std::size_t) mutable { done(result); });
    });
  }

  template <class Parser>
  void read_rest(Parser& parser) {
    wait([&](auto done) {
      http::async_read(stream_, buffer_, parser,
                       [done](error_code result, std::size_t) mutable { done(result); });
    });
  }

  /// Some of the body into `room`; its size; nothing at the end.
  template <class Parser>
  std::optional<std::size_t> read_some(Parser& parser, char* room, std::size_t size) {
    if (parser.is_done())
      return std::nullopt;
    parser.get().body().data = room;
    parser.get().body().size = size;
    error_code error;
    beast::get_lowest_layer(stream_).expires_never(); // events may be rare
    http::async_read_some(stream_, buffer_, parser,
                          [&](error_code result, std::size_t) { error = result; });
    context_.restart();
    context_.run();
    if (error && error != http::error::need_buffer)
      return std::nullopt;
    return size - parser.get().body().size;
  }

private:
  template <class Start>
  void wait(Start start) {
    error_code error;
    beast::get_lowest_layer(stream_).expires_after(options_.patience);
    start([&error](error_code result) { error = result; });
    context_.restart();
    context_.run();
    if (error)
      throw failure(options_.url,
                    error == beast::error::timeout ? "no answer in time" : error.message());
  }

  asio::io_context& context_;
  Stream& stream_;
  const http_client::options& options_;
  beast::flat_buffer buffer_;
};

asio::ssl::context make_tls(const http_client::options& options) {
  asio::ssl::context tls(asio::ssl::context::tls_client);
  error_code error;
  if (options.authorities.empty())
    tls.set_default_verify_paths(error);
  else
    tls.load_verify_file(options.authorities, error);
  if (error)
    throw failure(options.url, options.authorities + ": " + error.message());
  tls.set_verify_mode(asio::ssl::verify_peer);
  return tls;
}

/// Opens a connection and calls `talk(conversation)`.
template <class Talk>
auto converse(const http_client::options& options, Talk talk) {
  asio::io_context context;
  if (!options.url.secure) {
    beast::tcp_stream stream(context);
    conversation<beast::tcp_stream> one(context, stream, options);
    one.open();
    return talk(one);
  }
  auto tls = make_tls(options);
  beast::ssl_stream<beast::tcp_stream> stream(context, tls);
  SSL_set_tlsext_host_name(stream.native_handle(), options.url.host.c_str());
  stream.set_verify_callback(asio::ssl::host_name_verification(options.url.host));
  conversation<beast::ssl_stream<beast::tcp_stream>> one(context, stream, options);
  one.open();
  return talk(one);
}

request make_request(const http_client::options& options, std::string_view method,
                     const std::string& path) {
  request out;
  out.method_string({method.data(), method.size()});
  out.target(path);
  out.version(11);
  auto is_v6 = options.url.host.find(':') != std::string::npos;
  out.set(field::host, (is_v6 ? '[' + options.url.host + ']' : options.url.host) + ':' +
                           std::to_string(options.url.port));
  out.set(field::user_agent, "tutti");
  if (!options.token.empty())
    out.set(field::authorization, "Bearer " + options.token);
  out.keep_alive(false);
  return out;
}

template <class Head>
http_reply reply_of(const Head& head, std::string body) {
  return {head.result_int(), std::move(body), head[field::etag], head[field::location]};
}

} // namespace

std::optional<http_url> parse_url(std::string_view text) {
  while (text.ends_with('/'))
    text.remove_suffix(1);
  http_url out;
  out.text = text;
  if (text.starts_with("https://"))
    out.secure = true;
  else if (!text.starts_with("http://"))
    return std::nullopt;
  text.remove_prefix(out.secure ? 8 : 7);
  out.port = out.secure ? 443 : 80;
  auto end = text.starts_with('[') ? text.find(']') : text.find(':');
  if (text.starts_with('[')) {
    if (end == text.npos)
      return std::nullopt;
    out.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
  } else {
    out.host = text.substr(0, end);
    text.remove_prefix(out.host.size());
  }
  if (out.host.empty() || out.host.find_first_of("/?#@ ") != out.host.npos)
    return std::nullopt;
  if (text.empty())
    return out;
  unsigned port = 0;
  auto [stop, error] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  if (text.front() != ':' || error != std::errc{} || stop != text.data() + text.size() ||
      port == 0 || port > 65535)
    return std::nullopt;
  out.port = static_cast<std::uint16_t>(port);
  return out;
}

http_reply http_client::ask(std::string_view method, const std::string& path,
                            const std::string& body, const std::string& if_match) {
  return converse(options_, [&](auto& with) {
    auto wanted = make_request(options_, method, path);
    if (!body.empty()) {
      wanted.set(field::content_type, "application/json");
      wanted.body() = body;
    }
    if (!if_match.empty())
      wanted.set(field::if_match, if_match);
    wanted.prepare_payload();
    with.write(wanted);
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    with.read_head(parser);
    with.read_rest(parser);
    return reply_of(parser.get(), parser.get().body());
  });
}

std::optional<http_reply> http_client::listen(const std::string& path,
                                              const std::function<bool(std::string_view)>& use) {
  return converse(options_, [&](auto& with) -> std::optional<http_reply> {
    auto wanted = make_request(options_, "GET", path);
    wanted.set(field::accept, "text/event-stream, application/problem+json");
    with.write(wanted);
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    with.read_head(parser);
    auto is_stream = parser.get()[field::content_type].starts_with("text/event-stream");
    std::string text;
    char room[16 * 1024];
    while (auto size = with.read_some(parser, room, sizeof room)) {
      text.append(room, *size);
      for (std::size_t end; is_stream && (end = text.find("\n\n")) != text.npos;) {
        std::string_view event(text.data(), end);
        if (event.starts_with("data: ") && !use(event.substr(6)))
          return std::nullopt;
        text.erase(0, end + 2);
      }
    }
    if (is_stream)
      return std::nullopt;
    return reply_of(parser.get(), std::move(text));
  });
}

} // namespace tutti::io
