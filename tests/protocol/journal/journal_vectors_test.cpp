// Journals of other projects and of captured peers, field by field.
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/sysex_chapter.hpp"
#include "protocol/journal/system_chapters.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/journal_json.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

/// What follows the MIDI list of an RTP packet without CSRC, extension or padding.
octets journal_of(const octets& packet) {
  auto section = packet.at(12);
  REQUIRE((packet[0] & 0x3F) == 0);
  REQUIRE((section & 0x40) != 0);
  auto is_long = (section & 0x80) != 0;
  std::size_t length = is_long ? (section & 15u) << 8 | packet.at(13) : section & 15u;
  auto begin = packet.begin() + 13 + (is_long ? 1 : 0) + static_cast<std::ptrdiff_t>(length);
  return {begin, packet.end()};
}

json decoded_as(const std::string& layer, const octets& bytes) {
  byte_reader reader(bytes);
  if (layer == "journal")
    return journal_json(bytes);
  if (layer == "channel_journal")
    return channel_json(reader);
  if (layer == "system_journal")
    return system_json(reader);
  auto letter = layer.at(layer.size() - 1);
  auto is_system = std::string("DVQFX").find(letter) != std::string::npos;
  auto chapter = chapter_json(letter, !is_system, reader);
  REQUIRE(reader.empty());
  return chapter;
}

/// Decodes whatever the bytes are; AddressSanitizer sees a read past the end of this copy.
void decode_all(const std::string& layer, const octets& bytes) {
  octets exact(bytes);
  exact.shrink_to_fit();
  if (layer == "rtp" || layer == "journal") {
    journal_json(exact);
    return;
  }
  byte_reader reader(exact);
  if (layer == "channel_journal")
    channel_json(reader);
  else if (layer == "system_journal")
    system_json(reader);
  else
    chapter_json(layer.at(layer.size() - 1), false, reader);
}

} // namespace

TEST_CASE("journals mean what independent decoders say", "[protocol][journal]") {
  auto count = 0;
  for (const auto& file : {"journal", "quirk"})
    for (const auto& vector : load_vectors(file)) {
      std::string layer = vector["layer"];
      auto of_packet = layer == "rtp";
      const json& meaning =
          of_packet ? vector["meaning"].value("journal", json()) : vector["meaning"];
      if (meaning.is_null() || layer == "command_section")
        continue;
      INFO(vector["id"]);
      auto bytes = hex(vector["hex"].get<std::string>());
      auto shown = of_packet ? journal_json(journal_of(bytes)) : decoded_as(layer, bytes);
      CHECK(shown == meaning);
      ++count;
    }
  CHECK(count == 46);
}

TEST_CASE("a journal that is cut off anywhere is refused or read short, never overrun",
          "[protocol][journal]") {
  for (const auto& vector : load_vectors("journal")) {
    std::string layer = vector["layer"];
    auto bytes = hex(vector["hex"].get<std::string>());
    if (layer == "rtp")
      bytes = journal_of(bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      decode_all(layer, octets(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

TEST_CASE("every strict prefix of a chapter of fixed meaning is refused", "[protocol][journal]") {
  for (const auto& vector : load_vectors("journal")) {
    std::string layer = vector["layer"];
    if (layer.rfind("chapter_", 0) != 0 || layer == "chapter_X")
      continue; // a prefix of Chapter X may end between two logs
    INFO(vector["id"]);
    auto bytes = hex(vector["hex"].get<std::string>());
    auto is_system = std::string("DVQF").find(layer.back()) != std::string::npos;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      byte_reader reader(byte_view(bytes).first(size));
      CHECK(chapter_json(layer.back(), !is_system, reader).is_null());
    }
  }
}

TEST_CASE("a part whose LENGTH is shorter than its header is refused", "[protocol][journal]") {
  auto system = hex("80 01");
  byte_reader system_reader(system);
  CHECK(decode_system_journal(system_reader).error() == decode_error::bad_journal_length);
  auto channel = hex("80 02 00");
  byte_reader channel_reader(channel);
  CHECK(decode_channel_journal(channel_reader).error() == decode_error::bad_journal_length);
}

TEST_CASE("LOW above HIGH is refused in Chapter N but for the two ways to say none",
          "[protocol][journal]") {
  for (auto range = 0; range < 256; ++range) {
    octets bytes(2 + 16, 0);
    bytes[1] = static_cast<std::uint8_t>(range);
    auto low = range >> 4;
    auto high = range & 15;
    byte_reader reader(bytes);
    auto chapter = decode_chapter_n(reader);
    INFO("range " << range);
    CHECK(static_cast<bool>(chapter) == (low <= high || range == 0xF0 || range == 0xF1));
    if (chapter)
      CHECK(chapter->off_bits.size() == (low <= high ? std::size_t(high - low + 1) : 0));
  }
}

TEST_CASE("SysEx data without an end mark is refused", "[protocol][journal]") {
  auto bytes = hex("8b 01 02 03");
  byte_reader reader(bytes);
  CHECK(decode_chapter_x(reader).error() == decode_error::bad_chapter);
}

TEST_CASE("the first SysEx log's S is told by the second as well", "[protocol][journal]") {
  // The chapter's S (0) stands in the first log; its own is 1, as the second one's is.
  auto bytes = hex("2b 01 81 ab 02 82 2b 03 83");
  byte_reader reader(bytes);
  auto chapter = decode_chapter_x(reader);
  REQUIRE(chapter);
  CHECK_FALSE(chapter->s);
  sysex_log_reader logs(*chapter);
  std::vector<bool> s;
  for (sysex_log log; logs.next(log);)
    s.push_back(log.s);
  CHECK(s == std::vector<bool>{true, true, false});
}
