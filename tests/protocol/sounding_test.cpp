// What a gone source leaves sounding, measured with a synthesizer that knows only MIDI 1.0.
#include "protocol/sounding.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <random>
#include <set>

using namespace tutti::protocol;

namespace {

/// What a listener hears of one group: written from the MIDI 1.0 specification and RP-015.
class synthesizer {
public:
  void play(const ump& message) {
    if (message.is_system() && message.status() == 0xFF) {
      channels_ = {};
      return;
    }
    if (!message.is_channel_voice())
      return;
    auto& channel = channels_[message.channel()];
    auto a = message.data1();
    auto b = message.data2();
    switch (message.status() & 0xF0) {
    case 0x80: channel.down.erase(a); break;
    case 0x90:
      if (b == 0)
        channel.down.erase(a);
      else
        channel.down.insert(a);
      break;
    case 0xD0: channel.pressure = a; break;
    case 0xE0: channel.bend = b << 7 | a; break;
    case 0xB0:
      if (a == 64 || a == 66 || a == 69) {
        if (b >= 64)
          channel.pedals.insert(a);
        else
          channel.pedals.erase(a);
      } else if (a == 120 || a >= 123) {
        channel.down.clear();
      } else if (a == 121) {
        channel.pedals.clear();
        channel.bend = 8192;
        channel.pressure = 0;
      }
      break;
    default: break;
    }
  }
  bool silent() const {
    for (const auto& channel : channels_)
      if (channel != channel_state{})
        return false;
    return true;
  }
  bool holds_notes() const {
    for (const auto& channel : channels_)
      if (!channel.down.empty())
        return true;
    return false;
  }

private:
  struct channel_state {
    std::set<int> down;
    std::set<int> pedals;
    int bend = 8192;
    int pressure = 0;
    bool operator==(const channel_state&) const = default;
  };
  std::array<channel_state, 16> channels_;
};

std::vector<ump> released(sounding& what) {
  std::vector<event> out;
  what.release(hub_time(std::chrono::seconds(7)), out);
  std::vector<ump> messages;
  for (const auto& e : out) {
    CHECK(e.at == hub_time(std::chrono::seconds(7)));
    messages.push_back(e.message);
  }
  return messages;
}

} // namespace

TEST_CASE("a held note is released by a note off of velocity 64", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0x93, 60, 1));
  what.track(make_short(0x93, 64, 127));
  what.track(make_short(0x83, 64, 0));
  CHECK(what.holds_note(0, 3, 60));
  CHECK_FALSE(what.holds_note(0, 3, 64));
  CHECK_FALSE(what.holds_note(1, 3, 60));
  CHECK(released(what) == std::vector<ump>{make_short(0x83, 60, 64)});
  CHECK(what.silent());
  CHECK(released(what).empty());
}

TEST_CASE("a note on of velocity 0 is a note off", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0x90, 60, 100));
  what.track(make_short(0x90, 60, 0));
  what.track(make_short(0x90, 61, 0)); // never began
  CHECK_FALSE(what.holds_notes());
  CHECK(what.silent());
}

TEST_CASE("a note that was struck twice is released once", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0x90, 60, 100));
  what.track(make_short(0x90, 60, 90));
  CHECK(released(what).size() == 1);
  what.track(make_short(0x90, 60, 100));
  what.track(make_short(0x90, 60, 90));
  what.track(make_short(0x80, 60, 64));
  CHECK_FALSE(what.holds_notes());
}

TEST_CASE("pedals, bend and pressure are put back", "[protocol][sounding]") {
  sounding what;
  for (std::uint8_t pedal : {64, 66, 69, 67, 1, 7})
    what.track(make_short(0xB2, pedal, 100));
  what.track(make_short(0xE2, 0, 65));
  what.track(make_short(0xD2, 5));
  CHECK_FALSE(what.holds_notes());
  CHECK_FALSE(what.silent());
  CHECK(released(what) == std::vector<ump>{make_short(0xB2, 64, 0), make_short(0xB2, 66, 0),
                                           make_short(0xB2, 69, 0), make_short(0xE2, 0, 64),
                                           make_short(0xD2, 0)});
}

