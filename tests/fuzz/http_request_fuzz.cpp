// Any octets as an HTTP request: as far as the server takes them apart before it answers.
// Holds: parsing is total; a target's parts are clean text within bounds and survive writing; who
// asks under a foreign name or from a foreign page is refused; a wrong token gives no role; a path
// leads to at most one route, whose arguments are parts of it.
#include "io/http_access.hpp"
#include "io/http_router.hpp"
#include "io/http_target.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>

using namespace tutti::io;
using tutti::fuzz::require;
namespace http = boost::beast::http;

namespace {

const http_router& routes() {
  static const http_router table(
      {{http_method::get, "/api/v1/rules", http_role::read},
       {http_method::post, "/api/v1/rules", http_role::control, 4096},
       {http_method::get, "/api/v1/rules/order", http_role::read},
       {http_method::put, "/api/v1/rules/{id}", http_role::control, 4096},
       {http_method::get, "/api/v1/ports/{id}/events", http_role::read},
       {http_method::get, "/healthz", http_role::none}});
  return table;
}

const http_access& access() {
  static const http_access who({{{"desk", http_role::control, "right"}},
                                {"hub.example"},
                                {"hub"},
                                {"https://desk.example"}});
  return who;
}

void check_target(std::string_view method, std::string_view text) {
  auto target = parse_target(text);
  if (!target)
    return;
  require(target->segments.size() <= max_segments, "segments are bounded");
  require(target->query.size() <= max_parameters, "parameters are bounded");
  std::string written;
  for (const auto& segment : target->segments) {
    require(is_utf8(segment), "a segment is UTF-8");
    require(!segment.empty() && segment != "." && segment != "..", "a segment leads nowhere else");
    require(std::none_of(segment.begin(), segment.end(),
                         [](unsigned char c) { return c < 0x20 || c == 0x7F; }),
            "a segment has no control characters");
    written += '/' + percent_encode(segment);
  }
  if (written.size() <= max_target) {
    auto again = parse_target(written.empty() ? "/" : written);
    require(again && again->segments == target->segments, "segments survive writing");
  }
  auto found = routes().find(method, *target);
  if (found.route == http_router::none)
    return;
  require(found.route < routes().routes().size(), "a route is one of those that there are");
  for (const auto& argument : found.arguments)
    require(std::count(target->segments.begin(), target->segments.end(), argument) > 0,
            "an argument is a segment");
}

template <class Request>
void check_access(const Request& request) {
  auto field = [&](http::field name) {
    auto value = request[name];
    return std::string_view(value.data(), value.size());
  };
  http_credentials given{field(http::field::host), field(http::field::origin),
                         field(http::field::authorization),
                         field(http::field::sec_websocket_protocol), false};
  auto verdict = access().judge(given);
  auto token = bearer_token(given);
  if (!token || *token != "right")
    require(verdict.role == http_role::none, "without the right token there is no role");
  if (!token && given.origin.empty() && host_name_of(given.host) == "hub.example")
    require(!verdict.refusal, "who asks under the hub's name is not refused");
  if (given.origin == "https://evil.example")
    require(verdict.refusal.has_value(), "a foreign page is refused");
}

} // namespace

TUTTI_FUZZ_TARGET(http_request, input) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(16 * 1024);
  parser.body_limit(4096);
  parser.eager(true);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(input.data(), input.size()), error);
  // The target alone as well, since few inputs are whole requests.
  std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  check_target("GET", text.substr(0, text.find('\n')));
  if (!parser.is_header_done())
    return;
  const auto& request = parser.get();
  auto method = request.method_string();
  auto target = request.target();
  check_target({method.data(), method.size()}, {target.data(), target.size()});
  check_access(request);
}
