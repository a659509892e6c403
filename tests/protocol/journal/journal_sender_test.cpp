// What the sender writes, against journals built from the RFC's definitions, and octet by octet.
#include "protocol/journal/journal_sender.hpp"
#include "protocol/parameter_state.hpp"
#include "protocol/sequence_tracker.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/journal_json.hpp"
#include "tests/support/midi_bytes.hpp"
#include "tests/support/random_performance.hpp"
#include "tests/support/reference_journal.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

/// A sender that is given MIDI as bytes, and whose journals come as octets.
class byte_sender {
public:
  explicit byte_sender(std::size_t room = 1400)
      : room_(room) {}

  /// The packet's journal, and then its commands.
  octets send(const std::string& midi) {
    auto journal = code();
    for (const auto& message : messages_of(hex(midi)))
      sender.record(message, next);
    ++next;
    return journal;
  }
  octets guard() { return send(""); }

  octets code() {
    octets journal(room_);
    journal.resize(sender.encode(journal, next, now));
    return journal;
  }

  journal_sender sender;
  std::uint32_t next = 0x10000;
  hub_time now{};

private:
  std::size_t room_;
};

} // namespace

TEST_CASE("journals are what the RFC's definitions make of the history", "[protocol][journal]") {
  std::uint64_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    random_performance random(seed);
    reference_journal reference;
    journal_sender sender;
    octets room(16000);
    std::uint32_t first = 0x1FFF0; // the low half wraps on the way
    std::uint32_t checkpoint = first;
    for (std::uint32_t packet = first; packet < first + 60; ++packet) {
      auto size = sender.encode(room, packet, hub_time{});
      auto written = size > 0
                         ? journal_json(octets(room.begin(), room.begin() + std::ptrdiff_t(size)))
                         : json();
      auto wanted = packet > checkpoint ? reference.journal(checkpoint, packet) : json();
      if (written != wanted) {
        INFO("seed " << seed << " packet " << packet);
        CHECK(written == wanted);
        return;
      }
      ++compared;
      for (const auto& message : random.next_packet()) {
        auto is_parameter =
            message.is_channel_voice() && (message.status() & 0xF0) == 0xB0 &&
            (is_parameter_select(message.data1()) || is_parameter_data(message.data1()));
        auto is_told_elsewhere = message.is_sysex() || message.status() == 0xF1 ||
                                 message.status() == 0xF2 || message.status() == 0xF8 ||
                                 (message.status() >= 0xFA && message.status() <= 0xFC);
        if (is_parameter || is_told_elsewhere)
          continue;
        sender.record(message, packet);
        reference.add(packet, message, checkpoint);
      }
      if (random.chance(0.1)) {
        checkpoint = std::max(checkpoint, packet + 1 - random.below(20));
        sender.acknowledge(checkpoint - 1);
        CHECK(sender.checkpoint() == checkpoint);
      }
    }
  }
  CHECK(compared == 150 * 60);
}

TEST_CASE("a journal that was prepared is the one that would have been written anyway",
          "[protocol][journal]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    random_performance random(seed);
    journal_sender prepared, other;
    octets room(1400), other_room(1400);
    hub_time now{};
    for (std::uint32_t packet = 0x1FFF0; packet < 0x1FFF0 + 80; ++packet) {
      auto limit = random.chance(0.1) ? journal_sender::least_room : room.size();
      auto size = prepared.encode(std::span(room).first(limit), packet, now);
      auto other_size = other.encode(std::span(other_room).first(limit), packet, now);
      INFO("seed " << seed << " packet " << packet);
      REQUIRE(std::equal(room.begin(), room.begin() + std::ptrdiff_t(size), other_room.begin(),
                         other_room.begin() + std::ptrdiff_t(other_size)));
      for (const auto& message : random.next_packet()) {
        prepared.record(message, packet);
        other.record(message, packet);
      }
      if (random.chance(0.8))
        prepared.prepare(packet + 1);
      if (random.chance(0.1)) {
        auto heard = packet - random.below(20);
        prepared.acknowledge(heard);
        other.acknowledge(heard);
      }
      now += std::chrono::milliseconds(random.below(100));
    }
  }
}

