// What there is to know of rules and of the routes that they make.
// Decides: nothing. Leaves: matching to routing/.
// Thread: values.
#pragma once

#include "actors/port_info.hpp"
#include "config/rule.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tutti {

/// What the router needs of the configuration; never changed once it is sent.
struct routing_settings {
  std::vector<config::rule> rules{config::default_rule()};
  std::vector<config::scene> scenes;
  std::string first_scene;         ///< active at first; empty: none
  std::size_t routes = 262144;     ///< routes with filter or transforms
  bool loop_guard = false;         ///< see config::limits
  std::size_t delay_queue = 65536; ///< events per route that a delay may hold
};
using routing_settings_ptr = std::shared_ptr<const routing_settings>;

/// A live connection from one port to another.
struct route_info {
  port_key from_key = 0;
  port_key to_key = 0;
  std::size_t rule_index = 0; ///< among those in force
  std::string from;
  std::string to;
  std::string rule;             ///< name of the rule that made it; empty if it has none
  bool plain = true;            ///< without filter and transforms: events pass as they are
  std::uint64_t events_out = 0; ///< of routes that are not plain
};

/// Which live routes somebody wants to see. They are in order of source, destination and rule, and
/// there may be hundreds of thousands.
struct route_query {
  std::string from;        ///< id of a port; empty: any
  std::string to;          ///< the same
  port_key after_from = 0; ///< only those behind this one; 0: from the first
  port_key after_to = 0;
  std::size_t after_rule = 0;
  std::size_t limit = 1000;
};

/// A rule in force and what it has done.
struct rule_info {
  std::string scene;     ///< whose rule it is; empty: a common one
  std::size_t index = 0; ///< in the list that the configuration has there
  std::string name;
  bool enabled = true;
  std::uint64_t events = 0; ///< that its routes passed on, each once for each destination
};

} // namespace tutti
