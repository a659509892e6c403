#include "actors/routing/held_state.hpp"

#include <algorithm>

namespace tutti::routing {
namespace {

using protocol::make_short;

constexpr std::uint8_t release_velocity = 64; ///< what senders without a sensor use

int pedal_index(unsigned controller) noexcept {
  for (std::size_t i = 0; i < pedals.size(); ++i)
    if (pedals[i] == controller)
      return int(i);
  return -1;
}

constexpr std::uint8_t status(unsigned kind, unsigned channel) noexcept {
  return static_cast<std::uint8_t>(kind | channel);
}

void end_notes(const std::bitset<128>& notes, unsigned group, unsigned channel, hub_time at,
               events& out) {
  if (notes.none())
    return;
  for (unsigned note = 0; note < 128; ++note)
    if (notes[note])
      out.push_back({make_short(status(0x80, channel), std::uint8_t(note), release_velocity,
                                std::uint8_t(group)),
                     at});
}

void end_pedals(unsigned held, unsigned group, unsigned channel, hub_time at, events& out) {
  for (std::size_t i = 0; i < pedals.size(); ++i)
    if (held >> i & 1)
      out.push_back({make_short(status(0xB0, channel), pedals[i], 0, std::uint8_t(group)), at});
}

void end_bends(bool bent, bool pressed, unsigned group, unsigned channel, hub_time at,
               events& out) {
  if (bent)
    out.push_back({make_bend(std::uint8_t(channel), bend_centre, std::uint8_t(group)), at});
  if (pressed)
    out.push_back({make_short(status(0xD0, channel), 0, 0, std::uint8_t(group)), at});
}

} // namespace

held_state& held_state::operator=(const held_state& other) {
  groups_.clear();
  for (const auto& group : other.groups_)
    groups_.push_back(group ? std::make_unique<group_state>(*group) : nullptr);
  return *this;
}

held_state::channel_state& held_state::at(unsigned group, unsigned channel) {
  if (group >= groups_.size())
    groups_.resize(group + 1);
  if (!groups_[group])
    groups_[group] = std::make_unique<group_state>();
  return (*groups_[group])[channel];
}

void held_state::observe_voice(const ump& m) noexcept {
  switch (m.status() >> 4) {
  case 0x9:
    if (m.data2() != 0) {
      at(m.group(), m.channel()).notes.set(m.data1());
      return;
    }
    [[fallthrough]];
  case 0x8:
    if (find(m.group(), m.channel()))
      at(m.group(), m.channel()).notes.reset(m.data1());
    return;
  case 0xB:
    if (m.data1() >= pedals.front())
      observe_controller(at(m.group(), m.channel()), m.data1(), m.data2());
    return;
  case 0xD: at(m.group(), m.channel()).pressed = m.data1() != 0; return;
  case 0xE: at(m.group(), m.channel()).bent = bend_of(m) != bend_centre; return;
  default: return;
  }
}

void held_state::observe_controller(channel_state& channel, unsigned controller,
                                    unsigned value) noexcept {
  if (auto index = pedal_index(controller); index >= 0) {
    auto bit = static_cast<std::uint8_t>(1u << index);
    channel.pedals = static_cast<std::uint8_t>(value >= pedal_down ? channel.pedals | bit
                                                                   : channel.pedals & ~bit);
  } else if (controller == reset_controllers) {
    channel.pedals = 0;
    channel.bent = channel.pressed = false;
  } else if (controller == all_sound_off || controller >= all_notes_off) {
    channel.notes.reset();
  }
}

bool held_state::holds_note(std::uint8_t group, std::uint8_t channel,
                            std::uint8_t note) const noexcept {
  const auto* state = find(group, channel);
  return state && state->notes[note];
}

bool held_state::holds_pedal(std::uint8_t group, std::uint8_t channel,
                             std::uint8_t controller) const noexcept {
  const auto* state = find(group, channel);
  auto index = pedal_index(controller);
  return state && index >= 0 && (state->pedals >> index & 1) != 0;
}

bool held_state::holds_keys() const noexcept {
  return std::any_of(groups_.begin(), groups_.end(), [](const auto& group) {
    return group && std::any_of(group->begin(), group->end(),
                                [](const auto& channel) { return channel.holds_keys(); });
  });
}

bool held_state::holds() const noexcept {
  return std::any_of(groups_.begin(), groups_.end(), [](const auto& group) {
    return group && std::any_of(group->begin(), group->end(),
                                [](const auto& channel) { return channel.holds(); });
  });
}

bool held_state::is_let_go_by(const ump& m) const noexcept {
  if (is_note_off(m))
    return holds_note(m.group(), m.channel(), m.data1());
  return is_controller(m) && m.data2() < pedal_down &&
         holds_pedal(m.group(), m.channel(), m.data1());
}

template <class Use>
void held_state::each_channel(Use use) {
  for (unsigned group = 0; group < groups_.size(); ++group)
    if (groups_[group])
      for (unsigned channel = 0; channel < 16; ++channel)
        use((*groups_[group])[channel], group, channel);
}

void held_state::release(hub_time at, events& out) {
  each_channel([&](channel_state& state, unsigned group, unsigned channel) {
    if (!state.holds())
      return;
    end_notes(state.notes, group, channel, at, out);
    end_pedals(state.pedals, group, channel, at, out);
    end_bends(state.bent, state.pressed, group, channel, at, out);
    state = {};
  });
}

void held_state::release_bends(hub_time at, events& out) {
  each_channel([&](channel_state& state, unsigned group, unsigned channel) {
    end_bends(state.bent, state.pressed, group, channel, at, out);
    state.bent = state.pressed = false;
  });
}

void held_state::list_ended_by(const ump& m, hub_time at, events& out) const {
  const auto* state = find(m.group(), m.channel());
  if (!state || !is_controller(m))
    return;
  if (m.data1() == reset_controllers) {
    end_pedals(state->pedals, m.group(), m.channel(), at, out);
    end_bends(state->bent, state->pressed, m.group(), m.channel(), at, out);
  } else if (m.data1() == all_sound_off || m.data1() >= all_notes_off) {
    end_notes(state->notes, m.group(), m.channel(), at, out);
  }
}

void held_state::clear() noexcept {
  groups_.clear();
}

} // namespace tutti::routing
