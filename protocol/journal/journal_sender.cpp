#include "protocol/journal/journal_sender.hpp"

#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/system_history.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace tutti::protocol {

namespace {

std::size_t next_channel(std::uint16_t bits) noexcept {
  return static_cast<std::size_t>(std::countr_zero(bits));
}
std::uint16_t without_lowest(std::uint16_t bits) noexcept {
  return static_cast<std::uint16_t>(bits & (bits - 1));
}

} // namespace

/// The chapters of one journal.
struct journal_sender::selection {
  std::uint8_t system = 0;
  std::array<std::uint8_t, 16> channels{};
  bool complete = true;
};

journal_sender::journal_sender(journal_sender_options options) : options_(options) {}
journal_sender::~journal_sender() = default;
journal_sender::journal_sender(journal_sender&&) noexcept = default;
journal_sender& journal_sender::operator=(journal_sender&&) noexcept = default;

void journal_sender::start(std::uint32_t sequence) {
  if (started_)
    return;
  started_ = true;
  checkpoint_ = sequence;
}

system_history& journal_sender::system() {
  if (system_ == nullptr)
    system_ = std::make_unique<system_history>();
  return *system_;
}

void journal_sender::record(const ump& message, std::uint32_t sequence) {
  start(sequence);
  if (message.is_channel_voice()) {
    auto number = message.channel();
    auto& channel = channels_[number];
    if (channel == nullptr)
      channel = std::make_unique<channel_history>();
    channel->record(message, sequence);
    active_ |= static_cast<std::uint16_t>(1u << number);
    return;
  }
  if (!message.is_system() && !message.is_sysex())
    return;
  if (system().record(message, sequence)) {
    for (auto& channel : channels_)
      if (channel != nullptr)
        channel->reset();
    active_ = 0;
  }
  system_active_ = !system_->empty();
}

std::size_t journal_sender::encode(std::span<std::uint8_t> room, std::uint32_t sequence,
                                   hub_time now) {
  start(sequence);
  if (started_at_ == hub_time::min())
    started_at_ = now;
  times_.on_packet(sequence, now, options_.note_on_age);
  if (empty() || room.size() < journal_header_size)
    return 0;
  journal_moment moment{sequence - 1, times_.young_from()};
  auto octets = encode_all(room, sequence, moment);
  if (!acknowledged_ && now - started_at_ > options_.silence)
    octets = shorten_for_silent_peer(room, octets, sequence, moment);
  ++counters_.journals;
  counters_.octets += octets;
  return octets;
}

/// Forgets the older half of the packets until the journal is short enough; seldom, as it halves.
std::size_t journal_sender::shorten_for_silent_peer(std::span<std::uint8_t> room,
                                                    std::size_t octets, std::uint32_t sequence,
                                                    const journal_moment& moment) {
  while (octets > options_.silent_peer_octets) {
    ++counters_.forgotten;
    if (precedes(checkpoint_, sequence - 1)) {
      drop_through(checkpoint_ + (sequence - 1 - checkpoint_) / 2);
    } else {
      drop_through(sequence + 1); // also what was held back
      checkpoint_ = sequence;
    }
    octets = empty() ? 0 : encode_all(room, sequence, moment);
  }
  return octets;
}

std::size_t journal_sender::encode_all(std::span<std::uint8_t> room, std::uint32_t sequence,
                                       const journal_moment& moment) {
  selection everything;
  everything.system = system_active_ ? system_->contents() : 0;
  for (auto bits = active_; bits != 0; bits = without_lowest(bits))
    everything.channels[next_channel(bits)] = channels_[next_channel(bits)]->contents();
  auto octets = write(room, everything, static_cast<std::uint16_t>(claimed_checkpoint()), moment);
  return octets > 0 ? octets : encode_some(room, sequence, moment);
}

std::size_t journal_sender::encode_some(std::span<std::uint8_t> room, std::uint32_t sequence,
                                        const journal_moment& moment) {
  auto chosen = select(room.size(), sequence, moment);
  ++counters_.shortened;
  hold_rest(chosen, sequence + 1);
  auto octets = write(room, chosen, static_cast<std::uint16_t>(sequence), moment);
  assert(octets > 0);
  return octets;
}

/// Writes the journal with these chapters, in ascending order of channels; 0 if it does not fit.
std::size_t journal_sender::write(std::span<std::uint8_t> room, const selection& chosen,
                                  std::uint16_t checkpoint, const journal_moment& moment) {
  byte_writer writer(room);
  writer.u24(0);
  journal_header header;
  header.checkpoint = checkpoint;
  header.s = chosen.complete;
  if (chosen.system != 0) {
    header.has_system = true;
    header.s &= system_->encode(chosen.system, moment, writer);
  }
  for (auto bits = active_; bits != 0; bits = without_lowest(bits)) {
    auto number = next_channel(bits);
    if (chosen.channels[number] == 0)
      continue;
    ++header.channels;
    auto s = channels_[number]->encode(static_cast<std::uint8_t>(number),
                                       chosen.channels[number], moment, writer);
    if (!s)
      return 0;
    header.s &= *s;
  }
  if (!writer.ok())
    return 0;
  auto octets = writer.size();
  byte_writer front(room);
  encode_journal_header(header, front);
  return octets;
}

