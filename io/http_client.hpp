// A small HTTP client that waits for its answers: for the command line, never on the loop.
// Decides: time limits, TLS verification. Leaves: what is asked (cli).
// Spec: RFC 9112; HTML, "Server-sent events". Thread: one per object.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tutti::io {

struct http_url {
  bool secure = false;
  std::string host; ///< without brackets
  std::uint16_t port = 0;
  std::string text; ///< as it was written, without a slash at the end
};

/// "http://host[:port]" or "https://...", IPv6 literals in brackets; nothing for anything else.
/// Without a port: that of the scheme.
std::optional<http_url> parse_url(std::string_view text);

struct http_reply {
  unsigned status = 0;
  std::string body;
  std::string etag;
  std::string location;
};

class http_client {
public:
  struct options {
    http_url url;
    std::string token;       ///< empty: none
    std::string authorities; ///< PEM file of certificates to trust; empty: the system's
    std::chrono::milliseconds patience{5000}; ///< for each step
  };

  explicit http_client(options use)
      : options_(std::move(use)) {}

  /// Throws std::system_error, whose what() is a sentence, if there is no answer.
  http_reply ask(std::string_view method, const std::string& path, const std::string& body = {},
                 const std::string& if_match = {});

  /// Gives the data of each Server-Sent Event until the callback returns false or the stream ends.
  /// An answer other than a stream is returned.
  std::optional<http_reply> listen(const std::string& path,
                                   const std::function<bool(std::string_view)>& use);

private:
  options options_;
};

} // namespace tutti::io
