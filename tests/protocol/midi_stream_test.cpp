// MIDI 1.0 byte streams against vectors of other projects, and what peers make of ours.
#include "protocol/midi_stream.hpp"

#include "tests/support/hex.hpp"
#include "tests/support/midi_messages.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

using messages = std::vector<std::string>;

std::vector<ump> parse(std::string_view text) {
  midi_stream_parser parser;
  std::vector<ump> packets;
  parser.parse(hex(text), packets);
  return packets;
}

octets write(const std::vector<ump>& packets) {
  midi_stream_writer writer;
  octets bytes;
  for (auto& packet : packets)
    writer.write(packet, bytes);
  writer.reset(bytes);
  return bytes;
}

midi_stream_counters counters_after(std::string_view text) {
  midi_stream_parser parser;
  std::vector<ump> packets;
  parser.parse(hex(text), packets);
  return parser.counters();
}

/// Mostly what streams are made of, a little of everything else.
octets random_stream(std::mt19937& random) {
  static constexpr std::uint8_t likely[] = {0x00, 0x3C, 0x40, 0x7F, 0x90, 0x80, 0xC5, 0xE1,
                                            0xF0, 0xF0, 0xF7, 0xF8, 0xFE, 0xF2, 0xF4, 0xF6};
  octets bytes(random() % 64);
  for (auto& octet : bytes) {
    auto kind = random() % 8;
    octet = kind < 4   ? static_cast<std::uint8_t>(random() % 128)
            : kind < 7 ? likely[random() % 16]
                       : static_cast<std::uint8_t>(random());
  }
  return bytes;
}

std::vector<ump> only(const std::vector<ump>& packets, bool real_time) {
  std::vector<ump> chosen;
  for (auto& packet : packets)
    if (packet.is_real_time() == real_time)
      chosen.push_back(packet);
  return chosen;
}

bool has_cancelled(const std::vector<ump>& packets) {
  for (auto& packet : packets)
    if (packet.is_sysex() && packet.form() == sysex_form::cancelled)
      return true;
  return false;
}

} // namespace

TEST_CASE("MIDI stream vectors parse to their messages", "[protocol][midi_stream]") {
  for (auto& vector : load_vectors("midi_stream")) {
    auto& meaning = vector["meaning"];
    if (meaning["parser"] != "midi1")
      continue;
    INFO(vector["id"]);
    auto packets = parse(vector["hex"].get<std::string>());
    CHECK(messages_of(packets) == meaning["messages"].get<messages>());
    if (!meaning.contains("umps"))
      continue;
    messages words; // each word apart, two to a SysEx packet
    for (auto& packet : packets)
      for (std::size_t i = 0; i < (packet.is_sysex() ? 2u : 1u); ++i) {
        octets word(4);
        byte_writer(word).u32(packet.words[i]);
        words.push_back(to_hex(word));
      }
    CHECK(words == meaning["umps"].get<messages>());
  }
}

TEST_CASE("a message may be split at any octet", "[protocol][midi_stream]") {
  for (auto& vector : load_vectors("midi_stream")) {
    INFO(vector["id"]);
    auto bytes = hex(vector["hex"].get<std::string>());
    auto whole = parse(vector["hex"].get<std::string>());
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      midi_stream_parser parser;
      std::vector<ump> packets;
      // Buffers of their own, exactly as long, so that the sanitizer sees every octet too many.
      parser.parse(octets(bytes.begin(), bytes.begin() + std::ptrdiff_t(split)), packets);
      parser.parse(octets(bytes.begin() + std::ptrdiff_t(split), bytes.end()), packets);
      CHECK(packets == whole);
    }
  }
}

TEST_CASE("the tests' mido reads as mido does", "[protocol][midi_stream]") {
  for (auto& vector : load_vectors("midi_stream")) {
    if (vector["meaning"]["parser"] != "mido")
      continue;
    INFO(vector["id"]);
    CHECK(read_as_mido(hex(vector["hex"].get<std::string>())) ==
          vector["meaning"]["messages"].get<messages>());
  }
}

TEST_CASE("mido reads in our stream the messages that we wrote", "[protocol][midi_stream]") {
  for (auto& vector : load_vectors("midi_stream")) {
    INFO(vector["id"]);
    auto packets = parse(vector["hex"].get<std::string>());
    CHECK(read_as_mido(write(packets)) == messages_of(packets, cancelled_sysex::end));
  }
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    midi_stream_parser parser;
    std::vector<ump> packets;
    parser.parse(random_stream(random), packets);
    parser.reset(packets);
    REQUIRE(read_as_mido(write(packets)) == messages_of(packets, cancelled_sysex::end));
  }
}

TEST_CASE("what is written parses to the same events", "[protocol][midi_stream]") {
  std::mt19937 random(4);
  for (int round = 0; round < 20000; ++round) {
    auto stream = random_stream(random);
    INFO(to_hex(stream));
    midi_stream_parser parser;
    std::vector<ump> packets;
    parser.parse(stream, packets);
    parser.reset(packets);
    std::vector<ump> again;
    midi_stream_parser second;
    second.parse(write(packets), again);
    REQUIRE_FALSE(second.in_sysex());
    REQUIRE(messages_of(again) == messages_of(packets, cancelled_sysex::end));
    // Real-time may move within a SysEx chunk; apart from that, packet for packet.
    REQUIRE(only(again, true) == only(packets, true));
    if (!has_cancelled(packets))
      REQUIRE(only(again, false) == only(packets, false));
    auto& counters = second.counters();
    REQUIRE(counters.stray_data + counters.undefined_status + counters.unfinished_message +
                counters.cancelled_sysex ==
            0);
  }
}

