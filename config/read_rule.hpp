// Rules and scenes out of JSON that the schema has checked.
// Decides: what the schema cannot say: patterns, numbers, octets, names that clash.
// Leaves: the schema's own checks (validate), making routes (actors/routing).
// Thread: pure functions.
#pragma once

#include "config/json_reader.hpp"
#include "config/rule.hpp"

namespace tutti::config {

NLOHMANN_JSON_SERIALIZE_ENUM(port_direction, {{port_direction::in, "in"},
                                              {port_direction::out, "out"},
                                              {port_direction::both, "both"}})

/// A pattern in the JSON forms of a rule's "from" and "to".
port_pattern read_port_pattern(const json_reader& place);

/// A glob or regular expression; refused with a mistake: nothing.
std::optional<name_pattern> read_name_pattern(const json_reader& place);

filter_criteria read_criteria(const json_reader& place);
filter read_filter(const json_reader& place);
transform read_transform(const json_reader& place);
rule read_rule(const json_reader& place);
scene read_scene(const json_reader& place);

/// Refuses a rule or scene whose name an earlier one of the list has.
void check_names(const json_reader& list);

/// A single rule as the API takes it: validated against the schema and read. Nothing if there are
/// mistakes, whose paths start with `path`.
std::optional<rule> load_rule(const nlohmann::json& document, const std::string& path,
                              mistakes& found);
std::optional<scene> load_scene(const nlohmann::json& document, const std::string& path,
                                mistakes& found);

} // namespace tutti::config
