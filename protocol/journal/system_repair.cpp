// All chapters but F (time_code_repair.cpp).
#include "protocol/journal/system_repair.hpp"

#include <algorithm>
#include <array>

namespace tutti::protocol {

namespace {

/// So many clocks that a running sequencer misses are given to it at once; more, and it is sent to
/// its position.
constexpr std::uint32_t max_catch_up = 12;
/// Positions that F2 can tell, in units of six clocks.
constexpr std::uint32_t max_beat = 16383;

template <class Chapter>
void read(std::uint8_t contents, std::uint8_t bit, byte_reader& reader,
          decoded<Chapter> (&decode)(byte_reader&), std::optional<Chapter>& out,
          std::optional<decode_error>& error) {
  if (error || (contents & bit) == 0)
    return;
  auto chapter = decode(reader);
  if (chapter)
    out = *chapter;
  else
    error = chapter.error();
}

} // namespace

std::optional<decode_error> system_repair::decode(const system_journal& journal) {
  std::optional<decode_error> error;
  byte_reader reader(journal.body);
  read(journal.contents, toc::d, reader, decode_chapter_d, d_, error);
  read(journal.contents, toc::v, reader, decode_chapter_v, v_, error);
  read(journal.contents, toc::q, reader, decode_chapter_q, q_, error);
  read(journal.contents, toc::f, reader, decode_chapter_f, f_, error);
  read(journal.contents, toc::x, reader, decode_chapter_x, x_, error);
  return error;
}

bool system_repair::leaves_sysex_open() const {
  if (!context_.single || !x_)
    return false;
  auto stays = false;
  sysex_log_reader reader(*x_);
  for (sysex_log log; reader.next(log);)
    stays = log.s && log.status == sysex_log_status::unfinished && log.count &&
            *log.count == context_.state.sysex_count;
  return stays;
}

void system_repair::repair_resets() {
  if (d_ && d_->resets && !context_.skips(d_->resets->s) &&
      d_->resets->value != context_.state.resets) {
    context_.emit(journal_chapter::d, 0xFF);
    context_.state.resets = d_->resets->value;
  }
  auto& missing = context_.state.missing_sysex;
  auto told = false;
  if (x_) {
    sysex_log_reader reader(*x_);
    for (sysex_log log; reader.next(log);) {
      told |= missing && log.count == missing;
      if (!context_.skips(log.s))
        repair_sysex(log);
      told |= missing && log.count == missing;
    }
  }
  if (missing && !told && context_.checkpoint_is_meant) {
    ++context_.counters.lost_sysex; // the peer does not tell of it any more
    missing.reset();
  }
}

void system_repair::repair_rest() {
  if (d_ && !context_.skips(d_->s))
    repair_simple(*d_);
  if (v_ && !context_.skips(v_->s) && v_->count != context_.state.sensings) {
    context_.emit(journal_chapter::v, 0xFE);
    context_.state.sensings = v_->count;
  }
  if (q_ && !context_.skips(q_->s))
    repair_transport(*q_);
  if (f_ && !context_.skips(f_->s))
    repair_time_code(*f_);
}

// F4, F5, F9 and FD have no meaning and do not pass the hub; their logs are only read over.
void system_repair::repair_simple(const chapter_d& chapter) {
  if (chapter.tunes && !context_.skips(chapter.tunes->s) &&
      chapter.tunes->value != context_.state.tunes) {
    context_.emit(journal_chapter::d, 0xF6);
    context_.state.tunes = chapter.tunes->value;
  }
  if (chapter.song && !context_.skips(chapter.song->s) &&
      chapter.song->value != context_.state.midi().song())
    context_.emit(journal_chapter::d, 0xF3, chapter.song->value);
}

bool system_repair::is_new(std::uint8_t count) const noexcept {
  auto ahead = static_cast<std::uint8_t>(count - context_.state.sysex_count);
  return ahead > 0 && ahead < 128;
}

void system_repair::repair_sysex(const sysex_log& log) {
  if (!log.count)
    return; // nothing to compare with
  auto& state = context_.state;
  auto count = *log.count;
  auto was_missing = state.missing_sysex == count;
  if ((!was_missing && !is_new(count)) || state.sysex_open)
    return; // known; or to wait until the one that is being received is over
  auto unfinished = log.status == sysex_log_status::unfinished;
  if (was_missing && !unfinished)
    state.missing_sysex.reset();
  auto newest = was_missing ? state.sysex_count : count;
  if (unfinished) {
    state.missing_sysex = count;
  } else if (log.status != sysex_log_status::cancelled) {
    if (!log.data.empty() && log.first.value_or(0) == 0)
      play_sysex(log, true);
    else
      ++context_.counters.lost_sysex;
  }
  state.sysex_count = newest;
}

void system_repair::play_sysex(const sysex_log& log, bool whole) {
  std::array<std::uint8_t, 6> octets{};
  for (std::size_t from = 0; from < log.data.size(); from += octets.size()) {
    auto count = std::min(octets.size(), log.data.size() - from);
    for (std::size_t i = 0; i < count; ++i)
      octets[i] = sysex_log_octet(log, from + i);
    auto last = whole && from + count == log.data.size();
    auto form = from == 0 ? (last ? sysex_form::complete : sysex_form::start)
                          : (last ? sysex_form::end : sysex_form::proceed);
    context_.emit(journal_chapter::x,
                  make_sysex(form, std::span(octets).first(count), context_.group));
  }
}

bool system_repair::reopen_sysex() {
  if (!x_)
    return false;
  sysex_log last;
  sysex_log_reader reader(*x_);
  while (reader.next(last)) {
  }
  auto& state = context_.state;
  if (last.status != sysex_log_status::unfinished || last.data.empty() || !last.count ||
      last.first.value_or(0) != 0 || state.missing_sysex != last.count)
    return false;
  play_sysex(last, false);
  state.sysex_count = *last.count;
  state.missing_sysex.reset();
  return true;
}

void system_repair::repair_transport(const chapter_q& chapter) {
  const auto& ours = context_.state.midi().transport();
  auto target = (chapter.position + (chapter.played ? 1 : 0)) % song_transport::modulus;
  if (ours.running() == chapter.running && ours.next() == target)
    return;
  if (chapter.running && !chapter.has_position && !chapter.played && chapter.position == 0) {
    context_.emit(journal_chapter::q, 0xFA);
    return;
  }
  auto behind = (target + song_transport::modulus - ours.next()) % song_transport::modulus;
  if (ours.running() && behind <= max_catch_up)
    clocks(behind);
  else if (ours.next() != target)
    locate(target, chapter.running);
  if (ours.running() && !chapter.running)
    context_.emit(journal_chapter::q, 0xFC);
  else if (!ours.running() && chapter.running)
    context_.emit(journal_chapter::q, 0xFB);
}

/// F2 is ignored by a running sequencer and tells sixteenths only; the clocks between are played.
void system_repair::locate(std::uint32_t position, bool running) {
  auto beat = position / song_transport::clocks_per_beat;
  auto rest = position % song_transport::clocks_per_beat;
  if (beat > max_beat)
    return; // out of the reach of F2
  if (context_.state.midi().transport().running())
    context_.emit(journal_chapter::q, 0xFC);
  context_.emit(journal_chapter::q, 0xF2, beat & 0x7F, static_cast<std::uint8_t>(beat >> 7));
  if (running || rest > 0)
    context_.emit(journal_chapter::q, 0xFB);
  clocks(rest);
}

void system_repair::clocks(std::uint32_t count) {
  for (; count > 0; --count)
    context_.emit(journal_chapter::q, 0xF8);
}

} // namespace tutti::protocol
