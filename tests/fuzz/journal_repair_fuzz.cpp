// Any octets as what a peer sends: packets with losses between them, MIDI and journals.
// Holds: repairs are MIDI 1.0; they are bounded; what is said to be held is what was played and not
// ended, or was too old to be played; a receiver that was silent about a journal stays so.
//
// Input: packets, each
//     LOSS MIDI-SIZE JOURNAL-SIZE(2) | MIDI | journal
// LOSS: number of packets lost before it, 255 for the first of a stream. MIDI: messages of three
// octets, of which F0 is a SysEx chunk of the form and with the octet that follow. Sizes are cut to
// what is there.
#include "protocol/bytes.hpp"
#include "protocol/journal/journal_receiver.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <vector>

using namespace tutti::protocol;
using tutti::fuzz::require;

namespace {

/// 16 channels of 128 notes with 16 Note Offs each, and the rest.
constexpr std::size_t most_repairs = 40'000;

void check(const event& repair) {
  const auto& message = repair.message;
  require(message.is_channel_voice() || message.is_system() || message.is_sysex(),
          "a repair is MIDI 1.0");
  if (message.is_sysex())
    return;
  auto undefined = message.status() == 0xF4 || message.status() == 0xF5 ||
                   message.status() == 0xF9 || message.status() == 0xFD;
  require(message.status() >= 0x80 && !undefined, "a repair has a status that means something");
  require((message.words[0] & 0x8080) == 0, "data octets have no status bit");
}

std::vector<ump> messages_in(byte_view midi) {
  std::vector<ump> messages;
  for (; midi.size() >= 3; midi = midi.subspan(3)) {
    auto status = static_cast<std::uint8_t>(midi[0] | 0x80);
    const std::uint8_t data = midi[2] & 0x7F;
    static constexpr sysex_form forms[] = {sysex_form::complete, sysex_form::start,
                                           sysex_form::proceed, sysex_form::end,
                                           sysex_form::cancelled};
    if (status == 0xF0)
      messages.push_back(make_sysex(forms[midi[1] % 5], {&data, 1}));
    else if (status != 0xF7)
      messages.push_back(make_short(status, midi[1], midi[2]));
  }
  return messages;
}

/// Notes by channel that were struck more often than anybody plays: repairs do not end all of these
/// one by one, so until they have ended they may be heard without being known.
using crowded_notes = std::array<std::bitset<128>, 16>;

void note_crowds(const midi_state& heard, crowded_notes& crowded) {
  for (unsigned channel = 0; channel < 16; ++channel) {
    const auto* state = heard.channel(channel);
    for (unsigned note = 0; note < 128; ++note) {
      const auto* held = state == nullptr ? nullptr : state->held(static_cast<std::uint8_t>(note));
      if (held == nullptr)
        crowded[channel].reset(note);
      else if (held->count >= 1 + 16)
        crowded[channel].set(note);
    }
  }
}

/// No note is heard that is not known to be held.
void check_held(const midi_state& heard, const midi_state& known, const crowded_notes& crowded) {
  for (unsigned channel = 0; channel < 16; ++channel) {
    if (heard.channel(channel) == nullptr)
      continue;
    for (const auto& note : heard.channel(channel)->held_notes()) {
      const auto* state = known.channel(channel);
      auto is_known = state != nullptr && state->held(note.note) != nullptr;
      require(is_known || crowded[channel].test(note.note), "what sounds is known");
    }
  }
}

} // namespace

TUTTI_FUZZ_TARGET(journal_repair, input) {
  journal_receiver receiver;
  midi_state heard;
  crowded_notes crowded;
  repair_counters counters;
  decode_error_counters errors{};
  std::uint32_t packet = 0x10000;
  byte_reader reader(input);
  for (int packets = 0; !reader.empty() && packets < 64; ++packets) {
    auto loss = reader.u8();
    std::size_t midi_size = reader.u8();
    std::size_t journal_size = reader.u16();
    auto midi = reader.take(std::min(midi_size, reader.remaining()));
    auto journal = reader.take(std::min(journal_size, reader.remaining()));
    packet += loss == 255 ? 1u : loss + 1u;
    packet_arrival arrival{loss == 255 ? arrival_kind::first
                           : loss == 0 ? arrival_kind::next
                                       : arrival_kind::gap,
                           packet, loss == 255 ? 0u : loss};
    std::vector<event> events;
    receiver.repair(journal, arrival, packets % 8 == 7, hub_time{}, events, counters, errors);
    require(events.size() <= most_repairs, "repairs are bounded");
    std::for_each(events.begin(), events.end(), check);
    for (const auto& message : messages_in(midi)) {
      receiver.deliver(message, packet);
      events.push_back({message, hub_time{}, false});
    }
    for (const auto& each : events) {
      heard.apply(each.message);
      note_crowds(heard, crowded);
    }
    check_held(heard, receiver.state(), crowded);
  }
}
