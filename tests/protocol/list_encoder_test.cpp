// Events to lists and back: what a reader written for the RFC makes of them must be the events.
#include "protocol/event_decoder.hpp"
#include "protocol/list_encoder.hpp"
#include "tests/support/midi_list.hpp"
#include "tests/support/midi_messages.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti::protocol;
using namespace tutti::test;
using namespace std::chrono_literals;

namespace {

constexpr hub_time ticks(std::uint64_t count) {
  return hub_time(clock_tick * static_cast<std::int64_t>(count));
}
event short_event(std::uint64_t tick, octets bytes, bool starts_list = false) {
  bytes.resize(3);
  return {make_short(bytes[0], bytes[1], bytes[2]), ticks(tick), starts_list};
}
event sysex_event(std::uint64_t tick, sysex_form form, octets bytes, bool starts_list = false) {
  return {make_sysex(form, bytes), ticks(tick), starts_list};
}

midi_lists encode(const std::vector<event>& events, std::size_t limit = max_list_octets) {
  midi_lists lists;
  encode_lists(events, lists, limit);
  return lists;
}

/// "timestamp:octets" of each list.
std::vector<std::string> texts(const midi_lists& lists) {
  std::vector<std::string> out;
  for (const auto& list : lists.lists)
    out.push_back(std::to_string(list.timestamp) + ":" + to_hex(lists.view(list)));
  return out;
}
using strings = std::vector<std::string>;

/// The lists as a peer reads them.
std::vector<event> decode(const midi_lists& lists, event_decoder& decoder) {
  std::vector<event> out;
  for (const auto& list : lists.lists) {
    command_list_reader reader(lists.view(list), false);
    auto first = true;
    for (midi_command command; reader.next(command); first = false) {
      CHECK_FALSE(command.running);
      decoder.decode(command, ticks(list.timestamp + command.offset), first, out);
    }
    REQUIRE_FALSE(reader.failed());
  }
  return out;
}
std::vector<event> decode(const midi_lists& lists) {
  event_decoder decoder;
  auto out = decode(lists, decoder);
  CHECK(decoder.counters().orphan_segments == 0);
  CHECK(decoder.counters().abandoned_sysex == 0);
  CHECK(decoder.counters().undefined_commands == 0);
  return out;
}

std::vector<ump> packets(const std::vector<event>& events) {
  std::vector<ump> out;
  for (const auto& e : events)
    out.push_back(e.message);
  return out;
}

} // namespace

TEST_CASE("every command has its status octet and its delta, the first no delta",
          "[protocol][list_encoder]") {
  auto lists = encode({short_event(1000, {0x90, 60, 64}, true), short_event(1000, {0x90, 62, 64}),
                       short_event(1005, {0xC0, 7}), short_event(1205, {0xF8}),
                       short_event(1205, {0xF2, 1, 2}), short_event(1205, {0xF1, 3})});
  CHECK(texts(lists) == strings{"1000:903c40"
                                "00903e40"
                                "05c007"
                                "8148f8"
                                "00f20102"
                                "00f103"});
  CHECK(lists.lists[0].first_event == 0);
  CHECK(lists.lists[0].event_count == 6);
}

TEST_CASE("an event that starts a list in its source starts one here", "[protocol][list_encoder]") {
  auto lists = encode({short_event(5, {0x90, 60, 64}, true), short_event(6, {0x80, 60, 64}),
                       short_event(7, {0x90, 61, 64}, true), short_event(8, {0xF8}, true)});
  CHECK(texts(lists) == strings{"5:903c4001803c40", "7:903d40", "8:f8"});
  CHECK(lists.lists[1].first_event == 2);
  CHECK(lists.lists[1].event_count == 1);
}

TEST_CASE("the first event of a batch needs no mark", "[protocol][list_encoder]") {
  CHECK(texts(encode({short_event(5, {0xF8})})) == strings{"5:f8"});
  CHECK(encode({}).lists.empty());
}

