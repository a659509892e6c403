// The stream that one peer gets: numbers, times, and the peer's bitrate limit in virtual time.
// What the journal holds is the journal's tests' business.
#include "protocol/event_decoder.hpp"
#include "protocol/rtp_packet.hpp"
#include "protocol/session/rtp_sender.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti::protocol;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr hub_time at(nanoseconds time) {
  return hub_time(1000s + time);
}
constexpr std::uint32_t ticks_at(nanoseconds time) {
  return static_cast<std::uint32_t>(clock_ticks(at(time)));
}

struct sent_packet {
  nanoseconds when;
  std::size_t octets; ///< with UDP and IPv4 headers
  rtp_packet packet;
};

struct sender_under_test {
  explicit sender_under_test(std::uint16_t first = 1000) { sender.start(0xABCD, first); }

  void play(std::vector<event> events, nanoseconds now) {
    for (auto& e : events)
      if (e.at == hub_time{})
        e.at = at(now);
    midi_lists lists;
    encode_lists(events, lists);
    sender.send(lists, events, at(now), out);
    collect(now);
  }
  void run_until(nanoseconds end) {
    while (sender.next_deadline() <= at(end)) {
      auto now = sender.next_deadline();
      sender.on_deadline(now, out);
      REQUIRE(sender.next_deadline() > now);
      collect(now - at(0s));
    }
  }
  void collect(nanoseconds now) {
    for (const auto& item : out.datagrams.items()) {
      CHECK(item.channel == channel::data);
      auto bytes = out.datagrams.view(item);
      CHECK(bytes.size() <= 1400);
      kept.emplace_back(bytes.begin(), bytes.end());
      auto packet = decode_rtp_packet(kept.back());
      REQUIRE(packet);
      packets.push_back({now, bytes.size() + 28, *packet});
    }
    out.clear();
  }
  /// The events that the peer hears, in order of the packets.
  std::vector<event> heard() const {
    std::vector<event> events;
    event_decoder decoder;
    for (const auto& one : packets) {
      command_list_reader reader(one.packet.list, one.packet.first_delta);
      for (midi_command command; reader.next(command);)
        decoder.decode(command,
                       hub_time(clock_tick * (one.packet.header.timestamp + command.offset)), false,
                       events);
      CHECK_FALSE(reader.failed());
    }
    CHECK(decoder.counters().orphan_segments == 0);
    return events;
  }

  rtp_sender sender;
  session_output out;
  std::vector<std::vector<std::uint8_t>> kept;
  std::vector<sent_packet> packets;
};

event note(unsigned number, bool on = true) {
  return {make_short(on ? 0x90 : 0x80, number & 127, 1 + (number >> 7 & 63)), {}, true};
}

std::vector<ump> messages(const std::vector<event>& events) {
  std::vector<ump> out;
  for (const auto& e : events)
    out.push_back(e.message);
  return out;
}

/// Most octets in any window of this length.
std::size_t busiest(const std::vector<sent_packet>& packets, nanoseconds window) {
  std::size_t most = 0;
  for (const auto& first : packets) {
    std::size_t sum = 0;
    for (const auto& one : packets)
      if (one.when >= first.when && one.when < first.when + window)
        sum += one.octets;
    most = std::max(most, sum);
  }
  return most;
}

} // namespace

TEST_CASE("packets are numbered from the first number on, through the wrap",
          "[protocol][rtp_sender]") {
  sender_under_test t(0xFFFE);
  for (int i = 0; i < 4; ++i)
    t.play({note(60)}, std::chrono::milliseconds(i));
  REQUIRE(t.packets.size() == 4);
  std::vector<std::uint16_t> numbers;
  for (const auto& one : t.packets) {
    numbers.push_back(one.packet.header.sequence);
    CHECK(one.packet.header.ssrc == 0xABCD);
    CHECK_FALSE(one.packet.header.marker);
    CHECK_FALSE(one.packet.first_delta);
    CHECK_FALSE(one.packet.phantom);
  }
  CHECK(numbers == std::vector<std::uint16_t>{0xFFFE, 0xFFFF, 0, 1});
  CHECK(t.sender.counters().packets == 4);
  CHECK(t.sender.counters().events == 4);
}

