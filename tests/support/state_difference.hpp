// What two MIDI states differ in, in words: for the messages of failed tests.
#pragma once

#include "protocol/midi_state.hpp"

#include <sstream>
#include <string>

namespace tutti::test {

inline void describe(std::ostream& out, const protocol::channel_state& state) {
  out << " notes";
  for (std::uint8_t note = 0; note < 128; ++note)
    if (const auto* held = state.held(note))
      out << ' ' << int(note) << 'x' << int(held->count);
  out << " | program " << int(state.program()) << " wheel " << state.wheel() << " pressure "
      << int(state.pressure()) << " | controllers";
  state.controllers().for_each([&](std::uint8_t number, std::uint8_t value) {
    out << ' ' << int(number) << '=' << int(value);
  });
  out << " | note pressures";
  state.note_pressures().for_each([&](std::uint8_t number, std::uint8_t value) {
    out << ' ' << int(number) << '=' << int(value);
  });
  const auto& selection = state.parameters().selection();
  out << " | selected " << int(selection.kind) << ' ' << int(selection.msb) << '/'
      << int(selection.lsb) << (selection.pending ? " pending" : "") << " | parameters";
  for (const auto& each : state.parameters().parameters())
    if (each.has_value())
      out << ' ' << int(each.kind) << ':' << int(each.msb) << '/' << int(each.lsb) << '='
          << int(each.entry_msb) << ',' << int(each.entry_lsb) << ',' << each.buttons;
}

inline std::string difference(const protocol::midi_state& a, const protocol::midi_state& b) {
  static const protocol::channel_state untouched;
  std::ostringstream out;
  for (unsigned i = 0; i < 16; ++i) {
    const auto& left = a.channel(i) != nullptr ? *a.channel(i) : untouched;
    const auto& right = b.channel(i) != nullptr ? *b.channel(i) : untouched;
    if (left == right)
      continue;
    out << "channel " << i << "\n  ";
    describe(out, left);
    out << "\n  ";
    describe(out, right);
    out << '\n';
  }
  if (a.song() != b.song())
    out << "song " << int(a.song()) << " / " << int(b.song()) << '\n';
  if (!(a.transport() == b.transport()))
    out << "transport " << a.transport().running() << ' ' << a.transport().next() << " / "
        << b.transport().running() << ' ' << b.transport().next() << '\n';
  if (!(a.time_code() == b.time_code())) {
    auto show = [&](const protocol::time_code& code) {
      out << " time " << code.has_time() << ' ' << int(code.time().hours) << ':'
          << int(code.time().minutes) << ':' << int(code.time().seconds) << ':'
          << int(code.time().frames) << " quarter " << code.from_quarter_frames() << " series "
          << int(code.progress()) << " point " << int(code.point());
    };
    out << "time code";
    show(a.time_code());
    out << " /";
    show(b.time_code());
    out << '\n';
  }
  return out.str();
}

} // namespace tutti::test
