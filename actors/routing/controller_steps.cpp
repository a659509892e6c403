#include "actors/routing/controller_steps.hpp"

namespace tutti::routing {

void program_step::apply(const event& e, events& out, hub_time) {
  const auto& m = e.message;
  if (is_controller(m) && (m.data1() == 0 || m.data1() == 32)) {
    auto& bank = banks_.at(row_of(m))[0];
    bank = static_cast<std::uint16_t>(m.data1() == 0 ? m.data2() << 7 | (bank & 0x7F)
                                                     : (bank & 0x3F80) | m.data2());
  }
  if (!m.is_channel_voice() || m.status() >> 4 != 0xC) {
    out.push_back(e);
    return;
  }
  const auto* row = banks_.find(row_of(m));
  unsigned bank = row ? (*row)[0] : 0u;
  auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return m.data1() >= entry.first && m.data1() <= entry.last &&
           (!entry.bank || *entry.bank == bank);
  });
  if (found == entries_.end()) {
    out.push_back(e);
    return;
  }
  if (found->drop)
    return;
  if (found->to_bank) {
    auto status = static_cast<std::uint8_t>(0xB0 | m.channel());
    append(e, protocol::make_short(status, 0, std::uint8_t(*found->to_bank >> 7), m.group()), out);
    append(e, protocol::make_short(status, 32, std::uint8_t(*found->to_bank & 0x7F), m.group()),
           out);
  }
  append(e, with_data1(m, found->to.value_or(m.data1())), out);
}

} // namespace tutti::routing
