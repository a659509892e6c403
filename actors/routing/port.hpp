// What routing knows of a port, and which ports a pattern means.
// Decides: how the words of a rule's "from" and "to" apply to a port.
// Leaves: where ports come from (the other actors), the words' grammar (config/read_rule).
// Thread: values; pure functions.
#pragma once

#include "config/rule.hpp"

#include <cstdint>
#include <string>

namespace tutti::routing {

/// A place where MIDI enters or leaves the hub.
struct port_description {
  std::string id;      ///< stable over restarts, e.g. `rtp/Studio/Anna's iPad`
  std::string kind;    ///< rtp, alsa, jack, tcp ...
  std::string session; ///< what it belongs to: session, client or listener
  std::string name;
  bool is_source = true;      ///< MIDI comes from it
  bool is_destination = true; ///< MIDI goes to it
  bool by_rule = true;        ///< false: no rule concerns it
  std::string partner{};      ///< id of the port that it is routed with; empty: none

  friend bool operator==(const port_description&, const port_description&) = default;
};

/// Small dense number of a port that is up; given anew when the port has gone.
using port_slot = std::uint32_t;
/// No port: what comes from the hub itself.
inline constexpr port_slot no_port = ~port_slot(0);

/// Whether one of the two has the other for its partner.
inline bool are_partners(const port_description& a, const port_description& b) {
  return (!a.partner.empty() && a.partner == b.id) || (!b.partner.empty() && b.partner == a.id);
}

bool matches(const config::port_selector& selector, const port_description& port);
bool matches(const config::port_pattern& pattern, const port_description& port);

} // namespace tutti::routing
