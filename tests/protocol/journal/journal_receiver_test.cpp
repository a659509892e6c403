// What a receiver makes of a loss, case by case.
#include "protocol/journal/journal_receiver.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/midi_bytes.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

using strings = std::vector<std::string>;

/// A receiver that is at packet `packet` (16 bits; extended 0x10000 more).
class byte_receiver {
public:
  void deliver(const std::string& midi) {
    for (const auto& message : messages_of(hex(midi)))
      receiver.deliver(message, packet);
  }
  /// The next packets are lost; the one after them has this journal.
  strings lose(std::uint32_t count, const std::string& journal, bool late = false) {
    packet += count + 1;
    return examine({arrival_kind::gap, packet, count}, journal, late);
  }
  strings next(const std::string& journal) {
    ++packet;
    return examine({arrival_kind::next, packet, 0}, journal, false);
  }
  strings examine(const packet_arrival& arrival, const std::string& journal, bool late) {
    repairs.clear();
    outcome = receiver.repair(hex(journal), arrival, late, hub_time(std::chrono::seconds(7)),
                              repairs, counters, errors);
    return bytes_of(repairs);
  }
  std::uint64_t count(journal_chapter chapter) const {
    return counters.events[static_cast<std::size_t>(chapter)];
  }
  std::uint64_t count(decode_error error) const { return errors[static_cast<std::size_t>(error)]; }

  journal_receiver receiver;
  std::uint32_t packet = 0x10000 + 5;
  repair_counters counters;
  decode_error_counters errors{};
  std::vector<event> repairs;
  open_sysex outcome = open_sysex::untouched;
};

} // namespace

TEST_CASE("without a loss a journal is only passed by", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.next("20 0005 00 07 08 81 f1 3c e4").empty());
  CHECK(peer.counters.journals == 0);
}

TEST_CASE("repairs are events of the time and group asked for", "[protocol][journal]") {
  journal_receiver receiver({.group = 3});
  std::vector<event> repairs;
  repair_counters counters;
  decode_error_counters errors{};
  auto journal = hex("20 0005 00 09 18 00 50 81 f1 3c e4");
  receiver.repair(journal, {arrival_kind::gap, 0x10008, 2}, false, hub_time(std::chrono::hours(1)),
                  repairs, counters, errors);
  REQUIRE(repairs.size() == 2);
  for (const auto& repair : repairs) {
    CHECK(repair.at == hub_time(std::chrono::hours(1)));
    CHECK(repair.message.group() == 3);
  }
  CHECK(repairs[0].starts_list);
  CHECK_FALSE(repairs[1].starts_list);
}

TEST_CASE("the first packet of a stream is repaired like one after a loss", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.examine({arrival_kind::first, peer.packet, 0}, "20 0001 00 05 10 00 50", false) ==
        strings{"e00050"});
  CHECK(peer.counters.uncovered == 0);
}

TEST_CASE("a lost Note On is played if the sender says that it is young", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "20 0005 00 07 08 81 f1 3c e4") == strings{"903c64"});
  CHECK(peer.lose(2, "20 0005 00 07 08 81 f1 40 64").empty());       // Y=0
  CHECK(peer.lose(2, "20 0005 00 07 08 81 f1 41 e4", true).empty()); // the packet itself is late
  CHECK(peer.counters.skipped_notes == 2);
  // Played or not, they are down, and their Note Offs pass.
  CHECK(peer.lose(2, "20 0005 00 06 08 80 88 c0") == strings{"804040", "804140"});
}

TEST_CASE("a journal repairs a note once", "[protocol][journal]") {
  byte_receiver peer;
  const std::string journal = "20 0005 00 07 08 81 f1 3c e4";
  CHECK(peer.lose(2, journal).size() == 1);
  CHECK(peer.lose(2, journal).empty());
  CHECK(peer.lose(1, journal).empty());
}

TEST_CASE("after a single loss what has S=1 is not looked at", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(1, "a0 0005 80 05 10 80 50").empty());                       // at the header
  CHECK(peer.lose(1, "20 0005 80 05 10 80 50").empty());                       // at the channel
  CHECK(peer.lose(1, "20 0005 00 05 10 80 50").empty());                       // at the chapter
  CHECK(peer.lose(1, "20 0005 00 08 40 01 81 20 02 20") == strings{"b00220"}); // at the log
  CHECK(peer.lose(1, "20 0005 00 06 08 80 77 08").empty());                    // B of Chapter N
  CHECK(peer.lose(2, "a0 0005 80 05 10 80 50") == strings{"e00050"});          // after two it is
}

TEST_CASE("a note that sounds is ended as often as it was begun", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("90 3c 64  90 3c 64  90 3e 64");
  CHECK(peer.lose(2, "20 0005 00 06 08 80 77 08") == strings{"803c40", "803c40"});
  CHECK(peer.count(journal_chapter::n) == 2);
}

