// The end-to-end benchmark's own AppleMIDI and RTP-MIDI, against bytes written by hand.
#include "bench/end_to_end/wire.hpp"

#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

using namespace tutti::bench;
using tutti::test::hex;
using tutti::test::to_hex;

TEST_CASE("the benchmark's session commands have the bytes of the specification", "[bench]") {
  auto invite =
      write_command({.what = letters::invite, .token = 0x01020304, .ssrc = 0xA0B0C0D0}, "ab");
  CHECK(to_hex(invite) == to_hex(hex("FFFF 'IN' 00000002 01020304 A0B0C0D0 'ab' 00")));
  auto clock =
      write_command({.what = letters::clock, .ssrc = 0xA0B0C0D0, .step = 1, .times = {7, 8, 0}});
  CHECK(to_hex(clock) == to_hex(hex("FFFF 'CK' A0B0C0D0 01 000000 0000000000000007"
                                    "0000000000000008 0000000000000000")));
  auto feedback =
      write_command({.what = letters::feedback, .ssrc = 0xA0B0C0D0, .sequence = 0x1234});
  CHECK(to_hex(feedback) == to_hex(hex("FFFF 'RS' A0B0C0D0 1234 0000")));
}

TEST_CASE("the benchmark reads answers and refuses what is cut off", "[bench]") {
  auto accept = hex("FFFF 'OK' 00000002 01020304 A0B0C0D0 'a hub' 00");
  auto command = read_command(accept);
  REQUIRE(command);
  CHECK(command->what == letters::accept);
  CHECK(command->token == 0x01020304);
  CHECK(command->ssrc == 0xA0B0C0D0);
  CHECK_FALSE(read_command(octets(accept).first(15)));
  CHECK_FALSE(read_command(hex("FFFF 'CK' A0B0C0D0 00 000000")));
  CHECK_FALSE(read_command(hex("FFFF 'XY' 00000002 01020304 A0B0C0D0")));
}

TEST_CASE("the benchmark finds the list of a packet and leaves the journal alone", "[bench]") {
  auto datagram = hex("8061 0007 00000001 A0B0C0D0 43 903C40  20 0005 8007 08 00 80");
  auto packet = read_packet(datagram);
  REQUIRE(packet);
  CHECK(packet->sequence == 7);
  CHECK(to_hex(packet->list) == "903c40");
  CHECK_FALSE(read_packet(octets(datagram).first(15)));
  CHECK(read_packet(hex("80E1 0007 00000001 A0B0C0D0 80 00"))->list.empty());
}

TEST_CASE("a long list has a section header of two octets", "[bench]") {
  std::array<std::uint8_t, 64> out{};
  auto* list = write_packet_head(out.data(), 1, 2, 3, 31);
  CHECK(to_hex(octets(out.data(), list)) == "80610001"
                                            "00000002"
                                            "00000003"
                                            "801f");
}