TEST_CASE("lists are appended to what is there", "[protocol][list_encoder]") {
  midi_lists lists;
  std::vector<event> events{short_event(5, {0xF8})};
  encode_lists(events, lists);
  encode_lists(events, lists);
  CHECK(texts(lists) == strings{"5:f8", "5:f8"});
}

TEST_CASE("a time that goes back is told as no time", "[protocol][list_encoder]") {
  auto lists = encode({short_event(100, {0xF8}), short_event(90, {0xFA}), short_event(103, {0xFC}),
                       short_event(50, {0xF8}, true)});
  CHECK(texts(lists) == strings{"100:f800fa03fc", "50:f8"});
}

TEST_CASE("the timestamp is the low half of the clock", "[protocol][list_encoder]") {
  auto late = (std::uint64_t(7) << 32) + 9;
  auto lists = encode({short_event(late - 10, {0xF8}), short_event(late, {0xFA})});
  CHECK(texts(lists) == strings{"4294967295:f80afa"});
}

// A delta was cut to its low bits, so that the next command came days early.
TEST_CASE("a distance that no delta can tell starts a list of its own",
          "[protocol][list_encoder]") {
  auto most = (std::uint64_t(1) << 28) - 1;
  CHECK(texts(encode({short_event(1, {0xF8}), short_event(1 + most, {0xFA})})) ==
        strings{"1:f8ffffff7ffa"});
  CHECK(texts(encode({short_event(1, {0xF8}), short_event(2 + most, {0xFA})})) ==
        strings{"1:f8", std::to_string(2 + most) + ":fa"});
  CHECK(texts(encode({short_event(1, {0xF8}), short_event((1ull << 40) + 5, {0xFA})})) ==
        strings{"1:f8", "5:fa"});
}

TEST_CASE("a list tells when its last command is due", "[protocol][list_encoder]") {
  auto lists = encode({short_event(100, {0xF8}), short_event(90, {0xFA}), short_event(103, {0xFC}),
                       short_event(200, {0xF8}, true)});
  REQUIRE(lists.lists.size() == 2);
  CHECK(lists.lists[0].duration == 3);
  CHECK(lists.lists[1].duration == 0);
}

TEST_CASE("a SysEx in one batch is one command", "[protocol][list_encoder]") {
  using enum sysex_form;
  CHECK(texts(encode({sysex_event(9, complete, {1, 2})})) == strings{"9:f00102f7"});
  CHECK(texts(encode({sysex_event(9, start, {1, 2, 3, 4, 5, 6}), sysex_event(9, proceed, {7}),
                      sysex_event(10, end, {})})) == strings{"9:f001020304050607f7"});
}

TEST_CASE("a SysEx over several batches becomes segments", "[protocol][list_encoder]") {
  using enum sysex_form;
  CHECK(texts(encode({sysex_event(9, start, {1})})) == strings{"9:f001f0"});
  CHECK(texts(encode({sysex_event(9, proceed, {2})})) == strings{"9:f702f0"});
  CHECK(texts(encode({sysex_event(9, end, {3})})) == strings{"9:f703f7"});
  CHECK(texts(encode({sysex_event(9, cancelled, {})})) == strings{"9:f7f4"});
}

TEST_CASE("what comes between cuts the SysEx into segments", "[protocol][list_encoder]") {
  using enum sysex_form;
  CHECK(texts(encode({sysex_event(9, start, {1}), short_event(9, {0xF8}),
                      sysex_event(10, end, {2})})) == strings{"9:f001f000f801f702f7"});
  CHECK(texts(encode({sysex_event(9, start, {1}), sysex_event(9, proceed, {2}, true),
                      sysex_event(9, end, {3})})) == strings{"9:f001f0", "9:f70203f7"});
  CHECK(texts(encode({sysex_event(9, start, {1}), sysex_event(9, cancelled, {}),
                      sysex_event(9, complete, {5})})) == strings{"9:f001f000f7f400f005f7"});
}