TEST_CASE("the first packet has no journal, the next one tells of it", "[protocol][journal]") {
  byte_sender to;
  CHECK(to.send("90 3c 64") == hex(""));
  CHECK(to.sender.checkpoint() == 0x10000);
  // S=0 as it concerns the packet before; A=1, one channel; N: B=1, one log, no OFFBITS, Y=1.
  CHECK(to.send("80 3c 40") == hex("20 0000  00 07 08  81 f1 3c e4"));
  // Now the note is off: OFFBITS of octet 7, bit 3; B=0 tells that it is new.
  CHECK(to.guard() == hex("20 0000  00 06 08  00 77 08"));
  // One packet later it is not: S and B are 1 everywhere.
  CHECK(to.guard() == hex("a0 0000  80 06 08  80 77 08"));
}

TEST_CASE("feedback moves the checkpoint and empties the journal", "[protocol][journal]") {
  byte_sender to;
  to.next = 0x1FFFE;
  to.send("c0 05");
  to.send("e0 00 50");
  to.sender.acknowledge(0x1FFFE);
  CHECK(to.sender.checkpoint() == 0x1FFFF);
  CHECK(to.guard() == hex("20 ffff  00 05 10  00 50"));
  to.sender.acknowledge(0x1FFFE); // again, and old: nothing
  to.sender.acknowledge(0x1FFF0);
  CHECK(to.sender.checkpoint() == 0x1FFFF);
  CHECK_FALSE(to.sender.empty());
  to.sender.acknowledge(0x20000); // after the wrap of the 16 bits
  CHECK(to.sender.checkpoint() == 0x20001);
  CHECK(to.sender.empty());
  CHECK(to.guard() == hex(""));
}

TEST_CASE("a program is told with the bank that was selected before it", "[protocol][journal]") {
  byte_sender to;
  to.send("b0 00 02  b0 20 03  c0 05  b0 20 07");
  // P: program 5, bank 2/3. C: the bank select as it is now, oldest first.
  CHECK(to.code() == hex("20 0000  00 0b c0  05 82 03  01 00 02 20 07"));
  to.send("b0 79 00  c0 06");
  // X: a CC 121 came since that bank select; the LSB is that of before the Program Change.
  auto meaning = journal_json(to.code());
  CHECK(meaning["channels"][0]["chapters"]["P"].dump() ==
        R"({"B":1,"S":0,"X":1,"bank_lsb":7,"bank_msb":2,"program":6})");
}

TEST_CASE("parameters are told by their transactions", "[protocol][journal]") {
  byte_sender to;
  SECTION("a pending MSB") {
    to.send("b0 63 03");
    CHECK(to.code() == hex("20 0000  00 06 20  40 03 83"));
  }
  SECTION("a parameter in progress, with a short header as all MSB are 0 and all are registered") {
    to.send("b0 65 00  b0 64 02  b0 06 40");
    // E=1 U=1 Z=1 LENGTH 5; LSB 2, flags J and V, ENTRY-MSB.
    CHECK(to.code() == hex("20 0000  00 08 20  34 05  02 82 40"));
  }
  SECTION("entry MSB and LSB, closed by the null parameter") {
    to.send("b0 63 01  b0 62 02  b0 06 40  b0 26 10  b0 63 7f  b0 62 7f");
    // W=1; LSB 2, Q=1 MSB 1, flags J, K and V.
    CHECK(to.code() == hex("20 0000  00 0a 20  08 07  02 81 c2 40 10"));
  }
  SECTION("buttons are counted since the latest entry, and anew since CC 121") {
    to.send("b0 65 00  b0 64 01  b0 06 40  b0 60 00  b0 60 00  b0 61 00");
    to.send("b0 79 00");
    to.send("b0 65 00  b0 64 01  b0 61 00  b0 61 00");
    auto m = journal_json(to.code())["channels"][0]["chapters"]["M"];
    CHECK(m["logs"][0].dump() == R"({"S":0,"T":0,"V":1,"a_button":-1,"a_button_X":0,"c_button":-2,)"
                                 R"("entry_msb":64,"entry_msb_X":1,"lsb":1,"msb":0,"nrpn":0})");
    CHECK(m["E"] == 1);
  }
  SECTION("data while nothing is selected is that of general controllers") {
    to.send("b0 06 11  b0 65 7f  b0 64 7f  b0 26 12");
    CHECK(to.code() == hex("20 0000  00 0a 60  01 06 11 26 12  00 02"));
  }
  SECTION("LSB first selects as well as MSB first") {
    to.send("b0 64 01  b0 65 00");
    // P=1 PENDING 0, and a log that tells the LSB.
    CHECK(to.code() == hex("20 0000  00 08 20  54 05  00  01 02"));
    auto m = journal_json(to.code())["channels"][0]["chapters"]["M"];
    CHECK(m["P"] == 1);
    CHECK(m["pending"] == 0);
    CHECK(m["logs"].size() == 1);
    CHECK(m["logs"][0]["lsb"] == 1);
  }
}

