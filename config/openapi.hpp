// The published OpenAPI document of the control API, as the program carries it.
// Decides: nothing; config/openapi.json does, this is its text. Thread: constants.
#pragma once

#include <string_view>

namespace tutti::config {

/// config/openapi.json, octet for octet.
std::string_view openapi_text() noexcept;

} // namespace tutti::config
