#include "actors/midi_json.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti;
using nlohmann::json;
using protocol::make_short;
using protocol::ump;

namespace {

std::vector<ump> read(const char* text) {
  config::mistakes found;
  auto out = read_messages(json::parse(text), "/messages", found);
  for (const auto& one : found)
    UNSCOPED_INFO(one.sentence());
  CHECK(found.empty());
  return out;
}

config::mistakes mistakes_of(const std::string& text) {
  config::mistakes found;
  read_messages(json::parse(text), "/messages", found);
  return found;
}

} // namespace

TEST_CASE("each message is told by its name and fields", "[actors][midi_json]") {
  CHECK(message_json(make_short(0x93, 60, 100)) ==
        R"({"type":"note_on","channel":4,"note":60,"velocity":100})");
  CHECK(message_json(make_short(0xE0, 0, 64)) == R"({"type":"pitch_bend","channel":1,"value":0})");
  CHECK(message_json(make_short(0xEF, 0, 0)) ==
        R"({"type":"pitch_bend","channel":16,"value":-8192})");
  CHECK(message_json(make_short(0xC2, 7)) == R"({"type":"program","channel":3,"program":7})");
  CHECK(message_json(make_short(0xF2, 1, 2)) == R"({"type":"song_position","value":257})");
  CHECK(message_json(make_short(0xF8)) == R"({"type":"clock"})");
  CHECK(message_json(make_short(0x90, 1, 2, 3)) ==
        R"({"type":"note_on","channel":1,"group":4,"note":1,"velocity":2})");
  std::array<std::uint8_t, 3> octets{0x7E, 0x7F, 0x06};
  auto chunk = protocol::make_sysex(protocol::sysex_form::start, octets);
  CHECK(message_json(chunk) == R"({"type":"sysex","form":"start","data":"7E 7F 06"})");
  CHECK(message_octets(chunk) == "F0 7E 7F 06");
  CHECK(message_octets(make_short(0xC2, 7)) == "C2 07");
  CHECK(json::parse(message_json(ump{{0x40903C00, 0x80000000}}))["type"] == "ump");
}

TEST_CASE("what is told can be read again", "[actors][midi_json]") {
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    auto status = static_cast<std::uint8_t>(0x80 + random() % 0x80);
    auto size = protocol::short_message_size(status);
    if (size == 0 || status == 0xF4 || status == 0xF5 || status == 0xF9 || status == 0xFD)
      continue;
    auto message = make_short(status, size > 1 ? random() % 128 : 0, size > 2 ? random() % 128 : 0);
    auto told = "[" + message_json(message) + ",\"" + message_octets(message) + "\"]";
    INFO(told);
    CHECK(read(told.c_str()) == std::vector<ump>{message, message});
  }
}

TEST_CASE("octets may hold several messages", "[actors][midi_json]") {
  CHECK(read(R"(["903C64 80 3c 00", "F8"])") ==
        std::vector<ump>{make_short(0x90, 60, 100), make_short(0x80, 60), make_short(0xF8)});
  CHECK(read(R"([{"type":"sysex","data":"7E 7F 06 01"}, "F0 01 02 03 04 05 06 07 F7"])").size() ==
        3);
}

TEST_CASE("every mistake is told with its place", "[actors][midi_json]") {
  auto found = mistakes_of(R"([{"type":"note_on","channel":17,"note":-1,"velocity":"x","vel":1},
                               {"type":"nothing"}, 7, "90", "3C 64", "F0 01", "zz", "", {},
                               "90 3C F6", "F0 90 3C 64", {"type":"sysex"},
                               {"type":"sysex","data":"F7"}, {"type":"clock","channel":1},
                               {"type":"note_on","channel":1e99,"note":1.5,"velocity":null},
                               {"type":"program","channel":1,"program":18446744073709551615}])");
  std::vector<std::string> paths;
  for (const auto& one : found)
    paths.push_back(one.path);
  CHECK(paths == std::vector<std::string>{
                     "/messages/0/channel", "/messages/0/note",      "/messages/0/velocity",
                     "/messages/0/vel",     "/messages/1/type",      "/messages/2",
                     "/messages/3",         "/messages/4",           "/messages/5",
                     "/messages/6",         "/messages/7",           "/messages/8",
                     "/messages/9",         "/messages/10",          "/messages/11/data",
                     "/messages/12/data",   "/messages/13/channel",  "/messages/14/channel",
                     "/messages/14/note",   "/messages/14/velocity", "/messages/15/program"});
  for (auto text : {"{}", "[]", "null", "\"90 3C 64\"", "7"})
    CHECK(mistakes_of(text).size() == 1);
}
