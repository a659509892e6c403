// The request target: a path of decoded segments and a query.
// Decides: percent-decoding, that everything is UTF-8 without control characters, bounds.
// Leaves: which paths exist (http_router).
// Spec: RFC 9112 section 3.2 (origin form), RFC 3986 sections 2.1 and 3.3, RFC 3629.
// Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::io {

struct http_target {
  /// Decoded one by one, so that "%2F" is a slash inside of a segment. The root has none.
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;

  /// The first value of a query parameter; nothing if it is not there.
  std::optional<std::string_view> parameter(std::string_view name) const noexcept;
};

inline constexpr std::size_t max_target = 8192; ///< octets
inline constexpr std::size_t max_segments = 16;
inline constexpr std::size_t max_parameters = 64;

/// Reads "/a/b%20c?d=e". Nothing for other forms of target, broken escapes, broken UTF-8, control
/// characters, empty segments and "." and ".." segments (an end slash is an empty segment).
std::optional<http_target> parse_target(std::string_view text);

/// Octets that RFC 3986 does not call unreserved become %XX.
std::string percent_encode(std::string_view text);
/// Nothing for broken escapes. `plus_is_blank`: in queries of forms, "+" stands for a blank.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

/// True for well-formed UTF-8 (no overlong forms, no surrogates).
bool is_utf8(std::string_view text) noexcept;

} // namespace tutti::io