TEST_CASE("what breaks the rules of a stream is counted", "[protocol][midi_stream]") {
  CHECK(counters_after("3c40").stray_data == 2);
  CHECK(counters_after("903c40 f6 3c").stray_data == 1);
  CHECK(counters_after("f4 f5 f9 fd").undefined_status == 4);
  CHECK(counters_after("903c 803c40").unfinished_message == 1);
  CHECK(counters_after("90 90 3c40").unfinished_message == 1);
  CHECK(counters_after("903c40 3e f6").unfinished_message == 1);
  CHECK(counters_after("903c40 803c40 f8 c005").unfinished_message == 0);
  CHECK(counters_after("f001 903c40").cancelled_sysex == 1);
  CHECK(counters_after("f001 f002f7").cancelled_sysex == 1);
  CHECK(counters_after("f001 f8 fe f9 f7").cancelled_sysex == 0);
  CHECK(counters_after("f001 f7 f7").stray_data == 0);
}

TEST_CASE("a status inside SysEx cancels what is already out", "[protocol][midi_stream]") {
  auto packets = parse("f0 01020304050607 903c40");
  REQUIRE(packets.size() == 3);
  CHECK(packets[0].form() == sysex_form::start);
  CHECK(packets[1].form() == sysex_form::cancelled);
  CHECK(packets[1].sysex_size() == 0);
  CHECK(packets[2] == make_short(0x90, 0x3C, 0x40));
  CHECK(parse("f0 0102 903c40").size() == 1); // nothing was out yet
}

TEST_CASE("real-time passes an open SysEx and a half-read message", "[protocol][midi_stream]") {
  CHECK(messages_of(parse("90 f8 3c fe 40")) == messages{"f8", "fe", "903c40"});
  CHECK(messages_of(parse("f0 01 f8 02 f7")) == messages{"f8", "f00102f7"});
}

TEST_CASE("a SysEx over the limit is cancelled and skipped to its end", "[protocol][midi_stream]") {
  midi_stream_parser parser(10);
  std::vector<ump> packets;
  parser.parse(hex("f0 000102030405060708 09 f7"), packets);
  CHECK(messages_of(packets) == messages{"f000010203040506070809f7"});
  packets.clear();
  parser.parse(hex("f0 000102030405060708 09 0a"), packets);
  CHECK_FALSE(parser.in_sysex());
  parser.parse(hex("0b f8 0c f7 903c40"), packets);
  CHECK(messages_of(packets) == messages{"f8", "903c40"});
  CHECK(packets[1].form() == sysex_form::cancelled);
  CHECK(parser.counters().oversize_sysex == 1);
  CHECK(parser.counters().stray_data == 0);
}

TEST_CASE("a status ends the skipping of an oversize SysEx", "[protocol][midi_stream]") {
  midi_stream_parser parser(2);
  std::vector<ump> packets;
  parser.parse(hex("f0 00010203 903c40 f0 01 f7"), packets);
  CHECK(messages_of(packets) == messages{"903c40", "f001f7"});
  CHECK(parser.counters().cancelled_sysex == 0);
}

TEST_CASE("a reset cancels an open SysEx and forgets running status", "[protocol][midi_stream]") {
  midi_stream_parser parser;
  std::vector<ump> packets;
  parser.parse(hex("f0 01020304050607"), packets);
  CHECK(parser.in_sysex());
  parser.reset(packets);
  CHECK_FALSE(parser.in_sysex());
  REQUIRE(packets.size() == 2);
  CHECK(packets[1].form() == sysex_form::cancelled);
  parser.parse(hex("903c40"), packets);
  parser.reset(packets);
  parser.parse(hex("3e40"), packets);
  CHECK(packets.size() == 3);
  CHECK(parser.counters().stray_data == 2);
}

TEST_CASE("the parser marks its packets with its group", "[protocol][midi_stream]") {
  midi_stream_parser parser(1000, 5);
  std::vector<ump> packets;
  parser.parse(hex("903c40 f8 f6 f001f7"), packets);
  REQUIRE(packets.size() == 4);
  for (auto& packet : packets)
    CHECK(packet.group() == 5);
}

TEST_CASE("the writer sends full status and closes SysEx before anything but real-time",
          "[protocol][midi_stream]") {
  auto data = hex("010203");
  auto start = make_sysex(sysex_form::start, data);
  auto note = make_short(0x90, 0x3C, 0x40);
  CHECK(to_hex(write({note, note})) == "903c40903c40");
  CHECK(to_hex(write({start, make_short(0xF8), make_sysex(sysex_form::end, data)})) ==
        "f0010203f8010203f7");
  CHECK(to_hex(write({start, note})) == "f0010203f7903c40");
  CHECK(to_hex(write({start, start})) == "f0010203f7f0010203f7");
  CHECK(to_hex(write({start, make_sysex(sysex_form::cancelled, {}), note})) == "f0010203f7903c40");
  CHECK(to_hex(write({make_sysex(sysex_form::complete, {})})) == "f0f7");
}

TEST_CASE("the writer skips what MIDI 1.0 cannot say", "[protocol][midi_stream]") {
  auto data = hex("0102");
  std::vector<ump> skipped{
      ump{},                         // utility
      ump{{0x40903C00, 0xFFFF0000}}, // MIDI 2.0 voice
      ump{{0x20F00000}},             // no channel status
      ump{{0x10900000}},             // no system status
      ump{{0x10F00000}},
      ump{{0x10F70000}}, // SysEx is type 3
      make_short(0xF4),
      make_short(0xFD),                      // undefined
      make_sysex(sysex_form::proceed, data), // their start is missing
      make_sysex(sysex_form::end, data),
      make_sysex(sysex_form::cancelled, {}),
      make_sysex(static_cast<sysex_form>(7), data),
  };
  CHECK(write(skipped).empty());
}
