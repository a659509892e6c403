// The last values that a source sent, for destinations that come late.
// Decides: what is worth repeating: bank and program, controllers that hold a value, channel
// pressure and bend; not data entry and its parameters, which mean nothing out of order, nor
// channel mode messages. Leaves: who gets them (route_table). Thread: values; no shared state.
#pragma once

#include "actors/routing/channel_rows.hpp"
#include "actors/routing/message.hpp"

namespace tutti::routing {

class last_values {
public:
  void observe(const ump& m);

  /// Appends them, channel by channel, bank before program, stamped `at`.
  void list(hub_time at, events& out) const;

private:
  /// Each value plus 1; 0: never sent.
  struct channel_values {
    std::array<std::uint8_t, 128> controllers{};
    std::uint8_t program = 0;
    std::uint8_t pressure = 0;
    std::uint16_t bend = 0;
  };

  void observe_controller(channel_values& values, unsigned number, unsigned value);

  channel_rows<channel_values, 1> channels_;
};

} // namespace tutti::routing
