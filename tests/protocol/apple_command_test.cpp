// AppleMIDI commands against packets from real peers and other projects' tests.
#include "protocol/apple_command.hpp"

#include "tests/support/hex.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti::protocol;
using namespace tutti::test;
using nlohmann::json;

namespace {

/// The reason that a vector's own words name.
decode_error reason_of(const json& vector) {
  std::string error = vector["meaning"]["error"];
  if (error.find("truncated") == 0)
    return decode_error::truncated;
  if (error.find("unknown command") == 0)
    return decode_error::unknown_command;
  if (error.find("CK count") == 0)
    return decode_error::bad_clock_step;
  if (error == "no FFFF signature")
    return decode_error::not_apple_midi;
  throw std::runtime_error("a reason that no test knows: " + error);
}

std::string letters_of(invitation_kind kind) {
  switch (kind) {
  case invitation_kind::invite: return "IN";
  case invitation_kind::accept: return "OK";
  case invitation_kind::refuse: return "NO";
  case invitation_kind::goodbye: return "BY";
  }
  return "";
}

/// The vector's meaning with the keys that decide nothing taken out.
json expected_meaning(json meaning) {
  for (auto key :
       {"version", "name_nul_terminated", "padding", "upper16", "lower16", "acknowledged_seq"})
    meaning.erase(key);
  if (meaning.contains("name") && meaning["name"].is_null())
    meaning["name"] = "";
  return meaning;
}

json meaning_of(const apple_command& command) {
  if (auto* invited = std::get_if<invitation>(&command))
    return {{"command", letters_of(invited->kind)},
            {"token", invited->token},
            {"ssrc", invited->ssrc},
            {"name", invited->name}};
  if (auto* clock = std::get_if<clock_exchange>(&command))
    return {{"command", "CK"},        {"ssrc", clock->ssrc},    {"count", clock->step},
            {"ts1", clock->times[0]}, {"ts2", clock->times[1]}, {"ts3", clock->times[2]}};
  if (auto* feedback = std::get_if<receiver_feedback>(&command))
    return {{"command", "RS"}, {"ssrc", feedback->ssrc}, {"field32", feedback->field}};
  auto& limit = std::get<bitrate_limit>(command);
  return {{"command", "RL"}, {"ssrc", limit.ssrc}, {"bitrate", limit.bits_per_second}};
}

octets encode(const apple_command& command) {
  std::array<std::uint8_t, max_apple_command> buffer{};
  byte_writer writer(buffer);
  encode_apple_command(command, writer);
  REQUIRE(writer.ok());
  return {writer.written().begin(), writer.written().end()};
}

std::vector<json> all_vectors() {
  std::vector<json> all;
  for (auto file : {"session", "clock_sync", "feedback"})
    for (auto& vector : load_vectors(file))
      all.push_back(vector);
  for (auto& vector : load_vectors("malformed"))
    if (vector["layer"] == "applemidi")
      all.push_back(vector);
  return all;
}

octets invitation_named(const octets& name) {
  auto datagram = hex("ffff 'IN' 00000002 00000001 00000002");
  datagram.insert(datagram.end(), name.begin(), name.end());
  return datagram;
}

std::string decoded_name(const octets& name) {
  auto command = decode_apple_command(invitation_named(name));
  REQUIRE(command);
  return std::get<invitation>(*command).name;
}

} // namespace

TEST_CASE("AppleMIDI vectors decode to their meaning", "[protocol][apple_command]") {
  for (auto& vector : all_vectors()) {
    INFO(vector["id"]);
    auto& meaning = vector["meaning"];
    auto command = decode_apple_command(hex(vector["hex"].get<std::string>()));
    if (!vector["valid"]) {
      REQUIRE_FALSE(command);
      CHECK(command.error() == reason_of(vector));
    } else if (meaning.value("version", 2) != 2) {
      REQUIRE_FALSE(command);
      CHECK(command.error() == decode_error::bad_protocol_version);
    } else {
      REQUIRE(command);
      CHECK(meaning_of(*command) == expected_meaning(meaning));
    }
  }
}

