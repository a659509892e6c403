#include "protocol/song_transport.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;

TEST_CASE("the first clock after Start plays the first position", "[protocol][song_transport]") {
  song_transport song;
  CHECK(song.apply(0xFA, 0, 0));
  CHECK(song.running());
  CHECK(song.at_start());
  CHECK_FALSE(song.played());
  CHECK(song.next() == 0);
  CHECK(song.apply(0xF8, 0, 0));
  CHECK(song.played());
  CHECK(song.next() == 1);
}

TEST_CASE("clocks of a stopped sequencer move nothing", "[protocol][song_transport]") {
  song_transport song;
  CHECK_FALSE(song.apply(0xF8, 0, 0));
  song.apply(0xFA, 0, 0);
  song.apply(0xF8, 0, 0);
  CHECK(song.apply(0xFC, 0, 0));
  CHECK_FALSE(song.apply(0xF8, 0, 0));
  CHECK_FALSE(song.apply(0xFC, 0, 0));
  CHECK(song.next() == 1);
}

TEST_CASE("Continue goes on where Stop or a song position left it", "[protocol][song_transport]") {
  song_transport song;
  song.apply(0xFA, 0, 0);
  for (int i = 0; i < 10; ++i)
    song.apply(0xF8, 0, 0);
  song.apply(0xFC, 0, 0);
  CHECK(song.apply(0xFB, 0, 0));
  CHECK(song.next() == 10);
  CHECK_FALSE(song.played());
  CHECK_FALSE(song.apply(0xFB, 0, 0));
  song.apply(0xF2, 0x01, 0x02);
  CHECK(song.next() == 6 * (2 * 128 + 1));
}

TEST_CASE("positions wrap as Chapter Q's do", "[protocol][song_transport]") {
  song_transport song;
  song.apply(0xFA, 0, 0);
  for (std::uint32_t i = 0; i < song_transport::modulus; ++i)
    song.apply(0xF8, 0, 0);
  CHECK(song.next() == 0);
}
