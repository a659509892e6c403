// MIDI messages in words, as a monitor shows them.
// Decides: the words. Leaves: MIDI itself (the API tells its fields). Thread: pure functions.
#pragma once

#include "cli/client.hpp"

#include <string>

namespace tutti::cli {

/// "C4" for 60, "F#-1" for 6.
std::string note_name(int note);

/// One message as the API tells it: "ch  1  note on   C4    100". `octets` of a chunk of System
/// Exclusive.
std::string midi_words(const json& message, const std::string& octets);

/// Terminal colour of the message's kind, e.g. "\x1b[32m".
const char* midi_color(const json& message);

} // namespace tutti::cli
