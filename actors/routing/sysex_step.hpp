// Replaces System Exclusive messages that fit a pattern.
// Decides: when a message fits; chunks are held back only until that is known, so the memory is
// bounded by the pattern's length.
// Leaves: order and time (transform_chain).
// Spec: M2-104-UM section 7.7 for chunks. Thread: owned by one route. Step as in note_steps.hpp.
#pragma once

#include "actors/routing/message.hpp"

#include <memory>
#include <vector>

namespace tutti::routing {

class sysex_step {
public:
  explicit sysex_step(const config::sysex_replacement& settings)
      : settings_(std::make_shared<const config::sysex_replacement>(settings)) {}

  void apply(const event& e, events& out, hub_time);

private:
  /// The message that is open in one group.
  struct open_message {
    enum class state : std::uint8_t {
      none,
      matching, ///< fits so far; chunks are held
      passing,  ///< does not fit; chunks pass
      replaced, ///< fits; the replacement is under way
    };
    state now = state::none;
    std::vector<std::uint8_t> seen; ///< octets compared with `find`
    events held;
    std::vector<std::uint8_t> unsent; ///< octets of the replacement that fill no chunk yet
    bool started = false;             ///< a chunk of the replacement is out
  };

  void take_octet(open_message& message, std::uint8_t octet, const event& e, events& out);
  void begin_replacement(open_message& message, const event& e, events& out);
  void put(open_message& message, std::uint8_t octet, const event& e, events& out);
  void finish(open_message& message, const event& e, events& out);

  std::shared_ptr<const config::sysex_replacement> settings_;
  std::vector<open_message> open_; ///< by group
};

} // namespace tutti::routing
