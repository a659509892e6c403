// The grammar of the MIDI list (RFC 6295 sections 3.1 and 3.2): deltas, running status, System
// Exclusive segments, and where a list that breaks a rule ends.
#include "protocol/event.hpp"
#include "protocol/rtp_packet.hpp"

#include "tests/support/midi_list.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

/// "offset:octets" of each command, and the reason if the list broke a rule.
std::string reading(std::string_view text, bool first_delta = false) {
  auto bytes = hex(text);
  auto list = read_list(bytes, first_delta);
  std::string result;
  for (auto& command : list.commands)
    result += std::to_string(command.offset) + ":" + to_hex(bytes_of(command)) + " ";
  if (list.error)
    result += to_string(*list.error);
  else if (!result.empty())
    result.pop_back();
  return result;
}

std::string delta_octets(std::uint32_t ticks) {
  std::array<std::uint8_t, 4> buffer{};
  byte_writer writer(buffer);
  encode_delta_time(ticks, writer);
  return to_hex(writer.written());
}

/// Puts SysEx together by the table of RFC 6295 section 3.2, from lists without loss.
class reassembler {
public:
  void take(const midi_command& command) {
    switch (command.kind) {
    case command_kind::midi:
    case command_kind::undefined: return;
    case command_kind::sysex:
    case command_kind::sysex_first: whole_ = {0xF0}; break;
    case command_kind::sysex_cancel: whole_.clear(); return;
    default: break;
    }
    if (whole_.empty())
      return; // its start was lost or cancelled
    whole_.insert(whole_.end(), command.data.begin(), command.data.end());
    if (command.kind == command_kind::sysex || command.kind == command_kind::sysex_last) {
      whole_.push_back(0xF7);
      emitted.push_back(to_hex(whole_));
      whole_.clear();
    }
  }

  std::vector<std::string> emitted;

private:
  octets whole_;
};

} // namespace

TEST_CASE("delta time vectors decode to their values", "[protocol][midi_list]") {
  for (auto& vector : load_vectors("delta_time")) {
    if (vector["layer"] != "delta_time")
      continue;
    INFO(vector["id"]);
    auto bytes = hex(vector["hex"].get<std::string>());
    auto delta = decode_delta_time(bytes);
    REQUIRE(delta);
    CHECK(delta->octets == bytes.size());
    if (vector["valid"])
      CHECK(delta->value == vector["meaning"]["value"]);
    else
      CHECK(delta->octets == 5); // illegal by the RFC, sent by real peers
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      auto prefix = decode_delta_time(octets(bytes.begin(), bytes.begin() + std::ptrdiff_t(size)));
      REQUIRE_FALSE(prefix);
      CHECK(prefix.error() == decode_error::truncated);
    }
    if (vector["valid"] && vector["sub"] == "vlq")
      CHECK(delta_octets(delta->value) == vector["hex"]);
  }
}

TEST_CASE("delta times survive a round trip at every length", "[protocol][midi_list]") {
  for (std::uint32_t ticks : {0u, 1u, 127u, 128u, 16383u, 16384u, 2097151u, 2097152u, 268435455u}) {
    auto delta = decode_delta_time(hex(delta_octets(ticks)));
    REQUIRE(delta);
    CHECK(delta->value == ticks);
    CHECK(delta->octets == delta_octets(ticks).size() / 2);
  }
  CHECK(delta_octets(268435456u) == "ffffff7f");
  CHECK(delta_octets(0xFFFFFFFFu) == "ffffff7f");
}

TEST_CASE("a delta time that does not fit leaves nothing behind", "[protocol][midi_list]") {
  std::array<std::uint8_t, 1> buffer{};
  byte_writer writer(buffer);
  encode_delta_time(128, writer);
  CHECK_FALSE(writer.ok());
  CHECK(writer.size() == 0);
}

TEST_CASE("a delta time of six octets is refused", "[protocol][midi_list]") {
  auto delta = decode_delta_time(hex("80 80 80 80 80 00"));
  REQUIRE_FALSE(delta);
  CHECK(delta.error() == decode_error::bad_delta_time);
}

