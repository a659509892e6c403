#include "protocol/journal/journal_sender.hpp"

#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/journal_selection.hpp"
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

journal_sender::journal_sender(journal_sender_options options)
    : options_(options) {
}
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

[[gnu::hot]] void journal_sender::record(const ump& message, std::uint32_t sequence) {
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

[[gnu::hot]] std::size_t journal_sender::encode(std::span<std::uint8_t> room,
                                                std::uint32_t sequence, hub_time now) {
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

void journal_sender::prepare(std::uint32_t sequence) {
  journal_moment moment{sequence - 1, times_.young_from()};
  for (auto bits = active_; bits != 0; bits = without_lowest(bits))
    channels_[next_channel(bits)]->refresh(moment);
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

[[gnu::hot]] std::size_t journal_sender::encode_all(std::span<std::uint8_t> room,
                                                    std::uint32_t sequence,
                                                    const journal_moment& moment) {
  auto channels = std::size_t{0};
  auto longest = std::size_t{0};
  for (auto bits = active_; bits != 0; bits = without_lowest(bits)) {
    auto& channel = *channels_[next_channel(bits)];
    channel.refresh(moment);
    channels += channel.coded_size();
    longest = std::max(longest, channel.coded_size());
  }
  byte_writer writer(room);
  writer.u24(0);
  journal_header header;
  header.checkpoint = static_cast<std::uint16_t>(claimed_checkpoint());
  if (system_active_) {
    header.has_system = true;
    header.s &= system_->encode(system_->contents(), moment, writer);
  }
  if (!writer.ok() || channels > writer.room() || longest > max_part_length)
    return encode_some(room, sequence, moment);
  auto octets = writer.size();
  for (auto bits = active_; bits != 0; bits = without_lowest(bits)) {
    auto number = next_channel(bits);
    const auto& channel = *channels_[number];
    header.s &= channel.write(static_cast<std::uint8_t>(number), room.subspan(octets));
    octets += channel.coded_size();
    ++header.channels;
  }
  byte_writer front(room);
  encode_journal_header(header, front);
  return octets;
}

std::size_t journal_sender::encode_some(std::span<std::uint8_t> room, std::uint32_t sequence,
                                        const journal_moment& moment) {
  journal_selector selector(channels_, system_active_ ? system_.get() : nullptr, active_, moment);
  auto chosen = selector.select(room.size());
  ++counters_.shortened;
  hold_rest(chosen, sequence + 1);
  byte_writer writer(room);
  journal_header header;
  header.s = false;
  header.has_system = chosen.system != 0;
  header.channels = static_cast<std::uint8_t>(
      std::count_if(chosen.channels.begin(), chosen.channels.end(), [](auto c) { return c != 0; }));
  header.checkpoint = static_cast<std::uint16_t>(sequence);
  encode_journal_header(header, writer);
  if (header.has_system)
    system_->encode(chosen.system, moment, writer);
  for (std::size_t number = 0; number < channels_.size(); ++number)
    if (chosen.channels[number] != 0)
      channels_[number]->write_some(static_cast<std::uint8_t>(number), chosen.channels[number],
                                    writer);
  assert(writer.ok());
  return writer.size();
}

/// What was left out may only be acknowledged from packet `until` on. Where a reset or a channel
/// mode message was left out, what builds on it has to wait as well.
void journal_sender::hold_rest(const journal_selection& chosen, std::uint32_t until) {
  has_holds_ = true;
  auto reset_left_out = false;
  if (system_active_) {
    auto told = chosen.system;
    if ((told & system_history::sysex_numbers) != 0 && (system_->resets() & toc::x) == 0)
      told |= toc::x; // what is not told now will not be played later
    auto rest = static_cast<std::uint8_t>(system_->contents() & ~told);
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
    if ((rest & toc::c) != 0) // among them may be general 6 and 38, to be told with the selection
      rest |= channel.contents() & toc::m;
    channel.hold(reset_left_out || mode_left_out ? channel.contents() : rest, until);
  }
}

/// The checkpoint to name: usually the first packet that is not acknowledged. What was held back is
/// older, and a receiver compares its notes with this number.
[[gnu::hot]] std::uint32_t journal_sender::claimed_checkpoint() const noexcept {
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

[[gnu::hot]] bool journal_sender::worth_guarding() const noexcept {
  return active_ != 0 || (system_active_ && system_->contents() != toc::v);
}

std::size_t journal_sender::memory() const noexcept {
  auto sum = system_ != nullptr ? system_->memory() : 0;
  for (const auto& channel : channels_)
    sum += channel != nullptr ? channel->memory() : 0;
  return sum;
}

} // namespace tutti::protocol
