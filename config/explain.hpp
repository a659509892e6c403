// Why a document does not keep a schema, in sentences for the operator.
// Decides: the wording, derived from the schema's own types, ranges, values, keys and titles.
// Leaves: whether the document is valid (validate).
// Spec: the keywords of JSON Schema draft 7 that config/schema.json uses. Thread: pure functions.
#pragma once

#include "config/mistake.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace tutti::config {

/// Appends a mistake for every place where `value`, found at `path`, breaks `schema`; references
/// are looked up in `schema` itself.
void explain(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path,
             mistakes& found);

/// A value as a mistake shows it: short values as JSON, long ones cut, lists and objects named.
std::string describe_value(const nlohmann::json& value);

/// "a", "a or b", "a, b or c".
std::string join_choices(const std::vector<std::string>& choices);

/// The word among `known` that `typed` probably meant; empty if none is near.
std::string nearest_word(const std::string& typed, const std::vector<std::string>& known);

} // namespace tutti::config
