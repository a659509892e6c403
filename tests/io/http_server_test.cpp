// The server on real sockets: what a raw client sends, octet by octet, and what it gets.
// tests/control/ does the same with clients of other makers.
#include "io/event_stream.hpp"
#include "io/http_server.hpp"

#include <catch2/catch.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <functional>
#include <future>
#include <thread>
#include <vector>

using namespace tutti::io;
namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

/// A server on a thread of its own that answers with what it was asked.
class echo_server {
public:
  explicit echo_server(http_limits limits = {}, http_access_options access = {}) {
    http_router router({{http_method::get, "/open", http_role::none},
                        {http_method::get, "/say/{word}"},
                        {http_method::post, "/echo", http_role::control, 1000},
                        {http_method::get, "/keep"},
                        {http_method::get, "/forget"},
                        {http_method::get, "/events", http_role::read, 0, true}});
    server_ = std::make_unique<http_server>(loop_, router, http_access(access), limits);
    server_->listen(*parse_address("127.0.0.1", 0));
    server_->start([this](http_exchange_ptr exchange) { answer(std::move(exchange)); });
    port_ = server_->local().at(0).port;
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~echo_server() {
    in_loop([this] {
      kept_.clear();
      streams_.clear();
      stream_ = nullptr;
      server_->close();
    });
    loop_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }

  template <class Call>
  void in_loop(Call call) {
    std::promise<void> done;
    asio::post(loop_.context(), [&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }
  http_counters counters() {
    http_counters out;
    in_loop([&] { out = server_->counters(); });
    return out;
  }
  /// Sends to all that ever listened, in one handler; then `look` is called after each turn.
  void publish_to_all(const std::string& text, std::function<void()> look) {
    in_loop([&] {
      loop_.add_flush(std::move(look));
      for (const auto& stream : streams_)
        stream->send(1, event_weight::stream, std::make_shared<const std::string>(text));
    });
  }
  /// Sends to whoever listens.
  void publish(const std::string& text) {
    in_loop([&] {
      if (stream_)
        stream_->send(1, event_weight::stream, std::make_shared<const std::string>(text));
    });
  }

private:
  void answer(http_exchange_ptr exchange) {
    const auto& request = exchange->request();
    switch (request.route) {
    case 1: return exchange->respond({200, "\"" + request.arguments.at(0) + "\""});
    case 2: return exchange->respond({200, request.body, "text/plain"});
    case 3: kept_.push_back(std::move(exchange)); return;
    case 4: return;
    case 5:
      stream_ = exchange->stream();
      if (stream_)
        stream_->start({{}, {}, [](const std::vector<event_queue::loss>& losses) {
                          return "missed " + std::to_string(losses.at(0).events);
                        }});
      if (stream_)
        streams_.push_back(stream_);
      return;
    default: exchange->respond({200, "{}"});
    }
  }

  event_loop loop_;
  std::unique_ptr<http_server> server_;
  std::vector<http_exchange_ptr> kept_;
  std::vector<std::shared_ptr<event_stream>> streams_;
  std::shared_ptr<event_stream> stream_; ///< the last one
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class raw_client {
public:
  explicit raw_client(const echo_server& server)
      : socket_(context_) {
    socket_.connect({asio::ip::address_v4::loopback(), server.port()});
  }
  raw_client& send(std::string_view text) {
    boost::system::error_code ignored; // the server may have heard enough
    asio::write(socket_, asio::buffer(text), ignored);
    return *this;
  }
  std::string read_to_end() {
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(text_), error);
    return std::exchange(text_, {});
  }
  bool has_octets() const { return socket_.available() > 0; }
  std::string read_until(std::string_view end) {
    boost::system::error_code error;
    auto size = asio::read_until(socket_, asio::dynamic_buffer(text_), std::string(end), error);
    auto out = text_.substr(0, size);
    text_.erase(0, size);
    return out;
  }

private:
  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  std::string text_;
};

/// Sends one request on a fresh connection; the whole answer.
std::string ask(const echo_server& server, std::string request) {
  return raw_client(server).send(request).read_to_end();
}
std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}
std::string get(const std::string& path, const std::string& more = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n";
}
std::string post(const std::string& body, const std::string& more = {}) {
  return "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

} // namespace

TEST_CASE("requests are answered one after the other on one connection", "[io][http]") {
  echo_server server;
  raw_client client(server);
  for (auto word : {"one", "two"}) {
    client.send(std::string("GET /say/") + word + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    auto answer = client.read_until("\r\n\r\n\"" + std::string(word) + "\"");
    CHECK(status_of(answer) == "HTTP/1.1 200 OK");
    CHECK(answer.find("Content-Length: 5\r\n") != answer.npos);
  }
  // Pipelined: all at once, answered in order.
  client.send("GET /say/a HTTP/1.1\r\nHost: localhost\r\n\r\n"
              "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nb" +
              get("/say/c"));
  auto all = client.read_to_end();
  CHECK(all.find("\"a\"") < all.find("\r\n\r\nb"));
  CHECK(all.find("\r\n\r\nb") < all.find("\"c\""));
}

TEST_CASE("HEAD gives the head of GET, OPTIONS the methods", "[io][http]") {
  echo_server server;
  auto head =
      ask(server, "HEAD /say/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(head.find("Content-Length: 7\r\n") != head.npos);
  CHECK(head.ends_with("\r\n\r\n"));
  auto options =
      ask(server, "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(status_of(options) == "HTTP/1.1 204 No Content");
  CHECK(options.find("Allow: POST, OPTIONS\r\n") != options.npos);
}

TEST_CASE("requests that are wrong are told what is wrong with them", "[io][http]") {
  echo_server server;
  struct row {
    std::string request;
    std::string status;
  };
  for (const auto& [request, status] : std::vector<row>{
           {get("/nothing"), "404"},
           {get("/echo"), "405"},
           {get("/%ff"), "400"},
           {get("/a//b"), "400"},
           {"garbage\r\n\r\n", "400"},
           {"GET /open HTTP/1.1\r\n\r\n", "400"},
           {"GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
           {"GET /open HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421"},
           {"GET /open HTTP/1.1\r\nbad header\r\n\r\n", "400"},
           {get("/open", "X: " + std::string(20'000, 'x') + "\r\n"), "431"},
           {get("/" + std::string(9'000, 'x')), "414"},
           {get("/open", "Origin: http://evil.example\r\n"), "403"},
           {post(std::string(1001, 'x')), "413"},
           {get("/open", "Content-Length: 1\r\n") + "x", "413"},
           {"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            "7d0\r\n" +
                std::string(2000, 'x') + "\r\n0\r\n\r\n",
            "413"},
           {post("x", "Expect: wonders\r\n"), "417"},
           {post("x", "Transfer-Encoding: chunked\r\n"), "400"},
           {"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "400"},
           {get("/forget"), "500"},
       }) {
    INFO(request.substr(0, 60));
    auto answer = ask(server, request);
    CHECK(answer.substr(0, 13) == "HTTP/1.1 " + status + " ");
    CHECK(answer.find("Content-Type: application/problem+json") != answer.npos);
  }
}

TEST_CASE("absolute targets are taken, with their own host", "[io][http]") {
  echo_server server;
  CHECK(status_of(ask(server, get("http://localhost:1/say/x"))) == "HTTP/1.1 200 OK");
  CHECK(status_of(ask(server, get("http://evil.example/say/x"))).find("421") != std::string::npos);
}

TEST_CASE("a client that asks before it sends a body is told to go on", "[io][http]") {
  echo_server server;
  raw_client client(server);
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n"
              "Expect: 100-continue\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(client.send("hello").read_to_end().ends_with("\r\n\r\nhello"));
  // ... and not if it is too long anyhow.
  auto refused = ask(server, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n"
                             "Expect: 100-continue\r\n\r\n");
  CHECK(status_of(refused) == "HTTP/1.1 413 Content Too Large");
}

TEST_CASE("the role that a route needs is asked for", "[io][http][security]") {
  http_access_options access;
  access.tokens = {{"wall", http_role::read, "r"}, {"desk", http_role::control, "c"}};
  echo_server server({}, access);
  CHECK(status_of(ask(server, get("/open"))) == "HTTP/1.1 200 OK");
  CHECK(status_of(ask(server, get("/say/x"))) == "HTTP/1.1 401 Unauthorized");
  CHECK(ask(server, get("/say/x")).find("WWW-Authenticate: Bearer") != std::string::npos);
  CHECK(status_of(ask(server, get("/say/x", "Authorization: Bearer r\r\n"))) == "HTTP/1.1 200 OK");
  CHECK(status_of(ask(server, post("x", "Authorization: Bearer r\r\n"))) ==
        "HTTP/1.1 403 Forbidden");
  CHECK(status_of(ask(server, post("x", "Authorization: Bearer c\r\n"))) == "HTTP/1.1 200 OK");
  CHECK(status_of(ask(server, get("/open", "Authorization: Bearer wrong\r\n"))) ==
        "HTTP/1.1 401 Unauthorized");
}

TEST_CASE("who drips a request is let go in time, and makes room before that",
          "[io][http][security]") {
  http_limits limits;
  limits.connections = 3;
  // Long enough that on a busy machine nobody's time is over before room is needed.
  limits.head = milliseconds(500);
  limits.idle = milliseconds(500);
  echo_server server(limits);
  std::vector<std::unique_ptr<raw_client>> slow;
  for (int i = 0; i < 5; ++i) {
    slow.push_back(std::make_unique<raw_client>(server));
    slow.back()->send("GET /open HT");
  }
  CHECK(status_of(ask(server, get("/open"))) == "HTTP/1.1 200 OK"); // at once
  for (auto& one : slow)
    CHECK(one->read_to_end().empty());
  // A client sees the end of its connection a moment before the server has counted it.
  auto counters = server.counters();
  for (int i = 0; i < 200 && counters.open_connections > 0; ++i) {
    std::this_thread::sleep_for(milliseconds(5));
    counters = server.counters();
  }
  CHECK(counters.evicted == 3);
  CHECK(counters.timeouts == 2);
  CHECK(counters.open_connections == 0);
}

TEST_CASE("who is being answered is not let go for a newcomer", "[io][http]") {
  http_limits limits;
  limits.connections = 2;
  echo_server server(limits);
  raw_client first(server), second(server);
  first.send(get("/keep"));
  second.send(get("/keep"));
  while (server.counters().open_requests < 2)
    std::this_thread::yield();
  auto refused = ask(server, get("/open"));
  CHECK(status_of(refused) == "HTTP/1.1 503 Service Unavailable");
  CHECK(refused.find("Retry-After: ") != refused.npos);
}

TEST_CASE("requests at once are bounded", "[io][http]") {
  http_limits limits;
  limits.requests = 1;
  echo_server server(limits);
  raw_client first(server);
  first.send(get("/keep"));
  while (server.counters().open_requests < 1)
    std::this_thread::yield();
  CHECK(status_of(ask(server, get("/open"))) == "HTTP/1.1 503 Service Unavailable");
}

TEST_CASE("a stream that nobody reads is bounded, and told what it missed", "[io][http][events]") {
  http_limits limits;
  limits.queue = {50, 1u << 20};
  echo_server server(limits);
  raw_client client(server);
  client.send(get("/events"));
  CHECK(status_of(client.read_until("\r\n\r\n")) == "HTTP/1.1 200 OK");
  std::string large(100'000, 'x');
  for (int i = 0; i < 200; ++i)
    server.publish(large); // far more than the sockets take
  for (int i = 0; i < 60; ++i)
    server.publish("small " + std::to_string(i));
  // Every event is here or was counted, and the newest one is here.
  int seen = 0, missed = 0;
  for (std::string event; event != "data: small 59\n\n";) {
    event = client.read_until("\n\n");
    if (event.starts_with("data: missed "))
      missed += std::stoi(event.substr(13));
    else
      ++seen;
  }
  CHECK(seen + missed == 260);
  CHECK(missed >= 50);
}

TEST_CASE("what many streams are told is written by one of them in a turn of the loop",
          "[io][http][events]") {
  constexpr std::size_t count = 5;
  std::vector<std::size_t> heard; // by how many, after each turn
  std::vector<std::unique_ptr<raw_client>> clients;
  {
    echo_server server;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<raw_client>(server));
      clients.back()->send(get("/events"));
      clients.back()->read_until("\r\n\r\n");
    }
    server.publish_to_all("news", [&] {
      heard.push_back(static_cast<std::size_t>(
          std::ranges::count_if(clients, [](const auto& one) { return one->has_octets(); })));
    });
    for (auto& client : clients)
      CHECK(client->read_until("\n\n") == "data: news\n\n");
  }
  REQUIRE(heard.size() > count);
  CHECK(heard.front() == 0);
  for (std::size_t i = 1; i < heard.size(); ++i)
    CHECK(heard[i] <= heard[i - 1] + 1);
}

TEST_CASE("streams are bounded, and closed with the server", "[io][http][events]") {
  http_limits limits;
  limits.streams = 1;
  raw_client* left = nullptr;
  std::unique_ptr<raw_client> client;
  {
    echo_server server(limits);
    client = std::make_unique<raw_client>(server);
    client->send(get("/events"));
    client->read_until("\r\n\r\n");
    CHECK(status_of(ask(server, get("/events"))) == "HTTP/1.1 503 Service Unavailable");
    CHECK(server.counters().open_streams == 1);
    left = client.get();
  }
  CHECK(left->read_to_end().empty());
}
