// What the API shows of the hub, as JSON; config/openapi.json describes the same.
// Decides: names, units (milliseconds, octets, events) and what is left out.
// Leaves: asking for it (control), sending it (monitor, control). Thread: pure functions.
#pragma once

#include "actors/notice.hpp"
#include "actors/peer_info.hpp"
#include "actors/port_info.hpp"
#include "actors/route_info.hpp"

#include <nlohmann/json.hpp>

#include <span>
#include <string>

namespace tutti {

/// Keeps the order of keys, for people who read it.
using api_json = nlohmann::ordered_json;

/// One line; names from the network that are not UTF-8 are mended.
std::string to_text(const api_json& content);

api_json describe(const port_info& port);
/// `ports` are those of the router: a peer's port is found by its key.
api_json describe(const peer_info& peer, std::span<const port_info> ports);
api_json describe(const session_info& session);
api_json describe(const route_info& route);
api_json describe(const discovery_info& discovery);
/// Good for paging, and as long as ports and rules stay: their numbers.
std::string route_id(const route_info& route);
api_json describe(const pending_invitation& invitation, protocol::hub_time now);
api_json describe(const admission_decision& decision);
api_json describe(const notice& happened, protocol::hub_time now);

std::string_view to_string(config::invitation_policy policy) noexcept;
std::string_view to_string(decision_term term) noexcept;

/// "2026-01-31T12:00:00.123Z" (RFC 3339) of the present moment.
std::string wall_clock_text();

} // namespace tutti
