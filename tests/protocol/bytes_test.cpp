// The cursors: big-endian, never outside the buffer, failed for good after the first overrun.
#include "protocol/bytes.hpp"

#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

TEST_CASE("a reader reads big-endian fields in order", "[protocol][bytes]") {
  auto bytes = hex("01 0203 040506 0708090a 0b0c0d0e0f101112 1314");
  byte_reader reader(bytes);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u24() == 0x040506);
  CHECK(reader.u32() == 0x0708090A);
  CHECK(reader.u64() == 0x0B0C0D0E0F101112);
  CHECK(reader.peek() == 0x13);
  CHECK(to_hex(reader.take(2)) == "1314");
  CHECK(reader.ok());
  CHECK(reader.empty());
}

TEST_CASE("a reader that was asked for too much stays failed", "[protocol][bytes]") {
  auto bytes = hex("0102");
  byte_reader reader(bytes);
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.take(1).empty());
  CHECK(reader.peek() == 0);
  CHECK(reader.remaining() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a reader takes nothing from an empty buffer", "[protocol][bytes]") {
  byte_reader reader({});
  CHECK(reader.take(0).empty());
  CHECK(reader.ok());
  CHECK(reader.peek() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a writer writes big-endian fields in order", "[protocol][bytes]") {
  octets buffer(18);
  byte_writer writer(buffer);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u24(0xFF040506); // the upper octet has no place
  writer.u32(0x0708090A);
  writer.u64(0x0B0C0D0E0F101112);
  CHECK(writer.ok());
  CHECK(writer.room() == 0);
  CHECK(to_hex(writer.written()) == "0102030405060708090a0b0c0d0e0f101112");
}

TEST_CASE("a write that does not fit leaves what was written before", "[protocol][bytes]") {
  octets buffer(3);
  byte_writer writer(buffer);
  writer.u16(0x0102);
  writer.u16(0x0304);
  CHECK_FALSE(writer.ok());
  CHECK(writer.room() == 0);
  writer.u8(0x05); // would fit, but the field before it is missing
  CHECK(to_hex(writer.written()) == "0102");
}

TEST_CASE("a writer patches and rewinds only what it wrote", "[protocol][bytes]") {
  octets buffer(4);
  byte_writer writer(buffer);
  writer.bytes(hex("010203"));
  writer.patch(1, 0xAA);
  writer.patch(3, 0xBB);
  CHECK(to_hex(writer.written()) == "01aa03");
  writer.rewind(9);
  CHECK(writer.size() == 3);
  writer.rewind(1);
  writer.u8(0xCC);
  CHECK(to_hex(writer.written()) == "01cc");
  CHECK(buffer[3] == 0);
}
