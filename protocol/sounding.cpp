#include "protocol/sounding.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

constexpr std::array<std::uint8_t, 3> pedal_controllers{64, 66, 69};

} // namespace

void sounding::track(const ump& message) {
  if (!message.is_channel_voice()) {
    if (message.is_system() && message.status() == 0xFF) {
      groups_[message.group()].reset();
      held_notes_ = 0;
      for (const auto& group : groups_)
        if (group)
          for (const auto& channel : *group)
            held_notes_ += static_cast<std::uint32_t>(channel.notes.count());
    }
    return;
  }
  auto& group = groups_[message.group()];
  if (!group)
    group = std::make_unique<group_state>();
  auto& channel = (*group)[message.channel()];
  auto note = message.data1();
  switch (message.status() & 0xF0) {
  case 0x90:
    if (message.data2() > 0) {
      held_notes_ += !channel.notes[note];
      channel.notes[note] = true;
      break;
    }
    [[fallthrough]];
  case 0x80:
    held_notes_ -= channel.notes[note];
    channel.notes[note] = false;
    break;
  case 0xB0: track_controller(channel, message.data1(), message.data2()); break;
  case 0xD0: channel.pressed = message.data1() != 0; break;
  case 0xE0: channel.bent = message.data1() != 0 || message.data2() != 64; break;
  default: break;
  }
}

void sounding::track_controller(channel_state& channel, std::uint8_t number, std::uint8_t value) {
  if (number == 120 || number >= 123) { // All Sound Off, All Notes Off and the mode messages
    forget_notes(channel);
  } else if (number == 121) { // Reset All Controllers
    channel.pedals = 0;
    channel.bent = channel.pressed = false;
  } else {
    for (std::size_t i = 0; i < pedal_controllers.size(); ++i)
      if (pedal_controllers[i] == number) {
        auto bit = static_cast<std::uint8_t>(1u << i);
        channel.pedals =
            value >= 64 ? channel.pedals | bit : static_cast<std::uint8_t>(channel.pedals & ~bit);
      }
  }
}

void sounding::forget_notes(channel_state& channel) noexcept {
  held_notes_ -= static_cast<std::uint32_t>(channel.notes.count());
  channel.notes.reset();
}

bool sounding::silent() const noexcept {
  return held_notes_ == 0 && std::all_of(groups_.begin(), groups_.end(), [](const auto& group) {
           return !group || std::all_of(group->begin(), group->end(), [](const auto& channel) {
             return channel.pedals == 0 && !channel.bent && !channel.pressed;
           });
         });
}

bool sounding::holds_note(std::uint8_t group, std::uint8_t channel,
                          std::uint8_t note) const noexcept {
  return groups_[group] && (*groups_[group])[channel].notes[note];
}

void sounding::release(hub_time at, std::vector<event>& out) {
  for (std::uint8_t g = 0; g < groups_.size(); ++g) {
    if (!groups_[g])
      continue;
    for (std::uint8_t c = 0; c < 16; ++c) {
      auto& channel = (*groups_[g])[c];
      auto add = [&](unsigned status, unsigned data1, unsigned data2) {
        out.push_back(
            {make_short(static_cast<std::uint8_t>(status | c), static_cast<std::uint8_t>(data1),
                        static_cast<std::uint8_t>(data2), g),
             at, false});
      };
      for (unsigned note = 0; note < 128 && channel.notes.any(); ++note)
        if (channel.notes[note])
          add(0x80, note, 64);
      for (std::size_t i = 0; i < pedal_controllers.size(); ++i)
        if (channel.pedals >> i & 1)
          add(0xB0, pedal_controllers[i], 0);
      if (channel.bent)
        add(0xE0, 0, 64);
      if (channel.pressed)
        add(0xD0, 0, 0);
      channel = {};
    }
  }
  held_notes_ = 0;
}

} // namespace tutti::protocol
