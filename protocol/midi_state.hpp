// What a stream of MIDI 1.0 messages has set up: held notes, controllers, programs, parameters,
// transport. Decides what each message changes; unknown until told.
#pragma once

#include "protocol/event.hpp"

#include <cstdint>

namespace tutti::protocol {

class midi_state {
public:
  /// Takes a message in. `mark` is the caller's own (a packet number) and is kept with held notes.
  void apply(const ump& message, std::uint32_t mark = 0);
  bool holds_notes() const noexcept;
};

} // namespace tutti::protocol