TEST_CASE("a hanging note is followed by what replaced it", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("90 3c 64"); // packet 5
  SECTION("same velocity, but ours is older than the checkpoint") {
    CHECK(peer.lose(2, "20 0006 00 07 08 81 f1 3c e4") == strings{"803c40", "903c64"});
  }
  SECTION("and too old to be played") {
    CHECK(peer.lose(2, "20 0006 00 07 08 81 f1 3c 64") == strings{"803c40"});
  }
  SECTION("another Note On of it is down") {
    CHECK(peer.lose(2, "20 0005 00 0a 0c 81 f1 3c e5 80 3c 02") == strings{"903c65"});
    CHECK(peer.receiver.state().channel(0)->held(60)->count == 2);
  }
  SECTION("nothing of it was lost") {
    CHECK(peer.lose(2, "20 0005 00 07 08 81 f1 3c e4").empty());
  }
}

TEST_CASE("a log with velocity 0 is no log", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "20 0005 00 07 08 81 f1 3c 80").empty());
}

TEST_CASE("a lost release of the pedal is played although it is down again",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 40 7f");
  CHECK(peer.lose(2, "20 0005 00 08 40 01 40 7f 40 83") == strings{"b04000", "b0407f"});
  CHECK(peer.lose(2, "20 0005 00 08 40 01 40 7f 40 83").empty());
  CHECK(peer.lose(2, "20 0005 00 08 40 01 40 00 40 84") == strings{"b04000"});
  // The toggle tool alone: 7 changes, so it is on.
  CHECK(peer.lose(2, "20 0005 00 06 40 00 40 87") == strings{"b0407f"});
}

TEST_CASE("mode messages are repaired by their number", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 7b 00  90 3c 64");
  CHECK(peer.lose(2, "20 0005 00 06 40 00 7b c1").empty());
  CHECK(peer.lose(2, "20 0005 00 06 40 00 7b c2") == strings{"b07b00"});
  CHECK_FALSE(peer.receiver.state().holds_notes());
  // With the value for those that have one.
  CHECK(peer.lose(2, "20 0005 00 08 40 01 7e c1 7e 03") == strings{"b07e03"});
}

TEST_CASE("mode messages without a number are repaired when ours is too old",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 7b 00  90 3c 64"); // packet 5
  CHECK(peer.lose(2, "20 0005 00 06 40 00 7b 00").empty());
  CHECK(peer.lose(2, "20 0007 00 06 40 00 7b 00") == strings{"b07b00"});
  // After a single loss S=0 tells that it was in the lost packet.
  CHECK(peer.lose(1, "20 0007 00 06 40 00 7b 00") == strings{"b07b00"});
}

TEST_CASE("resets and controllers are repaired in the order they were sent",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 01 10");
  CHECK(peer.lose(2, "20 0005 00 0a 40 02 79 c1 01 20 07 30") ==
        strings{"b07900", "b00120", "b00730"});
}

TEST_CASE("a program comes after its bank, and the bank select of later after both",
          "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "20 0005 00 0b c0 05 82 03 01 00 04 20 03") ==
        strings{"b00002", "b02003", "c005", "b00004"});
}

TEST_CASE("the same program of another bank is another program", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 00 01  c0 05");
  CHECK(peer.lose(2, "20 0005 00 09 c0 05 82 00 00 00 02") == strings{"b00002", "c005"});
}

TEST_CASE("a general data entry is not given to the selected parameter", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 65 00  b0 64 00  b0 06 02"); // pitch bend range, left open
  // The peer closed it and then used CC 6 for something else.
  CHECK(peer.lose(2, "20 0005 00 08 60 00 06 50 00 02") == strings{"b0657f", "b0647f", "b00650"});
  CHECK(peer.receiver.state()
            .channel(0)
            ->parameters()
            .find(parameter_kind::registered, 0, 0)
            ->entry_msb == 2);
}

TEST_CASE("a peer that knows no Chapter M may list parameters as controllers",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("b0 65 00  b0 64 00");
  CHECK(peer.lose(2, "20 0005 00 0a 40 02 65 00 64 00 06 05") == strings{"b00605"});
  CHECK(peer.lose(2, "20 0005 00 0a 40 02 06 05 65 7f 64 7f") == strings{"b0657f", "b0647f"});
  CHECK(peer.lose(2, "20 0005 00 0a 40 02 06 05 65 7f 64 7f").size() == 1); // 6 is unknown now
}

