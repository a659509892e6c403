// Decisions about invitations that hold for good, as they are kept with the configuration.
// Decides: the form of the note. Leaves: keeping it (configuration), deciding (admission).
// Thread: pure functions.
#pragma once

#include "actors/peer_info.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace tutti {

/// The note's key.
inline constexpr const char* decisions_note = "decisions";

/// What was decided for good in any of the sessions.
nlohmann::json write_decisions(const std::vector<session_info>& sessions);

/// What was decided in the session of this name; anything that write_decisions() does not write is
/// passed over.
std::vector<admission_decision> read_decisions(const nlohmann::json& note,
                                               const std::string& session);

} // namespace tutti
