#include "actors/routing/note_steps.hpp"

namespace tutti::routing {

zones_step::zones_step(const config::zones& zones) {
  for (std::size_t i = 0; i < zones.list.size() && i < 16; ++i) {
    const auto& from = zones.list[i];
    auto bit = static_cast<std::uint16_t>(1u << i);
    zones_.push_back(
        {static_cast<std::int8_t>(from.channel ? int(*from.channel) : -1), from.transpose});
    for (std::size_t value = 0; value < 128; ++value) {
      by_note_[value] = static_cast<std::uint16_t>(by_note_[value] | (from.notes[value] ? bit : 0));
      by_velocity_[value] =
          static_cast<std::uint16_t>(by_velocity_[value] | (from.velocities[value] ? bit : 0));
    }
    asks_velocity_ = asks_velocity_ || !from.velocities.all();
    if (from.channel)
      channels_ = static_cast<std::uint16_t>(channels_ | 1u << *from.channel);
    else
      same_channel_ = true;
  }
}

/// The zones that a note message belongs to; remembers them from Note On to Note Off.
unsigned zones_step::zones_of(const ump& m) {
  unsigned here = by_note_[m.data1()];
  if (!asks_velocity_)
    return here;
  if (is_note_on(m)) {
    here &= by_velocity_[m.data2()];
    auto& sounding = sounding_.at(row_of(m))[m.data1()];
    sounding = static_cast<std::uint16_t>(sounding | here);
    return here;
  }
  auto* row = sounding_.find(row_of(m));
  here = row ? (*row)[m.data1()] : 0u;
  if (row && is_note_off(m))
    (*row)[m.data1()] = 0;
  return here;
}

void zones_step::play(const event& e, unsigned which, events& out) const {
  for (std::size_t i = 0; which != 0; ++i, which >>= 1) {
    int note = e.message.data1() + zones_[i].transpose;
    if ((which & 1) == 0 || note < 0 || note > 127)
      continue;
    auto m = with_data1(e.message, unsigned(note));
    append(e, zones_[i].channel < 0 ? m : with_channel(m, unsigned(zones_[i].channel)), out);
  }
}

void zones_step::apply(const event& e, events& out, hub_time) {
  const auto& m = e.message;
  if (!m.is_channel_voice()) {
    out.push_back(e);
  } else if (has_note(m)) {
    play(e, zones_of(m), out);
  } else {
    unsigned channels = channels_ | (same_channel_ ? 1u << m.channel() : 0u);
    for (unsigned channel = 0; channels != 0; ++channel, channels >>= 1)
      if (channels & 1)
        append(e, with_channel(m, channel), out);
  }
}

} // namespace tutti::routing