TEST_CASE("button presses are bounded, whatever a journal asks for", "[protocol][journal]") {
  byte_receiver peer;
  auto repairs = peer.lose(2, "20 0005 00 0a 20 30 07 02 00 22 3f ff");
  CHECK(repairs.size() == 2 + 128);
  CHECK(peer.lose(2, "20 0005 00 0a 20 30 07 02 00 22 bf ff").size() == 128);
}

TEST_CASE("a running sequencer is given the few clocks it missed", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("fa f8 f8");
  CHECK(peer.lose(2, "40 0005 10 05 70 00 03") == strings{"f8", "f8"});
  CHECK(peer.lose(2, "40 0005 10 05 30 00 04") == strings{"f8", "fc"}); // and stopped
  CHECK(peer.lose(2, "40 0005 10 03 40") == strings{"fa"});
  CHECK(peer.receiver.state().transport().next() == 0);
}

TEST_CASE("after more, it is sent to its place", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("fa f8 f8");
  CHECK(peer.lose(2, "40 0005 10 05 50 00 64") ==
        strings{"fc", "f21000", "fb", "f8", "f8", "f8", "f8"});
  CHECK(peer.lose(2, "40 0005 10 05 50 00 64").empty());
  // Backwards, and stopped between two sixteenths.
  CHECK(peer.lose(2, "40 0005 10 05 10 00 07") == strings{"fc", "f20100", "fb", "f8", "fc"});
  CHECK_FALSE(peer.receiver.state().transport().running());
  // Out of the reach of F2: only that it runs.
  CHECK(peer.lose(2, "40 0005 10 05 57 ff ff") == strings{"fb"});
}

TEST_CASE("a few lost quarter frames are sent again, more make a full frame",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("f0 7f 7f 01 01 21 02 03 04 f7  f1 04 f1 10"); // 25 fps, 1:02:03:04; pieces 0 and 1
  // The same time, pieces up to 3.
  CHECK(peer.lose(2, "40 0005 08 0b 63 21 02 03 04 40 33 00 00") ==
        strings{"f07f7f010121020304f7", "f104", "f110", "f123", "f133"});
  byte_receiver rolling;
  rolling.deliver("f1 04 f1 10 f1 23 f1 30 f1 42 f1 50 f1 61 f1 72  f1 06 f1 10 f1 23");
  CHECK(rolling.lose(2, "40 0005 08 0b 75 60 30 20 12 60 30 20 00") ==
        strings{"f130", "f142", "f150"});
  // The rest of this series and the beginning of the next: the time it told, two frames on.
  CHECK(rolling.lose(2, "40 0005 08 0b 71 80 30 20 12 80 00 00 00") ==
        strings{"f161", "f172", "f108", "f110"});
}

TEST_CASE("counts tell of a lost reset, tune request and Active Sensing", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("ff f6 fe  90 3c 64");
  CHECK(peer.lose(2, "40 0005 60 06 60 01 01 01").empty());
  CHECK(peer.lose(2, "40 0005 60 06 60 02 02 02") == strings{"ff", "f6", "fe"});
  CHECK_FALSE(peer.receiver.state().holds_notes());
  CHECK(peer.lose(2, "40 0005 40 04 10 07") == strings{"f307"});
  CHECK(peer.lose(2, "40 0005 40 04 10 07").empty());
}

TEST_CASE("undefined commands are read over", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "40 0005 40 0d 8f c0 03 01 a4 03 82 c2 03 c2 04").empty());
  CHECK(peer.errors == decode_error_counters{});
}

TEST_CASE("lost SysEx is played whole, once, in order", "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("f0 01 f7");
  const std::string journal = "40 0005 04 0c 2f 01 81 2f 02 82 2f 03 03 84";
  CHECK(peer.lose(2, journal) == strings{"f002f7", "f00304f7"});
  CHECK(peer.lose(2, journal).empty());
  // One that the journal only counts is gone; another that was called off is nothing to play.
  CHECK(peer.lose(2, "40 0005 04 06 27 04 25 05").empty());
  CHECK(peer.counters.lost_sysex == 1);
  peer.deliver("f0 06 f7"); // the sixth
  CHECK(peer.lose(2, "40 0005 04 06 2f 06 86").empty());
}

