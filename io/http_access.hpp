// Who may ask: bearer tokens with roles, and what protects browsers from foreign pages.
// Decides: the role of a client; which Host names and Origins are taken.
// Leaves: which role a route needs (http_router), where tokens come from (their owner).
// Spec: RFC 6750 section 2.1; RFC 9110 sections 7.2 and 11.6.1; Fetch, "Origin"; RFC 6455 10.2.
// Thread: values; nothing here writes a token anywhere.
#pragma once

#include "io/http_message.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::io {

struct http_token {
  std::string name; ///< for logs
  http_role role = http_role::read;
  std::string secret;
};

struct http_access_options {
  std::vector<http_token> tokens; ///< none: everyone who passes the checks below is `control`
  /// Names under which the server may be asked, besides IP literals, "localhost" and `own_names`.
  std::vector<std::string> hosts;
  std::vector<std::string> own_names; ///< of this machine
  std::vector<std::string> origins;   ///< pages of other origins that may ask: "https://host:port"
};

/// What a request says about who asks.
struct http_credentials {
  std::string_view host;
  std::string_view origin; ///< empty: none was sent
  std::string_view authorization;
  std::string_view subprotocols; ///< Sec-WebSocket-Protocol: browsers cannot send more there
  bool secure = false;           ///< over TLS
};

class http_access {
public:
  explicit http_access(const http_access_options& options);

  struct verdict {
    http_role role = http_role::none;
    std::optional<http_response> refusal; ///< to be sent instead of an answer
    bool foreign_origin = false;          ///< of the list: the answer needs CORS headers
  };

  /// Judges Host and Origin (421, 403), then the token (401 if there is one that is wrong).
  /// A missing token is no refusal: the role is `none` then, unless no tokens are set up.
  verdict judge(const http_credentials& given) const;

  bool needs_token() const noexcept { return !tokens_.empty(); }

  /// WebSocket subprotocol that carries a token: "bearer." and the token, percent-encoded.
  static constexpr std::string_view token_subprotocol = "bearer.";

private:
  using digest = std::array<unsigned char, 32>;
  struct known_token {
    http_role role;
    digest secret;
  };

  static digest digest_of(std::string_view secret);
  bool knows_host(std::string_view host) const;
  http_role role_of(std::string_view secret) const;

  std::vector<known_token> tokens_;
  std::vector<std::string> hosts_;
  std::vector<std::string> origins_;
};

/// The bearer token in these headers; nothing if there is none.
std::optional<std::string> bearer_token(const http_credentials& given);

/// "Name.local:8504" to "name.local", "[::1]:80" to "[::1]"; lower case, no port, no dot at the
/// end.
std::string host_name_of(std::string_view host);

} // namespace tutti::io