TEST_CASE("transport and time code are told as they stand", "[protocol][journal]") {
  byte_sender to;
  SECTION("a Start whose first clock is to come") {
    to.send("fa");
    CHECK(to.code() == hex("40 0000  10 03  40"));
  }
  SECTION("three clocks on, the third one played") {
    to.send("fa f8 f8 f8");
    CHECK(to.code() == hex("40 0000  10 05  70 0002"));
  }
  SECTION("continued at a song position") {
    to.send("f2 04 01 fb");
    CHECK(to.code() == hex("40 0000  10 05  50 0318"));
  }
  SECTION("stopped") {
    to.send("fa f8 f8 fc");
    CHECK(to.code() == hex("40 0000  10 05  30 0001"));
  }
  SECTION("clocks of a stopped sequencer change nothing and are not told") {
    to.send("f8 f8");
    CHECK(to.code() == hex(""));
  }
  SECTION("a full frame") {
    to.send("f0 7f 7f 01 01 21 02 03 04 f7");
    // F: C=1, POINT 7. X: its number alone.
    CHECK(to.code() == hex("40 0000  0c 09  47 21 02 03 04  25 01"));
  }
  SECTION("a series of quarter frames, forward, is two frames later when it ends") {
    to.send("f1 04 f1 10 f1 23 f1 30 f1 42 f1 50 f1 61 f1 72");
    CHECK(to.code() == hex("40 0000  08 07  57 60 30 20 12"));
  }
  SECTION("an unfinished series") {
    to.send("f1 04 f1 11");
    CHECK(to.code() == hex("40 0000  08 07  21 41 00 00 00"));
  }
  SECTION("a series backwards") {
    to.send("f1 72 f1 61");
    CHECK(to.code() == hex("40 0000  08 07  2e 00 00 00 12"));
  }
  SECTION("a series that means nothing") {
    to.send("f1 23");
    CHECK(to.code() == hex("40 0000  08 03  07"));
  }
}

TEST_CASE("SysEx is told with its number, and whole if it is short", "[protocol][journal]") {
  byte_sender to;
  to.send("f0 01 02 03 f7");
  // List tool, finished, COUNT 1, the last data octet with bit 7.
  CHECK(to.code() == hex("40 0000  04 07  2f 01 01 02 83"));
  to.send("f0 04 f7");
  // The first log's S is the chapter's, 0; that of the second is its own.
  CHECK(to.code() == hex("40 0000  04 0a  2f 01 01 02 83  2f 02 84"));
  to.guard();
  CHECK(to.code() == hex("c0 0000  84 0a  af 01 01 02 83  af 02 84"));
}

TEST_CASE("a long SysEx is told by its number alone", "[protocol][journal]") {
  byte_sender to;
  std::string data;
  for (int i = 0; i < 200; ++i)
    data += "11 ";
  to.send("f0 " + data + "f7");
  CHECK(to.code() == hex("40 0000  04 04  27 01"));
}

TEST_CASE("a reset ends the history of what came before", "[protocol][journal]") {
  byte_sender to;
  to.send("90 3c 64  b1 07 50  fa");
  to.send("ff");
  CHECK(to.code() == hex("40 0000  40 04  40 01"));
  to.send("f0 7e 7f 09 01 f7  91 40 40");
  CHECK(journal_json(to.code())["channels"].size() == 1);
}

