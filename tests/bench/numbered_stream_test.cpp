// The end-to-end benchmark's ear: a benchmark that overlooks a lost message measures nothing.
#include "bench/end_to_end/numbered_stream.hpp"

#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace tutti::bench;
using tutti::test::hex;

namespace {

/// Lets `ear` hear a packet of `messages` notes from `number` on.
void hear(stream_check& ear, std::uint64_t number, std::size_t messages = 1) {
  std::vector<std::uint8_t> list(note_list_size(messages));
  write_note_list(list.data(), number, messages);
  ear.take({0, false, list});
}

} // namespace

TEST_CASE("notes in order are all heard, over many periods", "[bench]") {
  stream_check ear;
  for (std::uint64_t number = 0; number < 3 * numbering_period; number += 8)
    hear(ear, number, 8);
  CHECK(ear.heard() == 3 * numbering_period);
  CHECK(ear.expected() == 3 * numbering_period);
  CHECK(ear.packets() == 3 * numbering_period / 8);
  CHECK(ear.lost() + ear.repeated() + ear.reordered() + ear.foreign() == 0);
}

TEST_CASE("a gap is counted as lost", "[bench]") {
  stream_check ear;
  hear(ear, 0);
  hear(ear, 4);
  CHECK(ear.lost() == 3);
  CHECK(ear.heard() == 2);
  CHECK(ear.expected() == 5);
}

TEST_CASE("a message that comes late is reordered and no longer lost", "[bench]") {
  stream_check ear;
  for (std::uint64_t number : {0, 2, 1, 3})
    hear(ear, number);
  CHECK(ear.reordered() == 1);
  CHECK(ear.lost() == 0);
  CHECK(ear.heard() == 4);
}

TEST_CASE("a message that comes twice is repeated", "[bench]") {
  stream_check ear;
  for (std::uint64_t number : {0, 1, 1, 0, 2})
    hear(ear, number);
  CHECK(ear.repeated() == 2);
  CHECK(ear.heard() == 3);
}

TEST_CASE("what is given up is lost", "[bench]") {
  stream_check ear;
  hear(ear, 0);
  ear.skip_to(10);
  CHECK(ear.lost() == 9);
  hear(ear, 10);
  CHECK(ear.lost() == 9);
  CHECK(ear.repeated() == 0);
}

TEST_CASE("a hub may use running status, delta times and one list for several packets", "[bench]") {
  stream_check ear;
  // Messages 0, 1 and 2: on 36 velocity 1, off 36, on 37.
  auto list = hex("90 24 01  81 00  80 24 01  00 90 25 01");
  ear.take({0, false, list});
  CHECK(ear.heard() == 3);
  // Message 3 after a delta time in front (Z), then 4 and 6 with running status.
  list = hex("05 80 25 01  00 90 26 01  83 60 27 01");
  ear.take({1, true, list});
  CHECK(ear.expected() == 7);
  CHECK(ear.lost() == 1);
  CHECK(ear.foreign() == 0);
}

TEST_CASE("music that nobody played is foreign", "[bench]") {
  stream_check ear;
  for (auto text : {"B0 7B 00", "91 24 01", "90 10 01", "F8", "F0 01 F7", "24 01"})
    ear.take({0, false, hex(text)});
  CHECK(ear.foreign() == 6);
  CHECK(ear.heard() == 0);
}