TEST_CASE("each list is a packet with its own time", "[protocol][rtp_sender]") {
  sender_under_test t;
  auto first = note(60), second = note(61), third = note(62);
  first.at = at(1s);
  second.at = at(1s + 500us);
  second.starts_list = false;
  third.at = at(1s + 700us);
  t.play({first, second, third}, 2s);
  REQUIRE(t.packets.size() == 2);
  CHECK(t.packets[0].packet.header.timestamp == ticks_at(1s));
  CHECK(t.packets[1].packet.header.timestamp == ticks_at(1s) + 7);
  auto heard = t.heard();
  CHECK(heard[1].at - heard[0].at == 500us);
}

TEST_CASE("timestamps never go back", "[protocol][rtp_sender]") {
  sender_under_test t;
  auto early = note(60), late = note(61);
  late.at = at(5s);
  early.at = at(4s);
  t.play({late}, 6s);
  t.play({early}, 6s);
  CHECK(t.packets[1].packet.header.timestamp == ticks_at(5s));
}

// The time of a packet was held against the first command of the one before it, not the last.
TEST_CASE("no packet is older than the last command of the one before", "[protocol][rtp_sender]") {
  sender_under_test t;
  auto first = note(60), last = note(61), next = note(62);
  first.at = at(4s);
  last.at = at(5s);
  last.starts_list = false;
  next.at = at(4500ms);
  t.play({first, last}, 6s);
  t.play({next}, 6s);
  REQUIRE(t.packets.size() == 2);
  CHECK(t.packets[1].packet.header.timestamp == ticks_at(5s));
  auto heard = t.heard();
  CHECK(std::ranges::is_sorted(heard, {}, &event::at));
}

TEST_CASE("timestamps wrap as the clock does", "[protocol][rtp_sender]") {
  sender_under_test t;
  auto before = note(60), after = note(61);
  auto wrap = hub_time(clock_tick * (std::int64_t(1) << 32));
  before.at = wrap - 1ms;
  after.at = wrap + 1ms;
  t.play({before}, 0s);
  t.play({after}, 0s);
  CHECK(t.packets[0].packet.header.timestamp == 0xFFFFFFF6u);
  CHECK(t.packets[1].packet.header.timestamp == 10);
}

TEST_CASE("a full list and what goes with it stay below 1400 octets", "[protocol][rtp_sender]") {
  sender_under_test t;
  std::vector<event> many;
  for (unsigned i = 0; i < 2000; ++i) {
    many.push_back(note(i % 128 + (i << 7)));
    many.back().starts_list = i == 0;
  }
  t.play(many, 1s);
  CHECK((messages(t.heard()) == messages(many))); // too long to print
}

TEST_CASE("a new stream begins with its own number and nothing of the old one",
          "[protocol][rtp_sender]") {
  sender_under_test t;
  t.sender.set_limit(8000, at(0s));
  std::vector<event> many(2000, note(60));
  t.play(many, 10s);
  t.packets.clear();
  t.sender.start(0x1234, 7);
  CHECK(t.sender.next_deadline() == hub_time::max());
  CHECK(t.sender.limit() == 0);
  auto early = note(61);
  early.at = at(1s);
  t.play({early}, 1s);
  REQUIRE(t.packets.size() == 1);
  CHECK(t.packets[0].packet.header.sequence == 7);
  CHECK(t.packets[0].packet.header.ssrc == 0x1234);
  CHECK(t.packets[0].packet.header.timestamp == ticks_at(1s));
}

TEST_CASE("feedback on what was sent counts, feedback on anything else does not",
          "[protocol][rtp_sender]") {
  sender_under_test t(0xFFFE);
  for (int i = 0; i < 4; ++i)
    t.play({note(60)}, 0s);
  auto feed = [&](std::uint32_t field) { t.sender.on_feedback({1, field}, at(1s)); };
  feed(0xFFFFu << 16);
  CHECK(t.sender.counters().feedback == 1);
  feed(5u << 16 | 5u); // not sent yet
  CHECK(t.sender.counters().feedback_ignored == 1);
  feed(1u << 16); // beyond the wrap
  CHECK(t.sender.counters().feedback == 2);
  feed(0xFFFEu << 16 | 0xFFFEu); // older than the last
  CHECK(t.sender.counters().feedback_ignored == 2);
}