TEST_CASE("every prefix of a command is refused until its name begins",
          "[protocol][apple_command]") {
  for (auto& vector : all_vectors()) {
    INFO(vector["id"]);
    auto whole = hex(vector["hex"].get<std::string>());
    auto full = decode_apple_command(whole);
    if (!full)
      continue;
    auto* invited = std::get_if<invitation>(&*full);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      INFO("prefix of " << size);
      // A buffer of its own, exactly as long, so that the sanitizer sees every octet too many.
      octets prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      auto command = decode_apple_command(prefix);
      if (!invited || size < 16) {
        REQUIRE_FALSE(command);
        CHECK(command.error() == decode_error::truncated);
      } else {
        REQUIRE(command);
        CHECK(std::get<invitation>(*command).ssrc == invited->ssrc);
      }
    }
  }
}

TEST_CASE("what was decoded encodes to the same command", "[protocol][apple_command]") {
  for (auto& vector : all_vectors()) {
    INFO(vector["id"]);
    auto datagram = hex(vector["hex"].get<std::string>());
    auto command = decode_apple_command(datagram);
    if (!command)
      continue;
    auto again = encode(*command);
    // NO and BY go out without the name, CK without the garbage in its padding.
    auto* invited = std::get_if<invitation>(&*command);
    if (auto* kind = invited; kind && kind->kind >= invitation_kind::refuse)
      datagram.resize(16);
    if (std::holds_alternative<clock_exchange>(*command))
      std::fill(datagram.begin() + 9, datagram.begin() + 12, std::uint8_t(0));
    CHECK(to_hex(again) == to_hex(datagram));
  }
}

TEST_CASE("each reason to refuse an AppleMIDI command is given", "[protocol][apple_command]") {
  auto [text, reason] = GENERATE(table<std::string, decode_error>({
      {"", decode_error::truncated},
      {"ffff 'CK' 00000001 00", decode_error::truncated},
      {"ffff 'RL' 00000001 0000", decode_error::truncated},
      {"8061 0001", decode_error::not_apple_midi},
      {"ffff 'XX' 00000001", decode_error::unknown_command},
      {"ffff 'IN' 00000003 00000001 00000002 'a' 00", decode_error::bad_protocol_version},
      {"ffff 'OK' 00000001 00000001 00000002", decode_error::bad_protocol_version},
  }));
  INFO(text);
  auto command = decode_apple_command(hex(text));
  REQUIRE_FALSE(command);
  CHECK(command.error() == reason);
}

TEST_CASE("a refusal or goodbye counts in any protocol version", "[protocol][apple_command]") {
  for (auto text : {"ffff 'NO' 00000003 00000001 00000002", "ffff 'BY' 00000000 00000001 00000002"})
    CHECK(decode_apple_command(hex(text)));
}

TEST_CASE("octets after a command are ignored", "[protocol][apple_command]") {
  CHECK(decode_apple_command(hex("ffff 'RS' 00000001 00020000 dead")));
  CHECK(decode_apple_command(hex("ffff 'RL' 00000001 00020000 00")));
}

TEST_CASE("a name ends at its first NUL or with the datagram", "[protocol][apple_command]") {
  CHECK(decoded_name(hex("'Anna' 00")) == "Anna");
  CHECK(decoded_name(hex("'Anna'")) == "Anna");
  CHECK(decoded_name(hex("'Anna' 00 'garbage' ff")) == "Anna");
  CHECK(decoded_name(hex("00")).empty());
  CHECK(decoded_name({}).empty());
}

