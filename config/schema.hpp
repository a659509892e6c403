// The published JSON Schema of the configuration, as the program carries it.
// Decides: nothing; config/schema.json does, this is its text.
// Thread: constants.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace tutti::config {

/// config/schema.json, octet for octet; what `tutti schema` prints.
std::string_view schema_text() noexcept;

/// The same, parsed once.
const nlohmann::json& schema_document();

} // namespace tutti::config