TEST_CASE("a SysEx that is being received ends with a loss", "[protocol][journal]") {
  byte_receiver peer;
  auto begin = make_sysex(sysex_form::start, hex("01 02"));
  peer.receiver.deliver(begin, peer.packet);
  SECTION("without a journal") {
    CHECK(peer.lose(1, "") == strings{"cancelled"});
    CHECK(peer.outcome == open_sysex::abandoned);
    CHECK(peer.counters.without == 1);
  }
  SECTION("but not if the only lost packet held nothing of it") {
    CHECK(peer.lose(1, "40 0005 04 04 a4 01").empty());
    CHECK(peer.outcome == open_sysex::untouched);
  }
  SECTION("it does if it was concerned") {
    CHECK(peer.lose(1, "40 0005 04 04 24 01") == strings{"cancelled"});
    // When it is over a later journal has it whole, without another loss.
    CHECK(peer.next("40 0005 04 04 24 01").empty());
    CHECK(peer.next("40 0005 04 07 2f 01 01 02 83") == strings{"f0010203f7"});
    CHECK(peer.next("40 0005 04 07 2f 01 01 02 83").empty());
  }
  SECTION("and goes on if the journal has what came so far") {
    CHECK(peer.lose(2, "40 0005 04 07 2c 01 01 02 83") == strings{"cancelled"});
    CHECK(peer.outcome == open_sysex::reopened);
    REQUIRE(peer.repairs.size() == 2);
    CHECK(peer.repairs[1].message.form() == sysex_form::start);
    CHECK(peer.repairs[1].message.sysex_size() == 3);
  }
}

TEST_CASE("a loss that the journal does not cover ends the notes it does not name",
          "[protocol][journal]") {
  byte_receiver peer; // at packet 5
  peer.deliver("90 3c 64  90 40 64  91 3c 64");
  CHECK(peer.lose(10, "20 000b 00 07 08 81 f1 40 64") == strings{"804040", "803c40", "813c40"});
  CHECK(peer.counters.uncovered == 1);
  CHECK(peer.receiver.state().channel(0)->held(64) != nullptr);
}

TEST_CASE("a peer whose checkpoint is its own packet says nothing by it", "[protocol][journal]") {
  byte_receiver peer; // macOS, when it has invited
  peer.deliver("90 3c 64  90 40 64");
  CHECK(peer.lose(3, "20 0009 00 06 08 80 77 08") == strings{"803c40"}); // packet 9
  CHECK(peer.receiver.state().holds_notes());
  // And its further journals are no repairs.
  CHECK(peer.next("20 000a 00 06 08 80 88 80").empty());
}

TEST_CASE("of a peer that does name checkpoints, journals are examined until one is whole",
          "[protocol][journal]") {
  byte_receiver peer;
  peer.deliver("90 3c 64  90 40 64  90 42 64");
  CHECK(peer.next("20 0005 00 06 08 80 77 08").empty());                 // packet 6
  CHECK(peer.lose(3, "20 000a 00 06 08 80 77 08") == strings{"803c40"}); // packet 10, not whole
  CHECK(peer.next("20 000b 00 06 08 80 88 80") == strings{"804040"});    // nor is this
  CHECK(peer.next("20 000a 00 06 08 80 88 20") == strings{"804240"});    // but this
  CHECK(peer.next("20 000a 00 05 10 00 50").empty());
}

TEST_CASE("parts are left by their LENGTH", "[protocol][journal]") {
  byte_receiver peer;
  // A system journal of no chapter and two octets, a channel one octet longer than its chapter.
  CHECK(peer.lose(2, "e1 0005 80 04 12 34  80 06 10 00 50 99  88 05 10 01 50  77 77") ==
        strings{"e00050", "e10150"});
  CHECK(peer.errors == decode_error_counters{});
}

TEST_CASE("a broken chapter costs its channel, a broken length the rest", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "22 0005 00 07 50 00 50 7f 01  08 05 10 01 50  10 05 10 02 50") ==
        strings{"b0507f", "e10150", "e20250"}); // Chapter C before the broken W counts
  CHECK(peer.count(decode_error::bad_chapter) == 1);
  CHECK(peer.lose(2, "22 0005 00 05 10 03 50  08 02 10  10 05 10 04 50") == strings{"e00350"});
  CHECK(peer.count(decode_error::bad_journal_length) == 1);
  CHECK(peer.lose(2, "20 00").empty());
  CHECK(peer.count(decode_error::bad_journal) == 1);
  CHECK(peer.lose(2, "62 0005 40 20  00 05 10 05 50").empty());
  CHECK(peer.count(decode_error::bad_journal_length) == 2);
}

TEST_CASE("what a broken system journal tells before the break counts", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "60 0005 48 04 10 07  00 05 10 00 50") == strings{"e00050", "f307"});
  CHECK(peer.count(decode_error::bad_chapter) == 1);
}

TEST_CASE("the enhanced coding of Chapter C is not guessed at", "[protocol][journal]") {
  byte_receiver peer;
  CHECK(peer.lose(2, "30 0005 04 08 50 00 07 11 00 50") == strings{"e00050"});
}

TEST_CASE("a peer's state takes little memory", "[protocol][journal]") {
  byte_receiver peer;
  for (int i = 0; i < 50; ++i)
    peer.deliver("90 3c 64  b0 07 40  80 3c 40  c0 05");
  CHECK(peer.receiver.memory() < 500);
}
