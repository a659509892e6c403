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

} // namespace

[[gnu::hot]] open_sysex journal_receiver::repair(byte_view journal, const packet_arrival& arrival,
                                                 bool late, hub_time now,
                                                 std::vector<event>& repairs,
                                                 repair_counters& counters,
                                                 decode_error_counters& errors) {
  repair_context context{.state = state_, .out = repairs, .counters = counters, .errors = errors};
  context.now = now;
  context.previous = arrival.sequence - 1;
  context.is_loss = arrival.kind != arrival_kind::next;
  context.single = arrival.kind == arrival_kind::gap && arrival.lost == 1;
  context.late = late;
  context.group = options_.group;
  context.begin = repairs.size();
  if (journal.empty()) {
    examine_more_ = false; // the peer has nothing that it would tell again
    state_.missing_sysex.reset();
    counters.without += arrival.kind == arrival_kind::gap;
    return abandon_sysex(context);
  }
  byte_reader reader(journal);
  auto header = decode_journal_header(reader);
  if (!header) {
    context.count(header.error());
    return abandon_sysex(context);
  }
  context.checkpoint = extended(header->checkpoint, arrival.sequence);
  context.checkpoint_is_meant = context.checkpoint != arrival.sequence;
  auto is_empty = !header->has_system && header->channels == 0;
  names_checkpoints_ |= context.checkpoint_is_meant && !is_empty;
  if (!context.is_loss && !examine_more_ && !state_.missing_sysex)
    return open_sysex::untouched;
  ++counters.journals;
  auto outcome = examine(*header, reader, context);
  judge_coverage(arrival, context);
  return outcome;
}

/// Resets first, as everything builds on them; then the channels, then the rest of the system.
open_sysex journal_receiver::examine(const journal_header& header, byte_reader& reader,
                                     repair_context& context) {
  system_repair system(context);
  if (header.has_system) {
    auto part = decode_system_journal(reader);
    auto error = part ? system.decode(*part) : part.error();
    if (error)
      context.count(*error);
    if (!part) {
      context.is_whole = false; // where the channels begin is not known
      return abandon_sysex(context);
    }
  }
  auto outcome = system.leaves_sysex_open() ? open_sysex::untouched : abandon_sysex(context);
  system.repair_resets();
  for (unsigned i = 0; i < header.channels; ++i) {
    auto part = decode_channel_journal(reader);
    if (!part) {
      context.count(part.error());
      context.is_whole = false;
      break;
    }
    if (context.skips(part->s))
      continue;
    if (auto error = channel_repair(part->channel, context).repair(*part))
      context.count(*error);
  }
  system.repair_rest();
  return context.is_loss && system.reopen_sysex() ? open_sysex::reopened : outcome;
}

/// Does the journal reach back to the first lost packet? If not, what it does not name is
/// uncertain.
void journal_receiver::judge_coverage(const packet_arrival& arrival, repair_context& context) {
  if (!context.is_loss) {
    examine_more_ = examine_more_ && !context.checkpoint_is_meant;
    return;
  }
  auto first_lost = arrival.sequence - arrival.lost;
  auto covered = arrival.kind != arrival_kind::gap || !precedes(first_lost, context.checkpoint);
  context.counters.uncovered += !covered;
  examine_more_ = !covered && !context.checkpoint_is_meant && names_checkpoints_;
  if (!covered && context.checkpoint_is_meant && context.is_whole && options_.end_unconfirmed_notes)
    end_unconfirmed_notes(context);
}

/// After a loss, ends a SysEx that was being received: something of it may be missing.
open_sysex journal_receiver::abandon_sysex(repair_context& context) {
  if (!context.is_loss || !state_.sysex_open)
    return open_sysex::untouched;
  auto cancel = make_sysex(sysex_form::cancelled, {}, options_.group);
  context.out.push_back({cancel, context.now, true});
  state_.deliver(cancel, context.previous);
  --state_.sysex_count; // as if it had not begun: a journal may bring it whole
  context.begin = context.out.size();
  return open_sysex::abandoned;
}

void journal_receiver::end_unconfirmed_notes(repair_context& context) {
  for (std::uint8_t channel = 0; channel < 16; ++channel) {
    const auto* state = state_.midi().channel(channel);
    if (state == nullptr)
      continue;
    auto notes = state->held_notes(); // a copy, as repairs change it
    for (const auto& note : notes)
      if (!context.confirmed[channel][note.note]) {
        context.end_note(channel, note.note, note.count, 64);
        state_.midi().channel_for_change(channel).hold(note.note, 0, 0, 0);
      }
  }
}

} // namespace tutti::protocol
