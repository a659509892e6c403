// Whole RTP-MIDI packets against captures and other projects' tests: header, section, commands, and
// where the journal lies. The grammar of the list has its own file, midi_list_test.cpp.
#include "protocol/rtp_packet.hpp"

#include "tests/support/midi_list.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;
using nlohmann::json;

namespace {

octets octets_of(const json& vector, const char* key) {
  return hex(vector[key].get<std::string>());
}

/// All vectors that are a packet, or for which the file holds a packet around the fragment.
std::vector<json> packet_vectors() {
  std::vector<json> all;
  for (auto file : {"rtp_header", "rtp_plain", "running_status", "delta_time", "sysex", "malformed",
                    "quirk", "journal", "journal_repair"})
    for (auto& vector : load_vectors(file))
      if (vector["layer"] == "rtp" || vector.contains("packet_hex"))
        all.push_back(vector);
  return all;
}

octets packet_of(const json& vector) {
  return octets_of(vector, vector["layer"] == "rtp" ? "hex" : "packet_hex");
}

/// What went wrong with a packet or with its list, if anything did.
std::optional<decode_error> error_of(byte_view datagram) {
  auto packet = decode_rtp_packet(datagram);
  if (!packet)
    return packet.error();
  return read_list(packet->list, packet->first_delta).error;
}

std::string kind_of(const midi_command& command) {
  switch (command.kind) {
  case command_kind::midi: return "midi";
  case command_kind::sysex: return command.dropped_f7 ? "sysex_dropped_f7" : "sysex";
  case command_kind::sysex_first: return "sysex_first";
  case command_kind::sysex_middle: return "sysex_middle";
  case command_kind::sysex_last: return "sysex_last";
  case command_kind::sysex_cancel: return "sysex_cancel";
  case command_kind::undefined: return "undefined";
  }
  return "";
}

void check_command(const midi_command& command, const json& expected) {
  CHECK(command.delta == expected["delta"]);
  CHECK(command.delta_octets == expected["delta_octets"]);
  CHECK(command.offset == expected["offset"]);
  CHECK(kind_of(command) == expected["kind"]);
  CHECK(to_hex(bytes_of(command)) == expected["bytes"]);
  CHECK(command.running == expected.value("running", false));
  if (expected.contains("data"))
    CHECK(to_hex(command.data) == expected["data"]);
}

void check_section(const rtp_packet& packet, const json& expected) {
  CHECK(packet.has_journal == (expected["J"] == 1));
  CHECK(packet.first_delta == (expected["Z"] == 1));
  CHECK(packet.phantom == (expected["P"] == 1));
  CHECK(packet.list.size() == expected["len"]);
  CHECK((packet.has_journal || packet.journal.empty())); // whatever stands after the list
  auto list = read_list(packet.list, packet.first_delta);
  CHECK_FALSE(list.error);
  auto commands = expected["commands"];
  if (!commands.empty() && commands.back()["kind"] == "empty")
    commands.erase(commands.size() - 1); // a trailing delta: no command
  REQUIRE(list.commands.size() == commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    INFO("command " << i);
    check_command(list.commands[i], commands[i]);
  }
}

void check_header(const rtp_packet& packet, const json& expected) {
  CHECK(packet.header.marker == (expected["M"] == 1));
  CHECK(packet.header.sequence == expected["seq"]);
  CHECK(packet.header.timestamp == expected["timestamp"]);
  CHECK(packet.header.ssrc == expected["ssrc"]);
}

/// The journal starts where its header can be read, and ends with the packet (less padding).
void check_journal_span(const rtp_packet& packet, const octets& datagram, const json& meaning) {
  CHECK(packet.journal.data() == packet.list.data() + packet.list.size());
  CHECK(packet.journal.data() + packet.journal.size() ==
        datagram.data() + datagram.size() - meaning.value("padding", 0u));
  byte_reader reader(packet.journal);
  auto flags = reader.u8();
  auto checkpoint = reader.u16();
  REQUIRE(reader.ok());
  auto& journal = meaning["journal"];
  CHECK(flags >> 7 == journal["S"]);
  CHECK((flags >> 6 & 1) == journal["Y"]);
  CHECK((flags >> 5 & 1) == journal["A"]);
  CHECK((flags >> 4 & 1) == journal["H"]);
  CHECK((flags & 15) == journal["totchan"]);
  CHECK(checkpoint == journal["checkpoint"]);
}

/// The reason that a vector's own words name.
decode_error reason_of(const json& vector) {
  static const std::vector<std::pair<std::string, decode_error>> reasons{
      {"RTP version", decode_error::bad_rtp_version},
      {"truncated: RTP header", decode_error::truncated},
      {"RTP padding count 0", decode_error::bad_padding},
      {"truncated: MIDI list", decode_error::bad_section_length},
      {"data octet 3c with no running status", decode_error::missing_status},
      {"no MIDI list form", decode_error::bad_system_exclusive},
  };
  std::string error = vector["meaning"]["error"];
  for (auto& [start, reason] : reasons)
    if (error.rfind(start, 0) == 0)
      return reason;
  throw std::runtime_error("a reason that no test knows: " + error);
}

} // namespace

