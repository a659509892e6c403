#include "protocol/stream_queue.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti::protocol;
using tutti::test::hex;
using tutti::test::octets;
using tutti::test::to_hex;

namespace {

octets drain(stream_queue& queue, std::size_t at_a_time = 7) {
  octets out;
  while (!queue.empty()) {
    auto next = queue.front();
    next = next.first(std::min(next.size(), at_a_time));
    out.insert(out.end(), next.begin(), next.end());
    queue.pop(next.size());
  }
  return out;
}

std::vector<ump> parse(byte_view bytes) {
  std::vector<ump> out;
  midi_stream_parser parser(1u << 24);
  parser.parse(bytes, out);
  CHECK(parser.counters().stray_data == 0);
  CHECK(parser.counters().unfinished_message == 0);
  CHECK(parser.counters().cancelled_sysex == 0);
  return out;
}

ump note_on(int note) {
  return make_short(0x90, static_cast<std::uint8_t>(note), 100);
}
ump note_off(int note) {
  return make_short(0x80, static_cast<std::uint8_t>(note), 64);
}

} // namespace

TEST_CASE("a queue gives back what was written, with full status", "[protocol][stream_queue]") {
  stream_queue queue;
  CHECK(queue.write(note_on(60)));
  CHECK(queue.write(note_on(62)));
  CHECK(queue.write(make_sysex(sysex_form::complete, hex("7e7f0601"))));
  CHECK(queue.write(make_short(0xF8)));
  CHECK(queue.size() == 13);
  CHECK(to_hex(drain(queue)) == "903c64903e64f07e7f0601f7f8");
  CHECK(queue.front().empty());
}

TEST_CASE("a full queue drops repeated real-time and the oldest Note Ons, and no Note Off",
          "[protocol][stream_queue]") {
  stream_queue queue({.short_octets = 300});
  REQUIRE(queue.write(note_on(1))); // being sent: not dropped any more
  queue.front();
  REQUIRE(queue.write(make_short(0xF8)));
  for (int note = 0; note < 50; ++note)
    REQUIRE(queue.write(note_on(note)));
  for (int note = 0; note < 80; ++note)
    REQUIRE(queue.write(note_off(note)));
  auto left = parse(drain(queue));
  CHECK(queue.counters().dropped_real_time == 1);
  CHECK(queue.counters().dropped_note_ons > 0);
  CHECK(left.front() == note_on(1));
  std::size_t offs = 0;
  int newest_on = -1;
  for (const auto& message : left) {
    offs += (message.status() & 0xF0) == 0x80;
    if (message.status() == 0x90)
      newest_on = message.data1();
  }
  CHECK(offs == 80);
  CHECK((newest_on == 49 || newest_on == 1));
}

TEST_CASE("a queue full of what must arrive refuses", "[protocol][stream_queue]") {
  stream_queue queue({.short_octets = 30});
  for (int note = 0; note < 10; ++note)
    REQUIRE(queue.write(note_off(note)));
  CHECK(queue.write(note_on(60))); // taken and dropped at once
  CHECK(queue.counters().dropped_note_ons == 1);
  CHECK_FALSE(queue.write(note_off(60)));
}

TEST_CASE("a queue refuses more SysEx than its limit", "[protocol][stream_queue]") {
  stream_queue queue({.short_octets = 30, .sysex_octets = 20});
  CHECK(queue.write(make_sysex(sysex_form::start, hex("000102030405"))));
  CHECK(queue.write(make_sysex(sysex_form::proceed, hex("000102030405"))));
  CHECK(queue.write(make_short(0xF8)));
  CHECK_FALSE(queue.write(make_sysex(sysex_form::end, hex("000102030405"))));
}

TEST_CASE("thinning never touches a SysEx or cuts a message", "[protocol][stream_queue]") {
  std::minstd_rand random(5);
  auto below = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  for (int round = 0; round < 50; ++round) {
    stream_queue queue({.short_octets = 200 + below(20'000), .sysex_octets = 1u << 20});
    std::vector<ump> kept_in, kept_out; // what may not be dropped
    octets sent;
    bool refused = false;
    for (int step = 0; step < 4000 && !refused; ++step) {
      ump message;
      switch (below(8)) {
      case 0: message = note_off(static_cast<int>(below(128))); break;
      case 1: {
        octets data(1 + below(6), 0x11);
        message = make_sysex(sysex_form::complete, data);
        break;
      }
      case 2: message = make_short(0xF8); break;
      default: message = note_on(static_cast<int>(below(128)));
      }
      refused = !queue.write(message);
      if (!refused && message.status() != 0x90 && message.status() != 0xF8)
        kept_in.push_back(message);
      if (below(100) == 0) {
        auto next = queue.front();
        auto count = below(static_cast<unsigned>(next.size()) + 1);
        sent.insert(sent.end(), next.begin(), next.begin() + count);
        queue.pop(count);
      }
    }
    if (refused)
      continue;
    auto rest = drain(queue, 1000);
    sent.insert(sent.end(), rest.begin(), rest.end());
    for (const auto& message : parse(sent))
      if (message.status() != 0x90 && message.status() != 0xF8)
        kept_out.push_back(message);
    CHECK(kept_in == kept_out);
  }
}

TEST_CASE("a long SysEx passes a queue in portions unchanged", "[protocol][stream_queue]") {
  stream_queue queue;
  octets data(100'000);
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<std::uint8_t>(i * 7 % 128);
  for (std::size_t at = 0; at < data.size(); at += 5) {
    auto form = at == 0                 ? sysex_form::start
                : at + 5 >= data.size() ? sysex_form::end
                                        : sysex_form::proceed;
    REQUIRE(queue.write(make_sysex(form, byte_view(data).subspan(at, 5))));
  }
  auto bytes = drain(queue, 4096);
  REQUIRE(bytes.size() == data.size() + 2);
  CHECK(bytes.front() == 0xF0);
  CHECK(bytes.back() == 0xF7);
  CHECK(std::equal(data.begin(), data.end(), bytes.begin() + 1));
}

TEST_CASE("a queue that is discarded ends the SysEx that was begun, and only that",
          "[protocol][stream_queue]") {
  for (std::size_t sent : {0u, 3u, 10u, 11u}) {
    stream_queue queue;
    queue.write(make_short(0x90, 60, 1)); // 3 octets
    queue.write(make_sysex(sysex_form::start, hex("000102030405")));
    queue.write(make_sysex(sysex_form::end, {})); // 8 octets
    queue.front();
    queue.pop(sent);
    queue.write(note_off(60));
    queue.discard();
    CHECK(to_hex(drain(queue)) == (sent == 10 ? "f7" : ""));
    queue.write(note_off(61));
    CHECK(to_hex(drain(queue)) == "803d40");
  }
}

TEST_CASE("bytes are cut into what a device takes at a time", "[protocol][stream_queue]") {
  auto bytes = hex("903c40 f8 f0 01 02 f8 03 f7 f0 f7 c005 f6 f201 02 04 05");
  std::vector<std::string> pieces;
  for (byte_view rest = bytes; !rest.empty();) {
    auto piece = next_piece(rest);
    pieces.push_back(to_hex(piece));
    rest = rest.subspan(piece.size());
  }
  CHECK(pieces == std::vector<std::string>{"903c40", "f8", "f00102", "f8", "03f7", "f0f7", "c005",
                                           "f6", "f20102", "0405"});
  CHECK(to_hex(next_piece(hex("f7"))) == "f7");
}