TEST_CASE("deltas add up from the packet's time", "[protocol][midi_list]") {
  CHECK(reading("903c40 0a 903e40 8100 904040") == "0:903c40 10:903e40 138:904040");
  CHECK(reading("05 903c40 05 903e40", true) == "5:903c40 10:903e40");
  CHECK(reading("80808005 903c40", true) == "5:903c40");
}

TEST_CASE("what is older than the command before it is due with it", "[protocol][midi_list]") {
  // Minus 128 after 17, then 100: the sender means 17, -111, -11. Nothing may go back in time, and
  // the last one is not late by the distance that the clamp bridged.
  CHECK(reading("903c40 11 903d40 8fffffff00 903e40 64 903f40") ==
        "0:903c40 17:903d40 17:903e40 17:903f40");
  CHECK(reading("903c40 8fffffff00 903e40 8200 903f40") == "0:903c40 0:903e40 128:903f40");
  CHECK(reading("8fffffff00 903c40", true) == "0:903c40");
}

TEST_CASE("a sum of deltas past 32 bits stays at the end of time", "[protocol][midi_list]") {
  std::string text = "f8";
  for (int i = 0; i < 20; ++i)
    text += " ffffff7f f8";
  auto bytes = hex(text);
  auto list = read_list(bytes);
  REQUIRE(list.commands.size() == 21);
  for (std::size_t i = 1; i < list.commands.size(); ++i)
    CHECK(list.commands[i].offset >= list.commands[i - 1].offset);
  CHECK(list.commands.back().offset == 0xFFFFFFFF);
}

TEST_CASE("a trailing delta is no command and no error", "[protocol][midi_list]") {
  CHECK(reading("") == "");
  CHECK(reading("8100", true) == "");
  CHECK(reading("903c40 8100") == "0:903c40");
}

TEST_CASE("running status is cancelled by F0 to F7 and not by F8 to FF", "[protocol][midi_list]") {
  CHECK(reading("903c40 00 3d40 00 f8 00 3e40") == "0:903c40 0:903d40 0:f8 0:903e40");
  CHECK(reading("903c40 00 f9 00 3e40") == "0:903c40 0:f9 0:903e40");
  for (std::string text : {"f07df7", "f7f4", "f105", "f20102", "f301", "f401f7", "f5f7", "f6"}) {
    INFO(text);
    CHECK(reading("903c40 00" + text + "00 3e40") == "0:903c40 0:" + text + " missing_status");
  }
}

TEST_CASE("every status takes the data octets that it has", "[protocol][midi_list]") {
  CHECK(reading("853c00 00 9f3c40 00 a03c01 00 b30740 00 c105 00 d07f 00 e00040") ==
        "0:853c00 0:9f3c40 0:a03c01 0:b30740 0:c105 0:d07f 0:e00040");
  CHECK(reading("f135 00 f20102 00 f305 00 f6 00 f8 00 fa 00 fb 00 fc 00 fe 00 ff") ==
        "0:f135 0:f20102 0:f305 0:f6 0:f8 0:fa 0:fb 0:fc 0:fe 0:ff");
}

TEST_CASE("SysEx segments are told apart by head and tail", "[protocol][midi_list]") {
  auto bytes =
      hex("f07df7 00 f0f7 00 f001f0 00 f8 00 f702f0 00 f703f7 00 f704f5 00 f7f4 00 f005f5");
  auto list = read_list(bytes);
  CHECK_FALSE(list.error);
  std::vector<command_kind> kinds;
  for (auto& command : list.commands)
    kinds.push_back(command.kind);
  using enum command_kind;
  CHECK(kinds == std::vector{sysex, sysex, sysex_first, midi, sysex_middle, sysex_last, sysex_last,
                             sysex_cancel, sysex});
  CHECK_FALSE(list.commands[5].dropped_f7);
  CHECK(list.commands[6].dropped_f7);
  CHECK(list.commands[8].dropped_f7);
}

TEST_CASE("a cancel with data inside is a cancel", "[protocol][midi_list]") {
  CHECK(reading("f7 0102 f4 00 f8") == "0:f7f4 0:f8");
}

