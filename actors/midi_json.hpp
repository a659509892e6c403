// MIDI messages as the API writes and reads them.
// Decides: names and fields of messages in JSON; channels and groups count from 1 there.
// Leaves: sending them (router). Thread: pure functions.
#pragma once

#include "config/mistake.hpp"
#include "protocol/event.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace tutti {

/// `{"type":"note_on","channel":1,"note":60,"velocity":100}`. Messages that MIDI 1.0 does not have
/// are of type "ump" with their words.
std::string message_json(const protocol::ump& message);
/// Its MIDI 1.0 octets, "90 3C 64"; of a SysEx chunk, those of the chunk with F0 and F7 as it has
/// them.
std::string message_octets(const protocol::ump& message);

/// Most messages that one request may bring.
inline constexpr std::size_t max_sent_messages = 4096;

/// Reads a list of messages: objects as above, or octets in hexadecimal such as "90 3C 64" or
/// "F0 7E 7F 06 01 F7", which may hold several messages but no unfinished one. Appends every
/// mistake, with paths that start with `path`.
std::vector<protocol::ump> read_messages(const nlohmann::json& list, const std::string& path,
                                         config::mistakes& found);

} // namespace tutti
