// JSON text to a document, strictly.
// Decides: that syntax errors name line and column, that a key may not stand twice in an object,
// and how deep and how large a document may be.
// Leaves: what the document means (load).
// Spec: RFC 8259. Thread: pure functions.
#pragma once

#include "config/mistake.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace tutti::config {

/// Deepest nesting of objects and lists that is read.
inline constexpr std::size_t max_json_depth = 32;
/// Most octets of text that are read.
inline constexpr std::size_t max_json_size = 8u << 20;

/// The document, or nothing and why in `found`. A byte order mark is skipped, comments are refused.
std::optional<nlohmann::json> parse_json(std::string_view text, mistakes& found);

} // namespace tutti::config