TEST_CASE("a list that breaks a rule ends there and keeps what came before",
          "[protocol][midi_list]") {
  auto [text, result] = GENERATE(table<std::string, std::string>({
      {"3c40", "missing_status"},
      {"f8 00 3c40", "0:f8 missing_status"},
      {"903c40 00 90", "0:903c40 truncated"},
      {"903c40 00 903c", "0:903c40 truncated"},
      {"903c40 00 3e", "0:903c40 truncated"},
      {"903c40 81", "0:903c40 truncated"},
      {"903c40 8080808080 00 f8", "0:903c40 bad_delta_time"},
      {"90f840", "stray_status"},
      {"f8 00 903c80", "0:f8 stray_status"},
      {"f8 00 f290", "0:f8 stray_status"},
      {"f8 00 f0", "0:f8 bad_system_exclusive"},
      {"f8 00 f00102", "0:f8 bad_system_exclusive"},
      {"f8 00 f001f4", "0:f8 bad_system_exclusive"},
      {"f8 00 f001f802f7", "0:f8 bad_system_exclusive"}, // real-time within a segment
      {"f8 00 f00190", "0:f8 bad_system_exclusive"},
      {"f8 00 f7", "0:f8 bad_system_exclusive"},
      {"f8 00 f7f8", "0:f8 bad_system_exclusive"}, // a sole F7
      {"f8 00 f401", "0:f8 truncated"},
      {"f8 00 f401f8", "0:f8 stray_status"},
  }));
  INFO(text);
  CHECK(reading(text) == result);
}

TEST_CASE("SysEx sequences put together give the messages that were sent",
          "[protocol][midi_list]") {
  for (auto& vector : load_vectors("sysex_sequence")) {
    INFO(vector["id"]);
    reassembler messages;
    for (std::string text : vector["meaning"]["lists"]) {
      auto bytes = hex(text);
      auto list = read_list(bytes);
      CHECK_FALSE(list.error);
      for (auto& command : list.commands)
        messages.take(command);
    }
    CHECK(messages.emitted == vector["meaning"]["emits"].get<std::vector<std::string>>());
  }
}

TEST_CASE("every prefix of a list tells a prefix of its commands", "[protocol][midi_list]") {
  for (auto file : {"rtp_plain", "running_status", "sysex", "quirk"}) {
    for (auto& vector : load_vectors(file)) {
      INFO(vector["id"]);
      auto key = vector["layer"] == "rtp" ? "hex" : "packet_hex";
      auto datagram = hex(vector[key].get<std::string>());
      auto packet = decode_rtp_packet(datagram);
      REQUIRE(packet);
      auto whole = read_list(packet->list, packet->first_delta);
      for (std::size_t size = 0; size < packet->list.size(); ++size) {
        octets prefix(packet->list.begin(), packet->list.begin() + std::ptrdiff_t(size));
        auto part = read_list(prefix, packet->first_delta);
        REQUIRE(part.commands.size() <= whole.commands.size());
        for (std::size_t i = 0; i < part.commands.size(); ++i) {
          CHECK(part.commands[i].offset == whole.commands[i].offset);
          CHECK(bytes_of(part.commands[i]) == bytes_of(whole.commands[i]));
        }
      }
    }
  }
}

TEST_CASE("any octets are read to an end, inside the list", "[protocol][midi_list]") {
  static constexpr std::uint8_t likely[] = {0x00, 0x3C, 0x80, 0x90, 0xC0, 0xF0, 0xF1, 0xF2,
                                            0xF4, 0xF5, 0xF7, 0xF8, 0xF9, 0xFF, 0x81, 0x7F};
  std::mt19937 random(2);
  for (int round = 0; round < 20000; ++round) {
    octets bytes(random() % 24);
    for (auto& octet : bytes)
      octet = random() % 8 ? likely[random() % 16] : static_cast<std::uint8_t>(random());
    auto list = read_list(bytes, random() % 2);
    std::uint32_t before = 0;
    bool good = true;
    for (auto& command : list.commands) {
      good = good && command.offset >= before && command.status >= 0x80;
      before = command.offset;
      if (command.kind == command_kind::midi)
        good = good && command.data.size() + 1 == short_message_size(command.status);
      for (auto octet : command.data)
        good = good && octet < 0x80;
    }
    INFO(to_hex(bytes));
    REQUIRE(good);
    REQUIRE(list.commands.size() <= bytes.size());
  }
}
