// What a handler returns for a message that is only ever sent, never a request.
// Decides: nothing. After a handler that returns void CAF makes up an answer, empties it and throws
// it away; told that somebody else answers, it makes none. On the way of each MIDI message that
// happens three times.
#pragma once

#include <caf/delegated.hpp>

namespace tutti {

using unanswered = caf::delegated<void>;

} // namespace tutti