TEST_CASE("messages that RTP-MIDI cannot code are left out", "[protocol][list_encoder]") {
  ump midi2;
  midi2.words = {0x40903C00, 0x12345678};
  ump utility;
  utility.words = {0x00200000};
  CHECK(texts(encode({{midi2, ticks(1), true}, {utility, ticks(1), false}})).empty());
  auto lists = encode({{midi2, ticks(1), true},
                       short_event(2, {0xF8}),
                       {utility, ticks(3), false},
                       short_event(4, {0xFA})});
  CHECK(texts(lists) == strings{"2:f802fa"});
  CHECK(lists.lists[0].first_event == 1);
  CHECK(lists.lists[0].event_count == 3);
}

// F4 and F5 were written as single octets, which swallow the rest of the list at the receiver, and
// F0 and F7 as the head of a SysEx.
TEST_CASE("statuses that have no short form are left out", "[protocol][list_encoder]") {
  for (std::uint8_t status : {0xF0, 0xF4, 0xF5, 0xF7, 0xF9, 0xFD}) {
    INFO(int(status));
    CHECK(texts(encode({short_event(2, {0xF8}), short_event(2, {status}),
                        short_event(2, {0xFA})})) == strings{"2:f800fa"});
  }
  ump voice_with_system_status;
  voice_with_system_status.words = {0x20F83C40};
  ump voice_without_status;
  voice_without_status.words = {0x20103C40};
  ump system_with_voice_status;
  system_with_voice_status.words = {0x10903C40};
  CHECK(encode({{voice_with_system_status, ticks(1)},
                {voice_without_status, ticks(1)},
                {system_with_voice_status, ticks(1)}})
            .lists.empty());
}

// The mark went with the message that was left out, and the next joined the list before.
TEST_CASE("a message that is left out leaves its mark to the next", "[protocol][list_encoder]") {
  ump midi2;
  midi2.words = {0x40903C00, 0x12345678};
  CHECK(texts(encode({short_event(1, {0xF8}), {midi2, ticks(1), true}, short_event(1, {0xFA})})) ==
        strings{"1:f8", "1:fa"});
}

TEST_CASE("no list passes its limit and none is cut short", "[protocol][list_encoder]") {
  std::vector<event> notes(400, short_event(1, {0x90, 60, 64}));
  for (std::size_t limit : {16u, 17u, 100u, 1000u}) {
    INFO(limit);
    auto lists = encode(notes, limit);
    std::size_t count = 0;
    for (const auto& list : lists.lists) {
      CHECK(list.size <= limit);
      CHECK(list.first_event == count);
      count += list.event_count;
      if (count < 400)
        CHECK(list.size + 7 + 4 > limit); // full but for the longest command
    }
    CHECK(count == 400);
    CHECK(packets(decode(lists)) == packets(notes));
  }
}

TEST_CASE("a SysEx of 64 KiB goes through lists of any size", "[protocol][list_encoder]") {
  std::vector<event> events;
  octets body(65536);
  for (std::size_t i = 0; i < body.size(); ++i)
    body[i] = static_cast<std::uint8_t>(i * 7 % 128);
  for (std::size_t i = 0; i < body.size(); i += 6) {
    auto count = std::min<std::size_t>(6, body.size() - i);
    auto form = i == 0                     ? sysex_form::start
                : i + count == body.size() ? sysex_form::end
                                           : sysex_form::proceed;
    events.push_back(sysex_event(
        1, form,
        {body.begin() + static_cast<long>(i), body.begin() + static_cast<long>(i + count)}));
    if (i % 600 == 0)
      events.push_back(short_event(1, {0xF8}));
  }
  for (std::size_t limit : {16u, 21u, 1000u, 4095u}) {
    INFO(limit);
    auto lists = encode(events, limit);
    for (const auto& list : lists.lists)
      CHECK(list.size <= limit);
    CHECK(packets(decode(lists)) == packets(events));
  }
}

