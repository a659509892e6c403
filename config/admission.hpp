// Whether a stranger is let in, and whether a discovered service is invited.
// Decides: how the lists of the configuration apply to an address and a name.
// Leaves: answering and inviting (listener, discovery).
// Thread: pure functions.
#pragma once

#include "config/settings.hpp"

#include <array>
#include <span>
#include <string_view>

namespace tutti::config {

enum class admission : std::uint8_t { accept, ask, refuse };

/// What becomes of an invitation from `address` (4 or 16 octets in network order) by a peer that
/// calls itself `name`.
admission admit(const invitations& policy, std::span<const std::uint8_t> address,
                std::string_view name);

/// An IPv6 address in network order, or an IPv4 address as ::ffff:a.b.c.d.
using address_octets = std::array<std::uint8_t, 16>;

/// A service as it was found.
struct discovered_service {
  std::string_view service; ///< its instance name
  std::string_view host;    ///< with its domain; patterns are held against it and against its label
  std::span<const address_octets> addresses;
};

/// The first rule that fits; nothing if none does, which means never.
const connect_rule* find_connect_rule(const std::vector<connect_rule>& rules,
                                      const discovered_service& found);

} // namespace tutti::config
