// HTTP requests and responses as those who serve them see them.
// Decides: what of a request is kept: decoded, checked, without anything secret.
// Leaves: the wire (http_connection), what a request means (whoever takes it). Thread: values.
#pragma once

#include "io/endpoint.hpp"
#include "io/http_target.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::io {

/// Methods that routes may have. HEAD is answered as GET without a body, OPTIONS by the router.
enum class http_method : std::uint8_t { get, post, put, patch, erase };

constexpr std::string_view to_string(http_method method) noexcept {
  switch (method) {
  case http_method::get: return "GET";
  case http_method::post: return "POST";
  case http_method::put: return "PUT";
  case http_method::patch: return "PATCH";
  case http_method::erase: return "DELETE";
  }
  return "?";
}

/// What a client may do.
enum class http_role : std::uint8_t { none, read, control };

constexpr std::string_view to_string(http_role role) noexcept {
  return role == http_role::control ? "control" : role == http_role::read ? "read" : "none";
}

struct http_request {
  http_method method = http_method::get;
  bool head = false;     ///< HEAD: the answer's body is not sent
  std::size_t route = 0; ///< index into the router's table
  http_target target;
  std::vector<std::string> arguments; ///< the route's path parameters, decoded, in order
  std::string accept;
  std::string content_type;
  std::string if_match;
  std::string if_none_match;
  std::string origin;
  std::string body;
  endpoint client;
  http_role role = http_role::none;
  bool wants_websocket = false;
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Shared, so that one rendering serves many requests. None: no body.
  std::shared_ptr<const std::string> body;

  http_response() = default;
  http_response(unsigned code, std::string text, std::string type = "application/json")
      : status(code)
      , content_type(std::move(type))
      , body(std::make_shared<const std::string>(std::move(text))) {}

  http_response& with(std::string name, std::string value) & {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  http_response&& with(std::string name, std::string value) && {
    return std::move(with(std::move(name), std::move(value)));
  }
};

/// One of many things wrong with a request body.
struct http_mistake {
  std::string pointer; ///< JSON Pointer (RFC 6901) into the body
  std::string detail;  ///< a sentence
};

/// A problem (RFC 9457) in a sentence, with the places in the body that are wrong.
http_response problem(unsigned status, std::string_view detail,
                      const std::vector<http_mistake>& mistakes = {});

/// The status code's usual name (RFC 9110 section 15).
std::string_view reason_phrase(unsigned status) noexcept;

class event_stream;

/// One request that waits for its answer. May be kept and answered later, on the loop thread; if it
/// is let go of unanswered, the client is told that something is broken.
class http_exchange {
public:
  virtual ~http_exchange() = default;

  const http_request& request() const noexcept { return request_; }

  /// Sends the answer. Only the first one counts.
  virtual void respond(http_response response) = 0;
  /// Answers with an endless stream of events, by WebSocket or Server-Sent Events as the client
  /// asked. Only for requests of a route that streams. Nothing if there are too many already; the
  /// client has been told then.
  virtual std::shared_ptr<event_stream> stream() = 0;

protected:
  http_request request_;
};

using http_exchange_ptr = std::shared_ptr<http_exchange>;

} // namespace tutti::io