TEST_CASE("what is not UTF-8 in a name becomes U+FFFD", "[protocol][apple_command]") {
  auto [text, name] = GENERATE(table<std::string, std::string>({
      {"ff 'a'", "\uFFFDa"},                       // no lead octet
      {"80", "\uFFFD"},                            // a tail alone
      {"c0 af", "\uFFFD\uFFFD"},                   // overlong '/'
      {"e0 80 80", "\uFFFD\uFFFD\uFFFD"},          // overlong NUL
      {"f0 80 80 80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, // the same in four octets
      {"ed a0 80", "\uFFFD\uFFFD\uFFFD"},          // a surrogate
      {"f4 90 80 80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, // above U+10FFFF
      {"e2 82 'a'", "\uFFFDa"},                    // cut within a character
      {"f0 9f 8e", "\uFFFD"},                      // ends within a character
      {"e2 82 ac f0 9f 8e b9", "\u20AC\U0001F3B9"},
  }));
  INFO(text);
  CHECK(decoded_name(hex(text)) == name);
}

TEST_CASE("control characters in a name become blanks", "[protocol][apple_command]") {
  CHECK(decoded_name(hex("'a' 1b '[2J' 0a 'b' 7f c2 9b 'c'")) == "a [2J b  c");
  CHECK(decoded_name(hex("c2 a0")) == "\u00A0");
}

TEST_CASE("a long name is cut between characters", "[protocol][apple_command]") {
  auto name = octets(max_kept_name - 1, 'x');
  for (auto octet : hex("c3a4 c3a4"))
    name.push_back(octet);
  CHECK(decoded_name(name) == std::string(max_kept_name - 1, 'x'));
  CHECK(decoded_name(octets(60000, 'y')).size() == max_kept_name);
  CHECK(clean_name("\u20AC\u20AC", 5) == "\u20AC");
  CHECK(clean_name("abc", 0).empty());
}

TEST_CASE("clean names are UTF-8 and stay as they are", "[protocol][apple_command]") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 80, '\0');
    for (auto& octet : text)
      octet = static_cast<char>(random() % 4 ? random() : 0xC0 + random() % 64);
    auto limit = random() % 90;
    auto name = clean_name(text, limit);
    CHECK(name.size() <= limit);
    CHECK(clean_name(name, limit) == name);
    CHECK_NOTHROW(json(name).dump()); // which throws on anything but UTF-8
  }
}

TEST_CASE("a sent name is cut and ends with NUL", "[protocol][apple_command]") {
  auto datagram = encode(invitation{invitation_kind::accept, 1, 2, std::string(500, 'n')});
  CHECK(datagram.size() == max_apple_command);
  CHECK(datagram.back() == 0);
  CHECK(encode(invitation{invitation_kind::invite, 1, 2, ""}).size() == 17);
}

TEST_CASE("a command that does not fit fails the writer", "[protocol][apple_command]") {
  std::array<std::uint8_t, 16> buffer{};
  for (apple_command command : {apple_command{invitation{}}, apple_command{clock_exchange{}}}) {
    byte_writer writer(buffer);
    encode_apple_command(command, writer);
    CHECK_FALSE(writer.ok());
  }
}

TEST_CASE("feedback acknowledges the number that real peers mean", "[protocol][apple_command]") {
  for (auto& vector : load_vectors("feedback")) {
    INFO(vector["id"]);
    auto command = decode_apple_command(hex(vector["hex"].get<std::string>()));
    REQUIRE(command);
    auto* feedback = std::get_if<receiver_feedback>(&*command);
    if (!feedback)
      continue; // RL stands in the same file
    std::uint16_t sequence = vector["meaning"]["acknowledged_seq"];
    auto lowest = static_cast<std::uint16_t>(sequence - 3);
    auto highest = static_cast<std::uint16_t>(sequence + 3);
    auto found = acknowledged_sequence(feedback->field, lowest, highest);
    CHECK(found.found);
    CHECK(found.sequence == sequence);
  }
}

TEST_CASE("feedback outside the window acknowledges nothing", "[protocol][apple_command]") {
  auto found = [](std::uint32_t field, unsigned lowest, unsigned highest) {
    return acknowledged_sequence(field, static_cast<std::uint16_t>(lowest),
                                 static_cast<std::uint16_t>(highest));
  };
  CHECK_FALSE(found(0x00050006, 7, 9).found);
  CHECK(found(0x00070008, 7, 9).sequence == 7); // the upper half wins
  CHECK(found(0x00060009, 7, 9).sequence == 9);
  CHECK(found(0xFFFF1234, 0xFFFE, 2).sequence == 0xFFFF); // across the wrap
  CHECK(found(0x00021234, 0xFFFE, 2).sequence == 2);
  CHECK_FALSE(found(0x00031234, 0xFFFE, 2).found);
  CHECK(found(0, 0, 0).found);
}
