// Does a document keep the published schema, and if not, why.
// Decides: validity, by valijson and config/schema.json alone; the explanation is ours (explain).
// Leaves: what a schema cannot say (load).
// Spec: JSON Schema draft 7. Thread: any; the compiled schema is kept.
#pragma once

#include "config/mistake.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace tutti::config {

/// Appends every violation to `found`, with paths that start with `path`. `part` names what the
/// document is to be: empty for a configuration, or a key of the schema's "definitions", e.g.
/// "rule".
void validate(const nlohmann::json& document, const std::string& part, const std::string& path,
              mistakes& found);

} // namespace tutti::config
