// Chapters N, E and A: notes that hang, notes that are missing, their pressures.
#include "protocol/journal/channel_repair.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

constexpr std::uint8_t default_release = 64;

/// Chapter E by note: what it says of each, or that it says nothing.
struct note_extras {
  static constexpr std::uint8_t nothing = 0xFF;
  std::array<std::uint8_t, 128> counts;
  std::array<std::uint8_t, 128> velocities;

  explicit note_extras(const chapter_e* chapter) {
    counts.fill(nothing);
    velocities.fill(nothing);
    for (std::size_t i = 0; chapter != nullptr && i < chapter->logs.size(); ++i) {
      auto log = chapter->logs[i];
      (log.is_velocity ? velocities : counts)[log.note] = log.value;
    }
  }
};

/// Calls `use(note)` for each that has an OFFBIT.
template <class Use>
void for_each_off(const chapter_n& chapter, Use use) {
  for (std::size_t i = 0; i < chapter.off_bits.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit)
      if ((chapter.off_bits[i] >> (7 - bit) & 1) != 0)
        use(static_cast<std::uint8_t>(8 * (chapter.low + i) + bit));
}

} // namespace

void channel_repair::repair_notes(const chapter_n& chapter, const chapter_e* extras) {
  note_extras more(extras);
  if (!context_.skips(chapter.no_recent_off))
    for_each_off(chapter, [&](std::uint8_t note) {
      auto count = more.counts[note];
      auto velocity = more.velocities[note];
      repair_note_off(note, count != note_extras::nothing ? count : 0,
                      velocity != note_extras::nothing ? velocity : default_release);
    });
  for (std::size_t i = 0; i < chapter.logs.size(); ++i) {
    auto log = chapter.logs[i];
    if (log.velocity == 0)
      continue; // would be a Note Off, which is not coded like this
    context_.confirmed[channel_].set(log.note);
    auto count = more.counts[log.note];
    if (!context_.skips(log.s))
      repair_note_on(log, count != note_extras::nothing ? std::optional(count) : std::nullopt);
  }
}

/// The latest event of the note is a Note Off, after which `count` Note Ons are still down.
void channel_repair::repair_note_off(std::uint8_t note, std::uint8_t count, std::uint8_t velocity) {
  if (count > 0)
    context_.confirmed[channel_].set(note);
  const auto* ours = own().held(note);
  auto our_count = ours != nullptr ? ours->count : 0;
  auto our_velocity = ours != nullptr ? ours->velocity : default_release;
  context_.end_note(channel_, note, our_count - count, velocity);
  if (our_count != count) // if fewer: Note Ons that were not played, whose Note Offs are to come
    own().hold(note, our_velocity, count, context_.previous);
}

/// The latest event of the note is a Note On. `count`: how many are down, if more than one.
void channel_repair::repair_note_on(const note_log& log, std::optional<std::uint8_t> count) {
  const auto* ours = own().held(log.note);
  int our_count = ours != nullptr ? ours->count : 0;
  int wanted = count ? std::max<int>(*count, 1) : 1;
  auto older =
      our_count > 0 && context_.checkpoint_is_meant && precedes(ours->mark, context_.checkpoint);
  if (our_count == wanted && ours->velocity == log.velocity && !older)
    return; // nothing of this note was lost
  // As the latest event is a Note On that we do not have, ours were ended, unless more are down.
  context_.end_note(channel_, log.note, our_count - wanted + 1, default_release);
  if (log.play && !context_.late)
    send(journal_chapter::n, 0x90, log.note, log.velocity);
  else
    ++context_.counters.skipped_notes;
  // Played or not, it is down, so that its Note Off will be understood.
  own().hold(log.note, log.velocity, static_cast<std::uint8_t>(wanted), context_.previous);
}

// X=1 says that a CC 120 or 123 to 127 came later. Chapter C has brought it, and with it went every
// note that the pressure was for.
void channel_repair::repair_note_pressures(const chapter_a& chapter) {
  for (std::size_t i = 0; i < chapter.logs.size(); ++i) {
    auto log = chapter.logs[i];
    if (context_.skips(log.s) || log.is_old)
      continue;
    const auto* known = own().note_pressures().find(log.note);
    if (known == nullptr || *known != log.pressure)
      send(journal_chapter::a, 0xA0, log.note, log.pressure);
  }
}

} // namespace tutti::protocol
