#include "protocol/sounding.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

constexpr std::array<std::uint8_t, 3> pedal_controllers{64, 66, 69};

/// Writes what silences parts of one channel.
class silencer {
public:
  silencer(unsigned group, unsigned channel, hub_time at, std::vector<event>& out) noexcept
      : group_(group)
      , channel_(channel)
      , at_(at)
      , out_(out) {}

  void end_notes(const std::bitset<128>& notes) {
    for (unsigned note = 0; note < 128 && notes.any(); ++note)
      if (notes[note])
        add(0x80, note, 64);
  }
  void end_pedals(unsigned pedals) {
    for (std::size_t i = 0; i < pedal_controllers.size(); ++i)
      if (pedals >> i & 1)
        add(0xB0, pedal_controllers[i], 0);
  }
  void end_bends(bool bent, bool pressed) {
    if (bent)
      add(0xE0, 0, 64);
    if (pressed)
      add(0xD0, 0, 0);
  }

private:
  void add(unsigned status, unsigned data1, unsigned data2) {
    out_.push_back(
        {make_short(static_cast<std::uint8_t>(status | channel_), static_cast<std::uint8_t>(data1),
                    static_cast<std::uint8_t>(data2), static_cast<std::uint8_t>(group_)),
         at_, false});
  }

  unsigned group_, channel_;
  hub_time at_;
  std::vector<event>& out_;
};

} // namespace

sounding& sounding::operator=(const sounding& other) {
  for (std::size_t g = 0; g < groups_.size(); ++g)
    groups_[g] = other.groups_[g] ? std::make_unique<group_state>(*other.groups_[g]) : nullptr;
  held_notes_ = other.held_notes_;
  return *this;
}

[[gnu::hot]] void sounding::track(const ump& message) {
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

const sounding::channel_state* sounding::find(const ump& message) const noexcept {
  const auto& group = groups_[message.group()];
  return group && message.is_channel_voice() ? &(*group)[message.channel()] : nullptr;
}

bool sounding::holds_keys() const noexcept {
  return held_notes_ > 0 || std::any_of(groups_.begin(), groups_.end(), [](const auto& group) {
           return group && std::any_of(group->begin(), group->end(),
                                       [](const auto& channel) { return channel.pedals != 0; });
         });
}

bool sounding::is_let_go_by(const ump& message) const noexcept {
  const auto* channel = find(message);
  if (!channel)
    return false;
  auto kind = message.status() & 0xF0;
  if (kind == 0x80 || (kind == 0x90 && message.data2() == 0))
    return channel->notes[message.data1()];
  for (std::size_t i = 0; kind == 0xB0 && i < pedal_controllers.size(); ++i)
    if (pedal_controllers[i] == message.data1())
      return message.data2() < 64 && (channel->pedals >> i & 1) != 0;
  return false;
}

void sounding::list_ended_by(const ump& mode_message, hub_time at, std::vector<event>& out) const {
  const auto* channel = find(mode_message);
  if (!channel || (mode_message.status() & 0xF0) != 0xB0)
    return;
  silencer to(mode_message.group(), mode_message.channel(), at, out);
  auto number = mode_message.data1();
  if (number == 121) {
    to.end_pedals(channel->pedals);
    to.end_bends(channel->bent, channel->pressed);
  } else if (number == 120 || number >= 123) {
    to.end_notes(channel->notes);
  }
}

void sounding::release(hub_time at, std::vector<event>& out) {
  for (unsigned g = 0; g < groups_.size(); ++g)
    for (unsigned c = 0; groups_[g] && c < 16; ++c) {
      auto& channel = (*groups_[g])[c];
      silencer to(g, c, at, out);
      to.end_notes(channel.notes);
      to.end_pedals(channel.pedals);
      to.end_bends(channel.bent, channel.pressed);
      channel = {};
    }
  held_notes_ = 0;
}

void sounding::release_bends(hub_time at, std::vector<event>& out) {
  for (unsigned g = 0; g < groups_.size(); ++g)
    for (unsigned c = 0; groups_[g] && c < 16; ++c) {
      auto& channel = (*groups_[g])[c];
      silencer(g, c, at, out).end_bends(channel.bent, channel.pressed);
      channel.bent = channel.pressed = false;
    }
}

} // namespace tutti::protocol
