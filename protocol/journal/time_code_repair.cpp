// Chapter F: MIDI Time Code. A few lost quarter frames are sent again, so that a slave rolls on;
// after more, a full frame tells it where it is.
#include "protocol/journal/system_repair.hpp"

#include <array>
#include <span>
#include <vector>

namespace tutti::protocol {

namespace {

std::array<std::uint8_t, 8> nibbles_of(const std::array<std::uint8_t, 4>& octets) noexcept {
  std::array<std::uint8_t, 8> nibbles{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    nibbles[2 * i] = octets[i] >> 4;
    nibbles[2 * i + 1] = octets[i] & 15;
  }
  return nibbles;
}

time_of_code time_in(const chapter_f& chapter) noexcept {
  const auto& octets = *chapter.complete;
  if (!chapter.quarter_frames)
    return {
        static_cast<std::uint8_t>(octets[0] & 0x7F), static_cast<std::uint8_t>(octets[1] & 0x7F),
        static_cast<std::uint8_t>(octets[2] & 0x7F), static_cast<std::uint8_t>(octets[3] & 0x7F)};
  auto nibbles = nibbles_of(octets);
  auto octet = [&](std::size_t low) {
    return static_cast<std::uint8_t>((nibbles[low + 1] << 4 | nibbles[low]) & 0x7F);
  };
  return {octet(6), octet(4), octet(2), octet(0)};
}

/// The peer's state as the chapter tells it: a time, then the quarter frames of a series.
time_code state_in(const chapter_f& chapter) noexcept {
  time_code state;
  if (chapter.complete) {
    auto time = time_in(chapter);
    if (chapter.quarter_frames)
      state.set_time_from_quarter_frames(time);
    else
      state.apply_full_frame(time);
  }
  if (chapter.partial) {
    auto nibbles = nibbles_of(*chapter.partial);
    for (int piece = chapter.reverse ? 7 : 0;
         chapter.reverse ? piece >= chapter.point : piece <= chapter.point;
         piece += chapter.reverse ? -1 : 1)
      state.apply_quarter_frame(
          static_cast<std::uint8_t>(piece << 4 | nibbles[static_cast<std::size_t>(piece)]));
  }
  if (!chapter.complete && !chapter.partial)
    state.apply_quarter_frame(0x30); // an illegal series
  return state;
}

/// The quarter frames of an unfinished series, in the order they came.
std::vector<std::uint8_t> series_of(const time_code& state) {
  std::vector<std::uint8_t> frames;
  auto forward = state.progress() == time_code::series::forward;
  if (state.in_series())
    for (int piece = forward ? 0 : 7; forward ? piece <= state.point() : piece >= state.point();
         piece += forward ? 1 : -1)
      frames.push_back(
          static_cast<std::uint8_t>(piece << 4 | state.nibbles()[static_cast<std::size_t>(piece)]));
  return frames;
}

/// A quarter frame that is the sequel of nothing in this state: no series goes on with both.
std::uint8_t breaking_frame(const time_code& state) noexcept {
  auto trial = state;
  trial.apply_quarter_frame(0x30);
  return trial.progress() == time_code::series::illegal ? 0x30 : 0x50;
}

} // namespace

void system_repair::repair_time_code(const chapter_f& chapter) {
  auto& midi = context_.state.midi();
  auto wanted = state_in(chapter);
  if (midi.time_code() == wanted)
    return;
  if (!finish_series(wanted))
    tell_time_code(wanted);
  midi.set_time_code(wanted);
}

/// A time and the series that follows it. Where the peer has no time any more, nobody behind us may
/// keep one either: what follows must not look like the sequel of the time that they have.
void system_repair::tell_time_code(const protocol::time_code& wanted) {
  const auto& ours = context_.state.midi().time_code();
  auto series = series_of(wanted);
  if (wanted.has_time()) {
    auto same_time = ours.has_time() && ours.time() == wanted.time() && !ours.in_series();
    // While a SysEx of the peer is open, none of ours can be sent.
    if (!same_time && !context_.state.sysex_open)
      tell_time(wanted.time());
  } else {
    auto sequel = ours;
    for (auto frame : series)
      sequel.apply_quarter_frame(frame);
    if (!(sequel == wanted))
      context_.emit(journal_chapter::f, 0xF1, breaking_frame(ours));
  }
  for (auto frame : series)
    context_.emit(journal_chapter::f, 0xF1, frame);
}

/// A full frame.
void system_repair::tell_time(const time_of_code& time) {
  std::array<std::uint8_t, 8> octets = {0x7F,       0x7F,         0x01,         0x01,
                                        time.hours, time.minutes, time.seconds, time.frames};
  auto count = context_.state.sysex_count; // of the peer's commands; this one is ours
  context_.emit(journal_chapter::f,
                make_sysex(sysex_form::start, std::span(octets).first(6), context_.group));
  context_.emit(journal_chapter::f,
                make_sysex(sysex_form::end, std::span(octets).subspan(6), context_.group));
  context_.state.sysex_count = count;
}

/// Sends only the quarter frames that are missing, if the peer's state follows from ours by a few
/// of them: the rest of our series, or its rest and the beginning of the next.
bool system_repair::finish_series(const time_code& wanted) {
  const auto& ours = context_.state.midi().time_code();
  if (ours.progress() != time_code::series::forward || !ours.has_time() || !wanted.has_time() ||
      !wanted.from_quarter_frames())
    return false;
  auto trial = ours;
  std::array<std::uint8_t, 16> frames{};
  std::size_t count = 0;
  auto send = [&](unsigned piece, std::uint8_t nibble) {
    frames[count] = static_cast<std::uint8_t>(piece << 4 | nibble);
    trial.apply_quarter_frame(frames[count++]);
  };
  if (ours.time() == wanted.time()) {
    for (unsigned piece = ours.point() + 1u; piece <= wanted.point() && wanted.in_series(); ++piece)
      send(piece, wanted.nibbles()[piece]);
  } else {
    auto whole = shifted(wanted.time(), -2);
    for (unsigned piece = ours.point() + 1u; piece < 8; ++piece)
      send(piece, quarter_frame_nibble(whole, piece));
    for (unsigned piece = 0; piece <= wanted.point() && wanted.in_series(); ++piece)
      send(piece, wanted.nibbles()[piece]);
  }
  if (!(trial == wanted))
    return false;
  for (std::size_t i = 0; i < count; ++i)
    context_.emit(journal_chapter::f, 0xF1, frames[i]);
  return true;
}

} // namespace tutti::protocol
