#include "protocol/journal/journal_selection.hpp"

namespace tutti::protocol {

journal_selection journal_selector::select(std::size_t room) {
  left_ = room - journal_header_size;
  for (auto chapter : {toc::d, toc::v, toc::q, toc::f})
    take_system(chapter);
  if (system_ != nullptr && (system_->resets() & toc::x) != 0)
    take_system(toc::x);
  take_sysex_numbers();
  take_channels(toc::c, &channel_history::has_mode_message);
  take_channels(toc::m, &channel_history::has_selection);
  for (auto chapter : {toc::n, toc::w, toc::p, toc::c, toc::m, toc::t, toc::a})
    take_channels(chapter, nullptr);
  complete_sysex();
  return chosen_;
}

/// Adds to a part (`part`: its octets so far), with its header if it is the first. False if there
/// is no room, or LENGTH could not tell.
bool journal_selector::take(std::size_t octets, std::size_t header, std::size_t& part) noexcept {
  auto cost = octets + (part == 0 ? header : 0);
  if (cost > left_ || part + cost > max_part_length)
    return false;
  left_ -= cost;
  part += cost;
  return true;
}

void journal_selector::take_system(std::uint8_t chapter) {
  if (system_ != nullptr && (system_->contents() & ~chosen_.system & chapter) != 0 &&
      take(system_->chapter_size(chapter, moment_), system_header_size, system_octets_))
    chosen_.system |= chapter;
}

/// Of SysEx at least the numbers, or a later journal would make a receiver play one twice.
void journal_selector::take_sysex_numbers() {
  constexpr auto numbers = system_history::sysex_numbers;
  if (system_ != nullptr && (system_->contents() & ~chosen_.system & toc::x) != 0 &&
      take(system_->chapter_size(numbers, moment_), system_header_size, system_octets_))
    chosen_.system |= numbers;
}

void journal_selector::complete_sysex() {
  constexpr auto numbers = system_history::sysex_numbers;
  if (system_ == nullptr || (chosen_.system & numbers) == 0)
    return;
  auto more = system_->chapter_size(toc::x, moment_) - system_->chapter_size(numbers, moment_);
  if (take(more, 0, system_octets_))
    chosen_.system ^= numbers | toc::x;
}

void journal_selector::take_channels(std::uint8_t chapter, condition wanted) {
  for (std::uint32_t i = 0; i < channels_.size(); ++i) {
    auto number = (moment_.previous + i) % channels_.size();
    if ((active_ >> number & 1) == 0)
      continue;
    const auto& channel = *channels_[number];
    auto absent = (channel.contents() & ~chosen_.channels[number] & chapter) == 0;
    if (absent || (wanted != nullptr && !(channel.*wanted)()))
      continue;
    if (take(channel.chapter_size(chapter), channel_header_size, channel_octets_[number]))
      chosen_.channels[number] |= chapter;
  }
}

} // namespace tutti::protocol