TEST_CASE("RTP-MIDI vectors decode to their meaning", "[protocol][rtp_packet]") {
  for (auto& vector : packet_vectors()) {
    if (!vector["valid"])
      continue;
    INFO(vector["id"]);
    auto datagram = packet_of(vector);
    auto& meaning = vector["meaning"];
    auto packet = decode_rtp_packet(datagram);
    REQUIRE(packet);
    if (vector["layer"] == "rtp") {
      check_header(*packet, meaning);
      check_section(*packet, meaning["section"]);
      CHECK(packet->has_journal == meaning.contains("journal"));
      if (meaning.contains("journal"))
        check_journal_span(*packet, datagram, meaning);
    } else if (vector["layer"] == "command_section") {
      check_section(*packet, meaning);
    } else {
      // A fragment of a journal, which a packet with no commands was made around.
      auto fragment = octets_of(vector, "hex");
      CHECK(packet->list.empty());
      REQUIRE(packet->journal.size() >= fragment.size());
      CHECK(to_hex(packet->journal.last(fragment.size())) == to_hex(fragment));
    }
  }
}

TEST_CASE("malformed RTP-MIDI vectors are refused for the reason that they name",
          "[protocol][rtp_packet]") {
  for (auto& vector : packet_vectors()) {
    if (vector["valid"] || vector["category"] == "quirk")
      continue;
    INFO(vector["id"]);
    auto datagram = packet_of(vector);
    if (vector["sub"] == "journal") {
      // Whatever is wrong with a journal, the list before it stands.
      auto packet = decode_rtp_packet(datagram);
      REQUIRE(packet);
      CHECK(packet->has_journal);
      CHECK_FALSE(read_list(packet->list, packet->first_delta).error);
    } else {
      CHECK(error_of(datagram) == reason_of(vector));
    }
  }
}

// A peer writes a negative delta in five octets. Read as four, the fifth is taken for a status and
// the packet is lost.
TEST_CASE("negative deltas of real peers mean the same time", "[protocol][rtp_packet]") {
  unsigned seen = 0;
  for (auto& vector : load_vectors("quirk")) {
    if (vector["sub"] != "delta5")
      continue;
    INFO(vector["id"]);
    ++seen;
    auto& meaning = vector["meaning"];
    auto datagram = packet_of(vector);
    auto packet = decode_rtp_packet(datagram);
    REQUIRE(packet);
    CHECK(packet->has_journal);
    auto list = read_list(packet->list);
    CHECK_FALSE(list.error);
    REQUIRE(list.commands.size() == meaning["tolerant_commands"].size());
    bool negative = false;
    for (std::size_t i = 0; i < list.commands.size(); ++i) {
      auto& command = list.commands[i];
      CHECK(to_hex(bytes_of(command)) == meaning["tolerant_commands"][i]);
      if (command.delta_octets == 5) {
        negative = true;
        CHECK(static_cast<std::int32_t>(command.delta) == meaning["tolerant_first_delta"]);
        CHECK(command.offset == list.commands[i - 1].offset);
      }
    }
    CHECK(negative);
  }
  CHECK(seen == 2);
}

