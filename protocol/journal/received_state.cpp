#include "protocol/journal/received_state.hpp"

namespace tutti::protocol {

channel_tally& received_state::tally(unsigned channel) {
  auto& found = tallies_[channel & 15];
  if (found == nullptr)
    found = std::make_unique<channel_tally>();
  return *found;
}

[[gnu::hot]] void received_state::deliver(const ump& message, std::uint32_t mark) {
  if (message.is_channel_voice()) {
    auto kind = message.status() & 0xF0;
    if (kind == 0xB0) {
      count_controller(message.channel(), message.data1(), message.data2(), mark);
    } else if (kind == 0xC0) {
      const auto& channel = midi_.channel_for_change(message.channel());
      auto& bank = tally(message.channel());
      bank.program_bank_msb = channel.controller(0);
      bank.program_bank_lsb = channel.controller(32);
    }
  } else if (message.is_sysex()) {
    count_sysex(message);
  } else if (message.is_system()) {
    switch (message.status()) {
    case 0xF6: tunes = (tunes + 1) & 0x7F; break;
    case 0xFE: sensings = (sensings + 1) & 0x7F; break;
    case 0xFF:
      resets = (resets + 1) & 0x7F;
      forget_tallies();
      break;
    default: break;
    }
  }
  midi_.apply(message, mark);
}

void received_state::count_controller(unsigned channel, std::uint8_t number, std::uint8_t value,
                                      std::uint32_t mark) {
  const auto& state = midi_.channel_for_change(channel);
  auto in_transaction =
      is_parameter_data(number) && state.parameters().selection().kind != parameter_kind::none;
  if (is_parameter_select(number) || in_transaction)
    return;
  auto& tallies = tally(channel);
  auto is_on = [&](std::uint8_t controller) {
    auto now = state.controller(controller);
    return now != channel_state::unknown && now >= 64;
  };
  auto& own = tallies.controllers.at_or(number, {});
  own.count = (own.count + 1) & 63;
  if (is_on(number) != (value >= 64))
    own.toggles = (own.toggles + 1) & 63;
  if (number >= 120) {
    tallies.mode_marks[number - 120] = mark;
    tallies.modes_seen |= static_cast<std::uint8_t>(1u << (number - 120));
  }
  if (number == 121)
    for (std::uint8_t reset : {1, 11, 64, 65, 66, 67})
      if (is_on(reset)) {
        auto& other = tallies.controllers.at_or(reset, {});
        other.toggles = (other.toggles + 1) & 63;
      }
}

void received_state::count_sysex(const ump& chunk) {
  auto form = chunk.form();
  if (form == sysex_form::complete || form == sysex_form::start) {
    ++sysex_count;
    sysex_open = true;
  }
  auto meaning = sysex_.take(chunk);
  if (meaning != sysex_meaning::unfinished)
    sysex_open = false;
  if (meaning == sysex_meaning::reset)
    forget_tallies();
}

void received_state::forget_tallies() noexcept {
  for (auto& each : tallies_)
    if (each != nullptr) {
      each->controllers.clear();
      each->modes_seen = 0;
      each->program_bank_msb = each->program_bank_lsb = channel_state::unknown;
    }
}

std::size_t received_state::memory() const noexcept {
  auto sum = midi_.memory();
  for (const auto& each : tallies_)
    if (each != nullptr)
      sum += sizeof(channel_tally) + each->controllers.memory();
  return sum;
}

} // namespace tutti::protocol