// -- the peer's limit --

TEST_CASE("a bitrate limit is kept over any second, and everything arrives in order",
          "[protocol][rtp_sender]") {
  for (std::uint32_t rate : {9'600u, 31'250u, 100'000u}) {
    INFO(rate);
    sender_under_test t;
    t.sender.set_limit(rate, at(0s));
    CHECK(t.sender.limit() == rate);
    std::vector<event> played;
    std::mt19937 random(rate);
    for (unsigned i = 0; i < 3000; ++i) {
      played.push_back(note(i, random() % 2));
      auto now = std::chrono::milliseconds(i / 4);
      t.run_until(now);
      t.play({played.back()}, now);
    }
    t.run_until(120s);
    CHECK((messages(t.heard()) == messages(played))); // too long to print
    CHECK(t.sender.counters().limit_drops == 0);
    // A second's worth, a burst of a quarter of it (256 octets at least), and one packet.
    auto burst = std::max<std::size_t>(rate / 8 / 4, 256);
    CHECK(busiest(t.packets, 1s) <= rate / 8 + burst + 1428);
    CHECK(busiest(t.packets, 10s) <= rate / 8 * 10 + burst + 1428);
  }
}

TEST_CASE("what is within the limit is not held back", "[protocol][rtp_sender]") {
  sender_under_test t;
  t.sender.set_limit(100'000, at(0s));
  for (int i = 0; i < 100; ++i) {
    auto now = std::chrono::milliseconds(20 * i);
    t.run_until(now);
    auto before = t.packets.size();
    t.play({note(60)}, now);
    CHECK(t.packets.size() == before + 1);
  }
}

// With the limit gone, new events overtook those that still waited.
TEST_CASE("when a limit is lifted, what waited goes first", "[protocol][rtp_sender]") {
  sender_under_test t;
  t.sender.set_limit(800, at(0s));
  std::vector<event> played;
  for (unsigned i = 0; i < 500; ++i)
    played.push_back(note(i));
  t.play(played, 0s);
  REQUIRE(t.heard().size() < 500);
  t.sender.set_limit(0, at(1s));
  CHECK(t.sender.next_deadline() <= at(1s));
  played.push_back(note(77, false));
  t.play({played.back()}, 1s);
  CHECK((messages(t.heard()) == messages(played))); // too long to print
}

TEST_CASE("a limit in the middle of a SysEx breaks nothing", "[protocol][rtp_sender]") {
  sender_under_test t;
  std::vector<event> played;
  auto add = [&](sysex_form form) {
    played.push_back({make_sysex(form, std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}), {}, true});
    return played.back();
  };
  t.play({add(sysex_form::start)}, 0s);
  t.sender.set_limit(16'000, at(0s));
  for (int i = 0; i < 300; ++i)
    t.play({add(sysex_form::proceed)}, 1ms * i);
  t.sender.set_limit(0, at(300ms));
  t.play({add(sysex_form::end)}, 300ms);
  CHECK((messages(t.heard()) == messages(played))); // too long to print
}

TEST_CASE("a flood against a limit loses notes by number, but no note off",
          "[protocol][rtp_sender]") {
  sender_under_test t;
  t.sender.set_limit(64'000, at(0s));
  std::size_t ons = 0, offs = 0;
  for (unsigned i = 0; i < 6000; ++i) {
    t.play({note(i, true), note(i, false)}, 1us * i);
    ++ons;
    ++offs;
  }
  t.run_until(600s);
  std::size_t heard_offs = 0, heard_ons = 0;
  for (const auto& e : t.heard())
    (e.message.status() == 0x80 ? heard_offs : heard_ons) += 1;
  CHECK(heard_offs == offs);
  CHECK(heard_ons < ons);
  CHECK(heard_ons + t.sender.counters().limit_drops == ons);
}