TEST_CASE("128 notes are told by LOW 15 and HIGH 0", "[protocol][journal]") {
  byte_sender to;
  std::string midi;
  for (int note = 0; note < 128; ++note)
    midi += "90 " + to_hex(octets{static_cast<std::uint8_t>(note)}) + " 40 ";
  to.send(midi);
  auto journal = to.code();
  auto n = journal_json(journal)["channels"][0]["chapters"]["N"];
  CHECK(n["low"] == 15);
  CHECK(n["high"] == 0);
  CHECK(n["logs"].size() == 128);
}

TEST_CASE("a journal never exceeds its room, and a short one claims to cover nothing",
          "[protocol][journal]") {
  random_performance random(7);
  random.be_dense();
  journal_sender sender;
  for (std::uint32_t packet = 0x10000; packet < 0x10000 + 300; ++packet) {
    std::size_t size = random.below(700);
    octets room(size + 1, 0xEE);
    auto used = sender.encode(std::span(room).first(size), packet, hub_time{});
    REQUIRE(used <= size);
    CHECK(room[size] == 0xEE);
    auto shortened = sender.counters().shortened;
    if (used > 0) {
      auto meaning = journal_json(octets(room.begin(), room.begin() + std::ptrdiff_t(used)));
      for (const auto& channel : meaning.value("channels", json::array()))
        for (const auto& [letter, chapter] : channel["chapters"].items())
          CHECK_FALSE(chapter.is_null());
      auto claims_nothing = meaning["checkpoint"] == (packet & 0xFFFF);
      CHECK(claims_nothing == (shortened > 0 && packet > 0x10000 && claims_nothing));
    }
    for (const auto& message : random.next_packet())
      sender.record(message, packet);
  }
  CHECK(sender.counters().shortened > 100);
}

TEST_CASE("what had no room is not taken for acknowledged", "[protocol][journal]") {
  byte_sender to(11); // one octet too few
  to.send("90 3c 64  e0 00 50");
  // N goes first; the checkpoint is the packet itself.
  CHECK(to.guard() == hex("20 0001  00 07 08  81 f1 3c e4"));
  to.sender.acknowledge(0x10001);
  CHECK_FALSE(to.sender.empty());
  // The wheel is left, with S=0 as nobody may skip it; the checkpoint reaches back to it.
  CHECK(to.guard() == hex("20 0000  00 05 10  00 50"));
  to.sender.acknowledge(0x10001);
  CHECK_FALSE(to.sender.empty());
  to.sender.acknowledge(0x10002);
  CHECK(to.sender.empty());
}

TEST_CASE("only Active Sensing is not worth a guard packet", "[protocol][journal]") {
  byte_sender to;
  to.send("fe");
  CHECK_FALSE(to.sender.empty());
  CHECK_FALSE(to.sender.worth_guarding());
  to.send("f8 fa");
  CHECK(to.sender.worth_guarding());
}

TEST_CASE("a note is played late only while it is young", "[protocol][journal]") {
  byte_sender to;
  to.send("90 3c 64");
  to.now += std::chrono::milliseconds(200);
  CHECK(to.guard().back() == 0xE4);
  to.now += std::chrono::milliseconds(200);
  CHECK(to.guard().back() == 0x64);
}

TEST_CASE("a silent peer's journal is bounded, and says honestly how far it reaches",
          "[protocol][journal]") {
  journal_sender sender;
  random_performance random(3);
  random.be_dense();
  octets room(1400);
  hub_time now{};
  for (std::uint32_t packet = 0x10000; packet < 0x10000 + 400; ++packet) {
    now += std::chrono::milliseconds(50);
    auto size = sender.encode(room, packet, now);
    if (now > hub_time(std::chrono::milliseconds(10100)))
      REQUIRE(size <= journal_sender_options{}.silent_peer_octets);
    for (const auto& message : random.next_packet())
      sender.record(message, packet);
  }
  CHECK(sender.counters().forgotten > 0);
  CHECK(precedes(0x10000, sender.checkpoint()));
  // With the first feedback it gets whole journals again.
  sender.acknowledge(0x10000 + 398);
  CHECK(sender.checkpoint() == 0x10000 + 399);
}

TEST_CASE("an idle channel costs little memory", "[protocol][journal]") {
  byte_sender to;
  for (int i = 0; i < 50; ++i) {
    to.send("90 3c 64  b0 07 40");
    to.send("80 3c 40");
    to.sender.acknowledge(to.next - 1);
  }
  CHECK(to.sender.memory() < 800);
}
