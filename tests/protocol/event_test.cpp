// UMP words as other projects' tests hold them, against our accessors and makers.
#include "protocol/event.hpp"

#include "tests/support/hex.hpp"
#include "tests/support/vectors.hpp"

#include "protocol/bytes.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;
using nlohmann::json;

namespace {

ump packet_of(const json& vector) {
  auto bytes = hex(vector["hex"].get<std::string>());
  byte_reader reader(bytes);
  ump packet;
  for (std::size_t i = 0; i < bytes.size() / 4; ++i)
    packet.words[i] = reader.u32();
  return packet;
}

void check_sysex(const ump& packet, const json& meaning) {
  auto data = hex(meaning["data"].get<std::string>());
  REQUIRE(packet.sysex_size() == meaning["count"]);
  CHECK(packet.form() == sysex_form::complete);
  for (unsigned i = 0; i < packet.sysex_size(); ++i)
    CHECK(packet.sysex_octet(i) == data[i]);
  CHECK(make_sysex(packet.form(), data, packet.group()) == packet);
}

void check_channel_voice(const ump& packet, const json& meaning) {
  CHECK(packet.status() >> 4 == meaning["status"]);
  CHECK(packet.channel() == meaning["channel"]);
  CHECK(packet.data1() == meaning["data1"]);
  CHECK(packet.data2() == meaning["data2"]);
  CHECK(make_short(packet.status(), packet.data1(), packet.data2(), packet.group()) == packet);
}

void check_system(const ump& packet, const json& meaning) {
  CHECK(packet.status() == meaning["status"]);
  CHECK(packet.is_real_time() == (meaning["status"] >= 0xF8));
  CHECK(make_short(packet.status(), packet.data1(), packet.data2(), packet.group()) == packet);
}

} // namespace

TEST_CASE("UMP vectors read as their meaning and are made from it", "[protocol][event]") {
  unsigned seen = 0;
  for (auto& vector : load_vectors("ump")) {
    INFO(vector["id"]);
    auto packet = packet_of(vector);
    auto& meaning = vector["meaning"];
    CHECK(static_cast<int>(packet.type()) == meaning["mt"]);
    if (meaning.contains("group"))
      CHECK(packet.group() == meaning["group"]);
    CHECK(packet.is_sysex() == (meaning["mt"] == 3));
    CHECK(packet.is_channel_voice() == (meaning["mt"] == 2));
    CHECK(packet.is_system() == (meaning["mt"] == 1));
    seen |= 1u << meaning["mt"].get<unsigned>();
    if (packet.is_sysex())
      check_sysex(packet, meaning);
    else if (packet.is_channel_voice())
      check_channel_voice(packet, meaning);
    else if (packet.is_system())
      check_system(packet, meaning);
    else if (packet.type() == message_type::midi2_voice)
      CHECK(packet.channel() == meaning["channel"]);
  }
  CHECK((seen & 0b11111) == 0b11111);
}

TEST_CASE("a SysEx chunk of any size gives its octets back", "[protocol][event]") {
  auto data = hex("01 02 03 04 05 06 07");
  for (std::size_t size = 0; size <= data.size(); ++size) {
    auto packet = make_sysex(sysex_form::end, byte_view(data).first(size), 15);
    CHECK(packet.sysex_size() == std::min<std::size_t>(size, 6));
    CHECK(packet.form() == sysex_form::end);
    CHECK(packet.group() == 15);
    for (unsigned i = 0; i < packet.sysex_size(); ++i)
      CHECK(packet.sysex_octet(i) == data[i]);
  }
}

TEST_CASE("messages have the sizes of the MIDI 1.0 specification", "[protocol][event]") {
  auto [status, size] = GENERATE(table<int, unsigned>({
      {0x00, 0}, {0x7F, 0}, {0x80, 3}, {0x9F, 3}, {0xA5, 3}, {0xB0, 3}, {0xC0, 2}, {0xDF, 2},
      {0xE7, 3}, {0xF0, 0}, {0xF1, 2}, {0xF2, 3}, {0xF3, 2}, {0xF4, 1}, {0xF5, 1}, {0xF6, 1},
      {0xF7, 0}, {0xF8, 1}, {0xF9, 1}, {0xFD, 1}, {0xFE, 1}, {0xFF, 1},
  }));
  CHECK(short_message_size(static_cast<std::uint8_t>(status)) == size);
}

TEST_CASE("what ends sound is told from what makes it", "[protocol][event]") {
  CHECK(make_short(0x80, 60, 64).ends_sound());
  CHECK(make_short(0x9F, 60, 0).ends_sound());
  CHECK(make_short(0xB0, 64, 0).ends_sound());
  CHECK(make_short(0xB0, 123, 0).ends_sound());
  CHECK(make_short(0xB0, 126, 5).ends_sound());
  CHECK_FALSE(make_short(0x90, 60, 1).ends_sound());
  CHECK_FALSE(make_short(0xB0, 64, 127).ends_sound());
  CHECK_FALSE(make_short(0xE0, 0, 0).ends_sound());
  CHECK_FALSE(make_short(0xF8).ends_sound());
  CHECK_FALSE(make_sysex(sysex_form::end, {}).ends_sound());
}