TEST_CASE("every prefix of a packet is refused or tells the same list", "[protocol][rtp_packet]") {
  for (auto& vector : packet_vectors()) {
    INFO(vector["id"]);
    auto datagram = packet_of(vector);
    auto whole = decode_rtp_packet(datagram);
    if (!whole)
      continue;
    for (std::size_t size = 0; size < datagram.size(); ++size) {
      INFO("prefix of " << size);
      // A buffer of its own, exactly as long, so that the sanitizer sees every octet too many.
      octets prefix(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(size));
      auto packet = decode_rtp_packet(prefix);
      bool list_whole =
          prefix.size() >= std::size_t(whole->list.data() - datagram.data()) + whole->list.size();
      if (datagram[0] & 0x20) // the last octet is now taken for the padding count
        continue;
      REQUIRE(bool(packet) == list_whole);
      if (!packet)
        CHECK((packet.error() == decode_error::truncated ||
               packet.error() == decode_error::bad_section_length));
      else
        CHECK(to_hex(packet->list) == to_hex(whole->list));
    }
  }
}

TEST_CASE("a packet written from what was read reads the same", "[protocol][rtp_packet]") {
  for (auto& vector : packet_vectors()) {
    INFO(vector["id"]);
    auto datagram = packet_of(vector);
    auto packet = decode_rtp_packet(datagram);
    if (!packet)
      continue;
    auto before = read_list(packet->list, packet->first_delta);
    auto list = write_list(before.commands);
    // Z=0 puts the first command at the packet's time, so that time takes the first delta.
    auto first = before.commands.empty() ? 0 : before.commands[0].offset;
    octets buffer(2000);
    byte_writer writer(buffer);
    encode_rtp_header(
        {true, packet->header.sequence, packet->header.timestamp + first, packet->header.ssrc},
        writer);
    encode_section_header(list.size(), packet->has_journal, writer);
    writer.bytes(list);
    writer.bytes(packet->journal);
    REQUIRE(writer.ok());

    auto again = decode_rtp_packet(writer.written());
    REQUIRE(again);
    CHECK(again->header.sequence == packet->header.sequence);
    CHECK(again->header.timestamp == packet->header.timestamp + first);
    CHECK(again->header.ssrc == packet->header.ssrc);
    CHECK_FALSE(again->header.marker);
    CHECK(again->has_journal == packet->has_journal);
    CHECK(to_hex(again->journal) == to_hex(packet->journal));
    auto after = read_list(again->list, again->first_delta);
    CHECK_FALSE(after.error);
    REQUIRE(after.commands.size() == before.commands.size());
    for (std::size_t i = 0; i < after.commands.size(); ++i) {
      CHECK(after.commands[i].offset + first == before.commands[i].offset);
      CHECK(after.commands[i].kind == before.commands[i].kind);
      CHECK(after.commands[i].running == before.commands[i].running);
      CHECK(to_hex(bytes_of(after.commands[i])) == to_hex(bytes_of(before.commands[i])));
    }
  }
}