namespace {

/// A batch as the hub has them: from several sources, SysEx in chunks as the wire brought them,
/// times mostly in order.
class random_batch {
public:
  explicit random_batch(unsigned seed)
      : random_(seed) {}

  std::vector<event> next(std::size_t count, bool canonical) {
    std::vector<event> out;
    for (std::size_t i = 0; i < count; ++i) {
      now_ += random_() % 5 == 0 ? random_() % 300 : 0;
      auto back = random_() % 12 == 0 ? random_() % 20 : 0;
      out.push_back({message(canonical), ticks(now_ - back), random_() % 6 == 0});
    }
    return out;
  }
  ump close() { return in_sysex_ ? chunk(sysex_form::end, 3) : make_short(0xF8); }

private:
  std::uint8_t octet() { return static_cast<std::uint8_t>(random_() % 128); }
  ump chunk(sysex_form form, std::size_t size) {
    octets data;
    for (std::size_t i = 0; i < size; ++i)
      data.push_back(octet());
    return make_sysex(form, data);
  }
  ump message(bool canonical) {
    static constexpr std::array<std::uint8_t, 9> system{0xF1, 0xF2, 0xF3, 0xF6, 0xF8,
                                                        0xFA, 0xFB, 0xFC, 0xFE};
    auto dice = random_() % 10;
    if (dice == 0 || (in_sysex_ && dice < 4))
      return make_short(system[4 + random_() % 5]);
    auto any = [&] { return random_() % 7; };
    // Canonical: as a decoder cuts them, six octets in each but the last.
    auto inner = canonical ? std::size_t{6} : any();
    auto last = canonical ? any() % 6 + 1 : any();
    if (in_sysex_) {
      if (dice == 4) {
        in_sysex_ = false;
        return make_sysex(sysex_form::cancelled, {});
      }
      in_sysex_ = dice < 9;
      return in_sysex_ ? chunk(sysex_form::proceed, inner) : chunk(sysex_form::end, last);
    }
    if (dice < 3) {
      in_sysex_ = dice < 2;
      return in_sysex_ ? chunk(sysex_form::start, inner) : chunk(sysex_form::complete, any());
    }
    auto status =
        dice == 3 ? system[random_() % 4] : static_cast<std::uint8_t>(0x80 + random_() % 112);
    auto size = short_message_size(status);
    return make_short(status, size > 1 ? octet() : std::uint8_t{0},
                      size > 2 ? octet() : std::uint8_t{0});
  }

  std::mt19937 random_;
  std::uint64_t now_ = 1'000'000;
  bool in_sysex_ = false;
};

} // namespace

TEST_CASE("what is decoded is what was encoded, over many batches", "[protocol][list_encoder]") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    INFO("seed " << seed);
    random_batch source(seed);
    event_decoder decoder;
    std::vector<event> sent, heard;
    std::mt19937 random(seed);
    for (int batch = 0; batch < 20; ++batch) {
      auto events = source.next(1 + random() % 60, true);
      auto lists = encode(events, 16 + random() % 200);
      auto back = decode(lists, decoder);
      REQUIRE(packets(back) == packets(events));
      // Times: as sent where they do not go back within a list; SysEx chunks share their segment's.
      hub_time latest{};
      for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK((!events[i].starts_list || back[i].starts_list));
        if (back[i].starts_list)
          latest = hub_time{};
        auto due = std::max(latest, events[i].at);
        if (back[i].message.is_sysex())
          CHECK(back[i].at <= due);
        else
          CHECK(back[i].at == due);
        latest = std::max(latest, back[i].at);
      }
    }
    CHECK(decoder.counters().orphan_segments == 0);
  }
}

TEST_CASE("chunks of any length carry the same SysEx", "[protocol][list_encoder]") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    random_batch source(seed);
    auto events = source.next(300, false);
    events.push_back({source.close(), events.back().at, false});
    CHECK(messages_of(packets(decode(encode(events, 40)))) == messages_of(packets(events)));
  }
}
