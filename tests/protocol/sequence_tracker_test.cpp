#include "protocol/sequence_tracker.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace tutti::protocol;

namespace {

std::vector<arrival_kind> kinds(sequence_tracker& tracker, std::initializer_list<int> numbers) {
  std::vector<arrival_kind> out;
  for (auto number : numbers)
    out.push_back(tracker.on_packet(static_cast<std::uint16_t>(number)).kind);
  return out;
}

using list = std::vector<arrival_kind>;
constexpr auto first = arrival_kind::first;
constexpr auto next = arrival_kind::next;
constexpr auto gap = arrival_kind::gap;
constexpr auto duplicate = arrival_kind::duplicate;
constexpr auto late = arrival_kind::late;
constexpr auto suspect = arrival_kind::suspect;

} // namespace

TEST_CASE("packets in order are next, also over the wrap of their numbers",
          "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  CHECK(kinds(tracker, {65533, 65534, 65535, 0, 1}) == list{first, next, next, next, next});
  CHECK(tracker.highest() == 0x20001);
  CHECK(tracker.counters().received == 5);
  CHECK(tracker.counters().lost == 0);
}

TEST_CASE("a gap tells how many packets are missing", "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  tracker.on_packet(65530);
  auto arrival = tracker.on_packet(4);
  CHECK(arrival.kind == gap);
  CHECK(arrival.lost == 9);
  CHECK(arrival.sequence == 0x20004);
  CHECK(arrival.accepted());
  CHECK(tracker.counters().lost == 9);
}

TEST_CASE("a packet that comes again is a duplicate, one that left a gap is late",
          "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  CHECK(kinds(tracker, {10, 10, 12, 10, 11, 11, 12, 9}) ==
        list{first, duplicate, gap, duplicate, late, duplicate, duplicate, late});
  CHECK(tracker.counters().duplicate == 4);
  CHECK(tracker.counters().late == 2);
  CHECK(tracker.counters().received == 2);
  CHECK_FALSE(tracker.on_packet(9).accepted());
}

TEST_CASE("what is older than memory reaches is late", "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  CHECK(kinds(tracker, {1000, 1001, 1100, 1001, 1000}) == list{first, next, gap, late, late});
}

TEST_CASE("a far jump needs a second packet to be believed", "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  kinds(tracker, {100, 101});
  SECTION("a stray packet changes nothing") {
    CHECK(kinds(tracker, {40000, 102}) == list{suspect, next});
    CHECK(tracker.counters().suspect == 1);
    CHECK(tracker.counters().restarts == 0);
    CHECK(tracker.highest() == 0x10066);
    // It is forgotten: its sequel would need a companion of its own.
    CHECK(kinds(tracker, {40001, 103}) == list{suspect, next});
  }
  SECTION("two in a row are a new numbering, which goes on forwards") {
    CHECK(kinds(tracker, {40000, 40001, 40002}) == list{suspect, first, next});
    CHECK(tracker.counters().restarts == 1);
    CHECK(tracker.highest() == 0x10000 + 40002);
  }
  SECTION("also when the new numbers are lower") {
    CHECK(kinds(tracker, {50000, 50001, 7, 8}) == list{suspect, first, suspect, first});
    CHECK(tracker.highest() == 0x20008);
  }
}

TEST_CASE("the largest loss that is still one", "[protocol][sequence_tracker]") {
  sequence_tracker tracker;
  tracker.on_packet(0);
  CHECK(tracker.on_packet(sequence_tracker::max_jump).kind == gap);
  CHECK(tracker.on_packet(2 * sequence_tracker::max_jump + 1).kind == suspect);
}

TEST_CASE("order in the extended numbering survives its wrap", "[protocol][sequence_tracker]") {
  CHECK(precedes(1, 2));
  CHECK_FALSE(precedes(2, 2));
  CHECK_FALSE(precedes(3, 2));
  CHECK(precedes(0xFFFFFFFF, 0));
  CHECK_FALSE(precedes(0, 0xFFFFFFFF));
}
