#include "protocol/midi_state.hpp"
#include "tests/support/midi_bytes.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

midi_state after(const std::string& midi) {
  midi_state state;
  for (const auto& message : messages_of(hex(midi)))
    state.apply(message);
  return state;
}

const channel_state& channel(const midi_state& state, unsigned number) {
  REQUIRE(state.channel(number) != nullptr);
  return *state.channel(number);
}

} // namespace

TEST_CASE("notes are held until as many Note Offs as Note Ons came", "[protocol][midi_state]") {
  auto state = after("90 3c 64  90 3c 50  90 40 10");
  CHECK(channel(state, 0).held(60)->count == 2);
  CHECK(channel(state, 0).held(60)->velocity == 80);
  state.apply(make_short(0x80, 60, 0));
  CHECK(channel(state, 0).held(60)->count == 1);
  state.apply(make_short(0x90, 60, 0)); // velocity 0 is a Note Off
  CHECK(channel(state, 0).held(60) == nullptr);
  state.apply(make_short(0x80, 60, 0)); // once too often
  CHECK(channel(state, 0).held_notes().size() == 1);
  CHECK(state.holds_notes());
  state.apply(make_short(0x80, 64, 0));
  CHECK_FALSE(state.holds_notes());
}

TEST_CASE("values are unknown until told", "[protocol][midi_state]") {
  auto state = after("b3 07 40  c3 05  d3 11  e3 01 40  a3 3c 22");
  const auto& told = channel(state, 3);
  CHECK(told.controller(7) == 64);
  CHECK(told.controller(10) == channel_state::unknown);
  CHECK(told.program() == 5);
  CHECK(told.pressure() == 17);
  CHECK(told.wheel() == 8193);
  CHECK(*told.note_pressures().find(60) == 34);
  CHECK(state.channel(2) == nullptr);
}

TEST_CASE("CC 121 resets what RP-015 says, and nothing else", "[protocol][midi_state]") {
  auto state = after("90 3c 64 b0 01 11 b0 07 11 b0 40 7f b0 0b 11 b0 45 7f b0 00 01 c0 05 d0 11 "
                     "e0 00 00 a0 3c 11 b0 65 00 b0 64 00 b0 06 02 b0 79 00");
  const auto& left = channel(state, 0);
  CHECK(left.held(60) != nullptr);
  CHECK(left.program() == 5);
  CHECK(left.controller(1) == channel_state::unknown);
  CHECK(left.controller(11) == channel_state::unknown);
  CHECK(left.controller(64) == channel_state::unknown);
  CHECK(left.controller(7) == 17);
  CHECK(left.controller(69) == 127);
  CHECK(left.controller(0) == 1);
  CHECK(left.wheel() == channel_state::unknown_wheel);
  CHECK(left.pressure() == channel_state::unknown);
  CHECK(left.note_pressures().empty());
  CHECK(left.parameters().selection().kind == parameter_kind::none);
  CHECK(left.parameters().find(parameter_kind::registered, 0, 0)->entry_msb == 2);
}

TEST_CASE("all notes end with CC 120 and 123 to 127, and modes are kept",
          "[protocol][midi_state]") {
  for (auto number : {120, 123, 124, 125, 126, 127}) {
    auto state = after("90 3c 64 d0 11 a0 3c 22");
    state.apply(make_short(0xB0, static_cast<std::uint8_t>(number), 0));
    INFO(number);
    CHECK_FALSE(state.holds_notes());
    CHECK(channel(state, 0).pressure() == channel_state::unknown);
    CHECK(channel(state, 0).note_pressures().empty());
  }
  auto state = after("b0 7c 00 b0 7e 01 b0 7d 00");
  CHECK(channel(state, 0).controller(124) == channel_state::unknown);
  CHECK(channel(state, 0).controller(125) == 0);
  CHECK(channel(state, 0).controller(126) == 1);
}

TEST_CASE("a reset makes everything unknown", "[protocol][midi_state]") {
  const std::string set_up = "90 3c 64 b1 07 11 c2 05 f3 04 ";
  SECTION("System Reset: the transport as well") {
    CHECK(after(set_up + "fa f8 ff") == midi_state());
  }
  SECTION("General MIDI on: the transport goes on") {
    auto state = after(set_up + "fa f8 f0 7e 7f 09 01 f7");
    CHECK_FALSE(state.holds_notes());
    CHECK(channel(state, 1).controllers().empty());
    CHECK(state.transport().running());
    CHECK(state.song() == 4);
  }
  SECTION("also when its octets come in pieces") {
    auto state = after(set_up);
    const std::uint8_t octets[] = {0x7E, 0x10, 0x09, 0x03};
    state.apply(make_sysex(sysex_form::start, std::span(octets).first(1)));
    state.apply(make_sysex(sysex_form::proceed, std::span(octets).subspan(1, 2)));
    CHECK(state.holds_notes());
    state.apply(make_sysex(sysex_form::end, std::span(octets).subspan(3)));
    CHECK_FALSE(state.holds_notes());
  }
  SECTION("SysEx that only looks like one does nothing") {
    CHECK(after(set_up + "f0 7e 7f 09 01 00 f7").holds_notes());
    CHECK(after(set_up + "f0 7e 7f 09 02 f7").holds_notes());
    CHECK(after(set_up + "f0 7e 7f 09 f7").holds_notes());
  }
}

TEST_CASE("states are equal by what they mean", "[protocol][midi_state]") {
  CHECK(after("90 3c 64 90 40 64") == after("90 40 10 90 3c 11"));
  CHECK_FALSE(after("90 3c 64 90 3c 64") == after("90 3c 64"));
  CHECK(after("90 3c 64 80 3c 00") == midi_state());
  CHECK_FALSE(after("b0 07 00") == midi_state());
  CHECK(after("b0 65 00 b0 64 00 b0 65 7f b0 64 7f") == midi_state());
  auto copy = after("91 3c 64 b1 07 11");
  auto other = copy;
  other.apply(make_short(0x81, 60, 0));
  CHECK(copy.holds_notes());
  CHECK_FALSE(copy == other);
}

TEST_CASE("a state takes memory for the channels in use", "[protocol][midi_state]") {
  CHECK(midi_state().memory() == 0);
  CHECK(after("90 3c 64 b0 07 11 b0 40 7f").memory() < 400);
}