/// What fits, by the order that encode() promises. Channels take turns at being first.
journal_sender::selection journal_sender::select(std::size_t room, std::uint32_t sequence,
                                                 const journal_moment& moment) const {
  selection chosen;
  chosen.complete = false;
  auto left = room - journal_header_size;
  std::size_t system_octets = 0;
  std::array<std::size_t, 16> channel_octets{};
  auto take = [&](std::size_t octets, std::size_t header, std::size_t& part) {
    auto cost = octets + (part == 0 ? header : 0);
    if (cost > left || part + cost > max_part_length)
      return false;
    left -= cost;
    part += cost;
    return true;
  };
  auto take_system = [&](std::uint8_t chapter) {
    if (system_active_ && (system_->contents() & ~chosen.system & chapter) != 0 &&
        take(system_->chapter_size(chapter, moment), system_header_size, system_octets))
      chosen.system |= chapter;
  };
  auto take_channels = [&](std::uint8_t chapter, bool only_with_modes) {
    for (std::uint32_t i = 0; i < channels_.size(); ++i) {
      auto number = (sequence + i) % channels_.size();
      if ((active_ >> number & 1) == 0)
        continue;
      const auto& channel = *channels_[number];
      auto absent = (channel.contents() & ~chosen.channels[number] & chapter) == 0;
      if (absent || (only_with_modes && !channel.has_mode_message()))
        continue;
      if (take(channel.chapter_size(chapter, moment), channel_header_size,
               channel_octets[number]))
        chosen.channels[number] |= chapter;
    }
  };
  take_system(toc::d);
  if (system_active_ && (system_->resets() & toc::x) != 0)
    take_system(toc::x);
  take_channels(toc::c, true);
  for (auto chapter : {toc::n, toc::w, toc::p, toc::c, toc::m, toc::t, toc::a})
    take_channels(chapter, false);
  for (auto chapter : {toc::q, toc::f, toc::x, toc::v})
    take_system(chapter);
  return chosen;
}

/// What was left out may only be acknowledged from packet `until` on. Where a reset or a channel mode
/// message was left out, what builds on it has to wait as well.
void journal_sender::hold_rest(const selection& chosen, std::uint32_t until) {
  has_holds_ = true;
  auto reset_left_out = false;
  if (system_active_) {
    auto rest = static_cast<std::uint8_t>(system_->contents() & ~chosen.system);
    reset_left_out = (system_->resets() & rest) != 0;
    system_->hold(reset_left_out ? system_->contents() : rest, until);
  }
  for (auto bits = active_; bits != 0; bits = without_lowest(bits)) {
    auto number = next_channel(bits);
    auto& channel = *channels_[number];
    auto rest = static_cast<std::uint8_t>(channel.contents() & ~chosen.channels[number]);
    auto mode_left_out = (rest & toc::c) != 0 && channel.has_mode_message();
    if ((rest & toc::p) != 0) // its repair sets the bank, which later bank selects must undo
      rest |= channel.contents() & toc::c;
    channel.hold(reset_left_out || mode_left_out ? channel.contents() : rest, until);
  }
}

/// The checkpoint to name: usually the first packet that is not acknowledged. What was held back is
/// older, and a receiver compares its notes with this number.
std::uint32_t journal_sender::claimed_checkpoint() const noexcept {
  auto first = checkpoint_;
  if (!has_holds_)
    return first;
  auto take = [&](std::uint32_t oldest) { first = precedes(oldest, first) ? oldest : first; };
  if (system_active_)
    take(system_->oldest());
  for (auto bits = active_; bits != 0; bits = without_lowest(bits))
    take(channels_[next_channel(bits)]->oldest());
  return first;
}

void journal_sender::acknowledge(std::uint32_t sequence) {
  if (!started_ || precedes(sequence, checkpoint_))
    return;
  acknowledged_ = true;
  drop_through(sequence);
}

void journal_sender::drop_through(std::uint32_t sequence) {
  checkpoint_ = sequence + 1;
  auto holds = false;
  if (system_active_) {
    system_->drop_through(sequence);
    system_active_ = !system_->empty();
    holds = system_->has_holds();
  }
  for (auto bits = active_; bits != 0; bits = without_lowest(bits)) {
    auto number = next_channel(bits);
    auto& channel = *channels_[number];
    channel.drop_through(sequence);
    holds |= channel.has_holds();
    if (channel.empty())
      active_ &= static_cast<std::uint16_t>(~(1u << number));
  }
  has_holds_ = holds;
}

bool journal_sender::empty() const noexcept {
  return active_ == 0 && !system_active_;
}

bool journal_sender::worth_guarding() const noexcept {
  return active_ != 0 || (system_active_ && system_->contents() != toc::v);
}

std::size_t journal_sender::memory() const noexcept {
  auto sum = system_ != nullptr ? system_->memory() : 0;
  for (const auto& channel : channels_)
    sum += channel != nullptr ? channel->memory() : 0;
  return sum;
}

} // namespace tutti::protocol
