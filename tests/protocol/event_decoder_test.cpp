// Commands to events: vectors from elsewhere for SysEx over packets, and every odd order.
#include "protocol/event_decoder.hpp"
#include "tests/support/midi_list.hpp"
#include "tests/support/midi_messages.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

constexpr hub_time some_time{std::chrono::seconds(5)};

/// Feeds lists to a decoder; shows events as "form(octets)" or the message's octets.
struct decoder_under_test {
  void list(std::string_view text) {
    auto bytes = hex(text);
    command_list_reader reader(bytes, false);
    auto first = true;
    for (midi_command command; reader.next(command); first = false)
      decoder.decode(command, some_time, first, events);
  }
  std::vector<std::string> take() {
    std::vector<std::string> out;
    for (const auto& e : events)
      out.push_back((e.starts_list ? "|" : "") + text(e.message));
    events.clear();
    return out;
  }
  static std::string text(const ump& message) {
    if (!message.is_sysex()) {
      octets bytes{message.status(), message.data1(), message.data2()};
      bytes.resize(short_message_size(message.status()));
      return to_hex(bytes);
    }
    octets data;
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      data.push_back(message.sysex_octet(i));
    auto form = message.form();
    auto name = form == sysex_form::complete  ? "complete"
                : form == sysex_form::start   ? "start"
                : form == sysex_form::proceed ? "proceed"
                : form == sysex_form::end     ? "end"
                                              : "cancelled";
    return std::string(name) + "(" + to_hex(data) + ")";
  }

  event_decoder decoder;
  std::vector<event> events;
};

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("the SysEx of the sequence vectors come out", "[protocol][event_decoder]") {
  for (auto& vector : load_vectors("sysex_sequence")) {
    INFO(vector["id"]);
    decoder_under_test t;
    for (const auto& list : vector["meaning"]["lists"])
      t.list(list.get<std::string>());
    std::vector<ump> packets;
    for (const auto& e : t.events)
      packets.push_back(e.message);
    strings sysex;
    for (auto& message : messages_of(packets))
      if (message.starts_with("f0"))
        sysex.push_back(message);
    CHECK(sysex == vector["meaning"]["emits"].get<strings>());
  }
}

TEST_CASE("commands become events with their data", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("90 3c 40  00 c0 05  00 e0 00 40  00 d0 7f  00 f2 01 02  00 f8  00 f6");
  CHECK(t.take() == strings{"|903c40", "c005", "e00040", "d07f", "f20102", "f8", "f6"});
}

TEST_CASE("the time given is the time of all its events", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 02 03 04 05 06 07 f7");
  REQUIRE(t.events.size() == 2);
  for (const auto& e : t.events)
    CHECK(e.at == some_time);
}

TEST_CASE("a SysEx is cut into chunks of six", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 f7");
  CHECK(t.take() == strings{"|complete()"});
  t.list("f0 01 02 03 04 05 06 f7");
  CHECK(t.take() == strings{"|complete(010203040506)"});
  t.list("f0 01 02 03 04 05 06 07 f7");
  CHECK(t.take() == strings{"|start(010203040506)", "end(07)"});
  t.list("f0 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d f7");
  CHECK(t.take() == strings{"|start(010203040506)", "proceed(0708090a0b0c)", "end(0d)"});
}

TEST_CASE("segments go on where the last left off, empty ones too", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 f0");
  CHECK(t.decoder.in_sysex());
  t.list("f8 00 f7 f0");
  t.list("f7 02 f7");
  CHECK_FALSE(t.decoder.in_sysex());
  CHECK(t.take() == strings{"|start(01)", "|f8", "proceed()", "|end(02)"});
  t.list("f0 f0");
  t.list("f7 f7");
  CHECK(t.take() == strings{"|start()", "|end()"});
}

TEST_CASE("a SysEx with a dropped F7 ends like any other", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 f5");
  t.list("f0 02 f0 00 f7 03 f5");
  CHECK(t.take() == strings{"|complete(01)", "|start(02)", "end(03)"});
}

TEST_CASE("a cancelled SysEx ends", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 f0 00 f7 f4");
  CHECK(t.take() == strings{"|start(01)", "cancelled()"});
  CHECK_FALSE(t.decoder.in_sysex());
  CHECK(t.decoder.counters().abandoned_sysex == 0);
}

TEST_CASE("segments without a start are dropped and counted", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f7 01 f0 00 f7 02 f7 00 f7 f4 00 90 3c 40");
  CHECK(t.take() == strings{"903c40"});
  CHECK(t.decoder.counters().orphan_segments == 3);
}

// The `cancelled` chunk bore the mark of a new list whatever came before it, and so did the start.
TEST_CASE("a SysEx that begins inside another cancels it", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 f0 00 f0 02 f0");
  CHECK(t.take() == strings{"|start(01)", "cancelled()", "start(02)"});
  t.list("f0 03 f7");
  CHECK(t.take() == strings{"|cancelled()", "complete(03)"});
  CHECK(t.decoder.counters().abandoned_sysex == 2);
}

TEST_CASE("undefined commands are dropped and counted", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f4 01 02 f7 00 f5 f7 00 f9 00 fd 00 f8");
  CHECK(t.take() == strings{"f8"});
  CHECK(t.decoder.counters().undefined_commands == 4);
}

TEST_CASE("a stream that breaks off cancels the open SysEx, once", "[protocol][event_decoder]") {
  decoder_under_test t;
  t.decoder.abandon(some_time, true, t.events);
  CHECK(t.events.empty());
  t.list("f0 01 f0");
  t.decoder.abandon(some_time, true, t.events);
  t.decoder.abandon(some_time, true, t.events);
  CHECK(t.take() == strings{"|start(01)", "|cancelled()"});
  CHECK(t.decoder.counters().abandoned_sysex == 1);
}

TEST_CASE("a forgotten SysEx leaves orphans, a reopened one takes its rest",
          "[protocol][event_decoder]") {
  decoder_under_test t;
  t.list("f0 01 f0");
  t.decoder.forget();
  t.list("f7 02 f7");
  CHECK(t.take() == strings{"|start(01)"});
  CHECK(t.decoder.counters().orphan_segments == 1);
  t.decoder.reopen();
  t.list("f7 02 f7");
  CHECK(t.take() == strings{"|end(02)"});
}
