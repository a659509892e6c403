#include "protocol/journal/journal_receiver.hpp"

#include "protocol/journal/channel_repair.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/system_repair.hpp"

namespace tutti::protocol {

namespace {

/// The checkpoint in the extended numbering: the latest such number up to packet I.
std::uint32_t extended(std::uint16_t checkpoint, std::uint32_t packet) noexcept {
  return packet - static_cast<std::uint16_t>(static_cast<std::uint16_t>(packet) - checkpoint);
}

void count(decode_error_counters& errors, decode_error error) noexcept {
  ++errors[static_cast<std::size_t>(error)];
}

} // namespace

open_sysex journal_receiver::repair(byte_view journal, const packet_arrival& arrival, bool late,
                                    hub_time now, std::vector<event>& repairs,
                                    repair_counters& counters, decode_error_counters& errors) {
  auto lost = arrival.kind != arrival_kind::next;
  repair_context context{.state = state_, .out = repairs, .counters = counters};
  context.now = now;
  context.previous = arrival.sequence - 1;
  context.late = late;
  context.group = options_.group;
  context.begin = repairs.size();
  if (journal.empty()) {
    examine_more_ = false; // the peer has nothing that it would tell again
    state_.missing_sysex.reset();
    counters.without += arrival.kind == arrival_kind::gap;
    return lost && abandon_sysex(context) ? open_sysex::abandoned : open_sysex::untouched;
  }
  byte_reader reader(journal);
  auto header = decode_journal_header(reader);
  if (!header) {
    count(errors, header.error());
    return lost && abandon_sysex(context) ? open_sysex::abandoned : open_sysex::untouched;
  }
  context.checkpoint = extended(header->checkpoint, arrival.sequence);
  context.checkpoint_is_meant = context.checkpoint != arrival.sequence;
  auto is_empty = !header->has_system && header->channels == 0;
  names_checkpoints_ |= context.checkpoint_is_meant && !is_empty;
  if (!lost && !examine_more_ && !state_.missing_sysex)
    return open_sysex::untouched;
  ++counters.journals;
  context.single = arrival.kind == arrival_kind::gap && arrival.lost == 1;

  system_repair system(context);
  auto frame_is_whole = true;
  auto has_system = header->has_system;
  if (has_system) {
    auto part = decode_system_journal(reader);
    frame_is_whole = has_system = static_cast<bool>(part);
    auto error = part ? system.decode(*part) : part.error();
    if (error)
      count(errors, *error);
  }
  auto outcome = open_sysex::untouched;
  if (lost && !(has_system && system.leaves_sysex_open()) && abandon_sysex(context))
    outcome = open_sysex::abandoned;
  system.repair_resets();
  for (unsigned i = 0; frame_is_whole && i < header->channels; ++i) {
    auto part = decode_channel_journal(reader);
    frame_is_whole = static_cast<bool>(part);
    if (!part) {
      count(errors, part.error());
    } else if (!context.skips(part->s)) {
      if (auto error = channel_repair(part->channel, context).repair(*part))
        count(errors, *error);
    }
  }
  if (has_system) {
    system.repair_rest();
    if (lost && system.reopen_sysex())
      outcome = open_sysex::reopened;
  }
  auto covered = arrival.kind != arrival_kind::gap ||
                 !precedes(arrival.sequence - arrival.lost, context.checkpoint);
  if (lost) {
    counters.uncovered += !covered;
    examine_more_ = !covered && !context.checkpoint_is_meant && names_checkpoints_;
    if (!covered && context.checkpoint_is_meant && frame_is_whole && options_.end_unconfirmed_notes)
      end_unconfirmed_notes(context);
  } else if (context.checkpoint_is_meant) {
    examine_more_ = false;
  }
  return outcome;
}

/// Ends a SysEx that was being received: something of it may be missing.
bool journal_receiver::abandon_sysex(repair_context& context) {
  if (!state_.sysex_open)
    return false;
  auto cancel = make_sysex(sysex_form::cancelled, {}, options_.group);
  context.out.push_back({cancel, context.now, true});
  state_.deliver(cancel, context.previous);
  --state_.sysex_count; // as if it had not begun: a journal may bring it whole
  context.begin = context.out.size();
  return true;
}

void journal_receiver::end_unconfirmed_notes(repair_context& context) {
  for (std::uint8_t channel = 0; channel < 16; ++channel) {
    const auto* state = state_.midi().channel(channel);
    if (state == nullptr)
      continue;
    auto notes = state->held_notes(); // a copy, as repairs change it
    for (const auto& note : notes)
      if (!context.confirmed[channel][note.note])
        for (int i = 0; i < note.count; ++i)
          context.emit(journal_chapter::n, static_cast<std::uint8_t>(0x80 | channel), note.note,
                       64);
  }
}

} // namespace tutti::protocol
