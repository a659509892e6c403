#include "actors/routing/last_values.hpp"

namespace tutti::routing {
namespace {

/// Data entry, increment, decrement and the parameter numbers they go to.
constexpr bool belongs_to_parameter(unsigned number) noexcept {
  return number == 6 || number == 38 || (number >= 96 && number <= 101);
}

} // namespace

void last_values::observe(const ump& m) {
  if (!m.is_channel_voice())
    return;
  auto plus_one = [](unsigned value) { return static_cast<std::uint8_t>(value + 1); };
  switch (m.status() >> 4) {
  case 0xB: observe_controller(channels_.at(row_of(m))[0], m.data1(), m.data2()); break;
  case 0xC: channels_.at(row_of(m))[0].program = plus_one(m.data1()); break;
  case 0xD: channels_.at(row_of(m))[0].pressure = plus_one(m.data1()); break;
  case 0xE: channels_.at(row_of(m))[0].bend = static_cast<std::uint16_t>(bend_of(m) + 1); break;
  default: break;
  }
}

void last_values::observe_controller(channel_values& values, unsigned number, unsigned value) {
  if (number < all_sound_off) {
    if (!belongs_to_parameter(number))
      values.controllers[number] = static_cast<std::uint8_t>(value + 1);
  } else if (number == reset_controllers) {
    // MIDI CA RP-015: bank, volume, pan and the sound controllers stay; what moves goes back.
    for (auto moved : {1, 2, 4, 11, 64, 65, 66, 67, 68, 69})
      values.controllers[std::size_t(moved)] = 0;
    values.pressure = 0;
    values.bend = 0;
  }
}

void last_values::list(hub_time at, events& out) const {
  for (unsigned row = 0; row < channels_.row_limit(); ++row) {
    const auto* found = channels_.find(row);
    if (!found)
      continue;
    const auto& values = (*found)[0];
    auto add = [&](unsigned kind, unsigned data1, unsigned data2) {
      out.push_back({protocol::make_short(std::uint8_t(kind | row % 16), std::uint8_t(data1),
                                          std::uint8_t(data2), std::uint8_t(row / 16)),
                     at, false});
    };
    auto add_controller = [&](unsigned number) {
      if (values.controllers[number] != 0)
        add(0xB0, number, values.controllers[number] - 1u);
    };
    add_controller(0);
    add_controller(32);
    if (values.program != 0)
      add(0xC0, values.program - 1u, 0);
    for (unsigned number = 1; number < all_sound_off; ++number)
      if (number != 32)
        add_controller(number);
    if (values.pressure != 0)
      add(0xD0, values.pressure - 1u, 0);
    if (values.bend != 0)
      add(0xE0, (values.bend - 1u) & 0x7F, (values.bend - 1u) >> 7);
  }
}

} // namespace tutti::routing