TEST_CASE("plain packets of macOS, rtpMIDI and rtpmidid are written octet for octet",
          "[protocol][rtp_packet]") {
  unsigned seen = 0;
  for (auto& vector : load_vectors("rtp_plain")) {
    if (vector["origin"] != "capture" || vector["layer"] != "rtp")
      continue;
    INFO(vector["id"]);
    ++seen;
    auto datagram = octets_of(vector, "hex");
    auto packet = decode_rtp_packet(datagram);
    REQUIRE(packet);
    octets buffer(datagram.size());
    byte_writer writer(buffer);
    encode_rtp_header(packet->header, writer);
    encode_section_header(packet->list.size(), packet->has_journal, writer);
    writer.bytes(write_list(read_list(packet->list).commands));
    CHECK(writer.ok());
    CHECK(to_hex(writer.written()) == to_hex(datagram));
  }
  CHECK(seen >= 10);
}

TEST_CASE("each reason to refuse a packet is given", "[protocol][rtp_packet]") {
  auto [text, reason] = GENERATE(table<std::string, decode_error>({
      {"", decode_error::truncated},
      {"8061 0001 00000000 11223344", decode_error::truncated},             // no section header
      {"8061 0001 00000000 11223344 80", decode_error::truncated},          // half a section header
      {"8261 0001 00000000 11223344 55667788 00", decode_error::truncated}, // second CSRC cut off
      {"9061 0001 00000000 11223344 0000 0002 00000000", decode_error::truncated}, // extension cut
      {"9061 0001 00000000 11223344 0000", decode_error::truncated},
      {"a061 0001 00000000 11223344 01", decode_error::truncated}, // padding is all there is
      {"c061 0001 00000000 11223344 00", decode_error::bad_rtp_version},
      {"8060 0001 00000000 11223344 00", decode_error::bad_payload_type},
      {"a061 0001 00000000 11223344 00 00", decode_error::bad_padding},
      {"a061 0001 00000000 11223344 00 03", decode_error::bad_padding},
      {"a061 0001 00000000 11223344 03 903c40 01 03", decode_error::bad_section_length},
      {"8061 0001 00000000 11223344 04 903c40", decode_error::bad_section_length},
      {"8061 0001 00000000 11223344 8fff 903c40", decode_error::bad_section_length},
  }));
  INFO(text);
  auto packet = decode_rtp_packet(hex(text));
  REQUIRE_FALSE(packet);
  CHECK(packet.error() == reason);
}

TEST_CASE("CSRCs, an extension and padding are skipped together", "[protocol][rtp_packet]") {
  auto datagram = hex("b161 0001 00000000 11223344 55667788 bede 0001 01020304 03 903c40 0000 03");
  auto packet = decode_rtp_packet(datagram);
  REQUIRE(packet);
  CHECK(to_hex(packet->list) == "903c40");
  CHECK(packet->journal.empty());
}

TEST_CASE("up to fifteen CSRCs are skipped", "[protocol][rtp_packet]") {
  auto datagram = hex("8f61 0001 00000000 11223344");
  datagram.resize(datagram.size() + 15 * 4, 0xEE);
  for (auto octet : hex("03 903c40"))
    datagram.push_back(octet);
  auto packet = decode_rtp_packet(datagram);
  REQUIRE(packet);
  CHECK(to_hex(packet->list) == "903c40");
}

TEST_CASE("a journal that J announces and that is absent leaves the list standing",
          "[protocol][rtp_packet]") {
  auto packet = decode_rtp_packet(hex("8061 0001 00000000 11223344 43 903c40"));
  REQUIRE(packet);
  CHECK(packet->has_journal);
  CHECK(packet->journal.empty());
}

TEST_CASE("the section header takes one octet up to a length of 15", "[protocol][rtp_packet]") {
  auto [length, journal, text] = GENERATE(table<std::size_t, bool, std::string>({
      {0, false, "00"},
      {15, true, "4f"},
      {16, false, "8010"},
      {max_midi_list, true, "cfff"},
  }));
  std::array<std::uint8_t, 2> buffer{};
  byte_writer writer(buffer);
  encode_section_header(length, journal, writer);
  CHECK(to_hex(writer.written()) == text);
}