TEST_CASE("a pedal below 64 is up, and a bend back in the centre is none", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0xB0, 64, 64));
  what.track(make_short(0xB0, 64, 63));
  what.track(make_short(0xE0, 1, 64));
  what.track(make_short(0xE0, 0, 64));
  what.track(make_short(0xD0, 1));
  what.track(make_short(0xD0, 0));
  CHECK(what.silent());
}

TEST_CASE("mode messages end notes but leave the pedals", "[protocol][sounding]") {
  for (std::uint8_t mode : {120, 123, 124, 125, 126, 127}) {
    INFO(int(mode));
    sounding what;
    what.track(make_short(0x90, 60, 100));
    what.track(make_short(0xB0, 64, 127));
    what.track(make_short(0xB0, mode, 0));
    CHECK_FALSE(what.holds_notes());
    CHECK(released(what) == std::vector<ump>{make_short(0xB0, 64, 0)});
  }
  sounding local; // 122 is Local Control
  local.track(make_short(0x90, 60, 100));
  local.track(make_short(0xB0, 122, 0));
  CHECK(local.holds_notes());
}

TEST_CASE("reset all controllers leaves the notes", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0x90, 60, 100));
  what.track(make_short(0xB0, 64, 127));
  what.track(make_short(0xE0, 0, 0));
  what.track(make_short(0xD0, 9));
  what.track(make_short(0xB0, 121, 0));
  CHECK(released(what) == std::vector<ump>{make_short(0x80, 60, 64)});
}

TEST_CASE("a system reset silences its own group only", "[protocol][sounding]") {
  sounding what;
  what.track(make_short(0x90, 60, 100, 2));
  what.track(make_short(0x95, 61, 100, 9));
  what.track(make_short(0xFF, 0, 0, 2));
  CHECK(what.holds_notes());
  CHECK(released(what) == std::vector<ump>{make_short(0x85, 61, 64, 9)});
}

TEST_CASE("releases are in the group of what they release", "[protocol][sounding]") {
  sounding what;
  for (std::uint8_t group = 0; group < 16; ++group)
    for (std::uint8_t channel = 0; channel < 16; ++channel)
      what.track(make_short(static_cast<std::uint8_t>(0x90 | channel), channel, 1, group));
  auto messages = released(what);
  REQUIRE(messages.size() == 256);
  for (unsigned i = 0; i < 256; ++i) {
    CHECK(messages[i].group() == i / 16);
    CHECK(messages[i].channel() == i % 16);
  }
}

TEST_CASE("whatever was played, the release silences it and has nothing to spare",
          "[protocol][sounding]") {
  std::mt19937 random(4711);
  auto below = [&](unsigned limit) { return static_cast<std::uint8_t>(random() % limit); };
  for (int round = 0; round < 200; ++round) {
    INFO("round " << round);
    sounding what;
    synthesizer heard;
    for (int i = 0; i < 300; ++i) {
      ump message;
      switch (below(8)) {
      case 0: message = make_short(0x80 | below(3), below(5), below(128)); break;
      case 1:
      case 2: message = make_short(0x90 | below(3), below(5), below(3)); break;
      case 3:
        message = make_short(0xB0 | below(3), static_cast<std::uint8_t>(62 + below(9)), below(128));
        break;
      case 4: message = make_short(0xD0 | below(3), below(2)); break;
      case 5: message = make_short(0xE0 | below(3), below(2), 63 + below(3)); break;
      case 6:
        message = below(6) ? make_short(0x90 | below(3), below(128), 100)
                           : make_short(0xB0 | below(3), 120 + below(8), 0);
        break;
      default: message = below(40) ? make_short(0xF8) : make_short(0xFF); break;
      }
      what.track(message);
      heard.play(message);
      REQUIRE(what.silent() == heard.silent());
      REQUIRE(what.holds_notes() == heard.holds_notes());
    }
    for (const auto& message : released(what)) {
      CHECK_FALSE(heard.silent());
      heard.play(message);
    }
    CHECK(heard.silent());
    CHECK(what.silent());
  }
}
