// Settings out of a document that the schema has checked, section by section.
// Decides: what the schema cannot say: addresses that are none, names and ports that clash.
// Leaves: the schema's own checks (validate), rules (read_rule).
// Thread: pure functions.
#pragma once

#include "config/json_reader.hpp"
#include "config/settings.hpp"

namespace tutti::config {

settings read_settings(const json_reader& document);

// One file each: read_settings.cpp (these three), read_transports.cpp, read_control.cpp.
session read_session(const json_reader& place);
remote_peer read_remote_peer(const json_reader& place);
limits read_limits(const json_reader& place);
real_time read_real_time(const json_reader& place);
local_ports read_local_ports(const json_reader& place);
tcp read_tcp(const json_reader& place);
multicast_cable read_multicast_cable(const json_reader& place);
discovery read_discovery(const json_reader& place);
control read_control(const json_reader& place);

/// Appends the networks of the list under `key`; refuses what is none.
void read_address_ranges(const json_reader& object, const char* key,
                         std::vector<address_range>& ranges);
/// Appends the patterns of the list under `key`; refuses what is none.
void read_name_patterns(const json_reader& object, const char* key,
                        std::vector<name_pattern>& patterns);

} // namespace tutti::config
