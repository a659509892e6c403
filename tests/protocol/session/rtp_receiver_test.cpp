// A peer's stream: what is new, when it belongs, and when feedback is due.
// What a loss is repaired to is the journal's tests' business.
#include "protocol/list_encoder.hpp"
#include "protocol/session/rtp_receiver.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace tutti::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t ours = 0x0A0A0A0A;
constexpr hub_time at(std::chrono::nanoseconds time) {
  return hub_time(1000s + time);
}

struct receiver_under_test {
  receiver_under_test() {
    clock.start(false, at(0s));
    receiver.start();
  }
  /// The peer's clock is `ahead` ticks before ours from now on.
  void synchronise(std::uint64_t ahead) {
    auto base = clock_ticks(at(0s)) + ahead;
    clock.on_exchange({1, 2, {base, clock_ticks(at(0s)), base}}, ours, at(0s));
  }
  void packet(std::uint16_t sequence, std::string_view list, std::chrono::nanoseconds now = 0ns,
              std::uint32_t timestamp = 0, std::string_view journal = "") {
    auto bytes = hex(list);
    auto journal_bytes = hex(journal);
    rtp_packet one;
    one.header = {false, sequence, timestamp, 0xBBBB};
    one.list = bytes;
    one.has_journal = !journal_bytes.empty();
    one.journal = journal_bytes;
    receiver.on_packet(one, clock, at(now), errors, out);
  }
  std::vector<event> take() { return std::exchange(out.events, {}); }
  std::vector<ump> take_messages() {
    std::vector<ump> messages;
    for (const auto& e : take())
      messages.push_back(e.message);
    return messages;
  }
  /// The feedback sent by now: its field, or nothing.
  std::optional<std::uint32_t> feedback_at(std::chrono::nanoseconds now) {
    out.datagrams.clear();
    receiver.on_deadline(ours, at(now), out);
    if (out.datagrams.empty())
      return {};
    CHECK(out.datagrams.items().size() == 1);
    CHECK(out.datagrams.items()[0].channel == channel::control);
    auto command = decode_apple_command(out.datagrams.view(out.datagrams.items()[0]));
    auto& feedback = std::get<receiver_feedback>(*command);
    CHECK(feedback.ssrc == ours);
    return feedback.field;
  }
  std::uint64_t errors_of(decode_error error) { return errors[static_cast<std::size_t>(error)]; }

  clock_sync clock{session_timing{}};
  rtp_receiver receiver;
  decode_error_counters errors{};
  session_output out;
};

} // namespace

TEST_CASE("packets become events, each packet a list", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(7, "90 3c 40 00 80 3c 40");
  t.packet(8, "f8");
  auto events = t.take();
  REQUIRE(events.size() == 3);
  CHECK(events[0] == event{make_short(0x90, 60, 64), at(0s), true});
  CHECK(events[1] == event{make_short(0x80, 60, 64), at(0s), false});
  CHECK(events[2] == event{make_short(0xF8), at(0s), true});
  CHECK(t.receiver.counters().packets == 2);
  CHECK(t.receiver.counters().events == 3);
}

TEST_CASE("events are at the hub time of their command", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.synchronise(5000);
  auto sent = static_cast<std::uint32_t>(clock_ticks(at(2s)) + 5000);
  t.packet(7, "90 3c 40 64 80 3c 40", 2050ms, sent);
  auto events = t.take();
  REQUIRE(events.size() == 2);
  CHECK(events[0].at == at(2s));
  CHECK(events[1].at == at(2010ms));
}

TEST_CASE("doubled and late packets are not played again", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(65535, "90 3c 40");
  t.packet(65535, "90 3c 40");
  t.packet(2, "90 3e 40");
  t.packet(0, "90 3d 40");
  t.packet(2, "90 3e 40");
  CHECK(t.take_messages() == std::vector{make_short(0x90, 60, 64), make_short(0x90, 62, 64)});
  CHECK(t.receiver.sequence().duplicate == 2);
  CHECK(t.receiver.sequence().late == 1);
  CHECK(t.receiver.sequence().lost == 2);
  CHECK(t.receiver.counters().packets == 2);
}

TEST_CASE("a list counts up to the first broken rule", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "90 3c 40 00 3e"); // data 2 is missing
  t.packet(2, "3c 40");          // no running status crosses packets
  t.packet(3, "90 3c 80 40");
  CHECK(t.take_messages() == std::vector{make_short(0x90, 60, 64)});
  CHECK(t.errors_of(decode_error::truncated) == 1);
  CHECK(t.errors_of(decode_error::missing_status) == 1);
  CHECK(t.errors_of(decode_error::stray_status) == 1);
  CHECK(t.receiver.counters().packets == 3);
}

TEST_CASE("a broken list cancels the SysEx that is open", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "f0 01 f0");
  t.packet(2, "f8 00 f7 02");
  auto events = t.take();
  REQUIRE(events.size() == 3);
  CHECK(events[2].message.form() == sysex_form::cancelled);
  CHECK_FALSE(events[2].starts_list);
  t.packet(3, "f7 03 f7");
  CHECK(t.take().empty());
  CHECK(t.receiver.decoder().orphan_segments == 1);
  CHECK(t.receiver.decoder().abandoned_sysex == 1);
}

TEST_CASE("a SysEx goes on over packets", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "f0 01 f0");
  t.packet(2, "f7 02 f0");
  t.packet(3, "f7 03 f7");
  auto messages = t.take_messages();
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].form() == sysex_form::start);
  CHECK(messages[1].form() == sysex_form::proceed);
  CHECK(messages[2].form() == sysex_form::end);
}

TEST_CASE("a new stream may begin anywhere and has no open SysEx", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1000, "f0 01 f0");
  t.take();
  t.receiver.start();
  CHECK(t.receiver.next_deadline() == hub_time::max());
  t.packet(50'000, "f7 02 f7");
  CHECK(t.take().empty());
  t.packet(50'001, "90 3c 40");
  CHECK(t.take().size() == 1);
  CHECK(t.receiver.sequence().lost == 0);
}

TEST_CASE("feedback tells the highest number in the upper half", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  CHECK(t.receiver.next_deadline() == hub_time::max());
  t.packet(0xFFFF, "f8");
  CHECK(t.receiver.next_deadline() == at(0s)); // the first packet of a stream
  CHECK(t.feedback_at(0s) == 0xFFFF0000u);
  CHECK(t.receiver.next_deadline() == hub_time::max());
  t.packet(0, "f8", 100ms);
  CHECK(t.receiver.next_deadline() == at(1100ms));
  t.packet(1, "f8", 600ms);
  CHECK_FALSE(t.feedback_at(1099ms));
  CHECK(t.feedback_at(1100ms) == 0x00010000u);
  CHECK_FALSE(t.feedback_at(60s)); // nothing came since
}

TEST_CASE("feedback comes soon after a loss, but no storm of it", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "f8");
  CHECK(t.feedback_at(0s) == 1u << 16);
  t.packet(3, "f8", 1ms);
  CHECK(t.receiver.next_deadline() == at(10ms));
  t.packet(5, "f8", 2ms);
  CHECK(t.receiver.next_deadline() == at(10ms));
  CHECK(t.feedback_at(10ms) == 5u << 16);
  t.packet(7, "f8", 500ms);
  CHECK(t.receiver.next_deadline() == at(500ms));
  CHECK(t.feedback_at(500ms) == 7u << 16);
}

TEST_CASE("duplicates ask for no feedback", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "f8");
  t.feedback_at(0s);
  t.packet(1, "f8", 1s);
  CHECK(t.receiver.next_deadline() == hub_time::max());
}

TEST_CASE("a guard packet is answered at once", "[protocol][rtp_receiver]") {
  receiver_under_test t;
  t.packet(1, "f8");
  t.feedback_at(0s);
  t.packet(2, "", 1s, 0, "00 00 01"); // an empty journal
  CHECK(t.receiver.next_deadline() == at(1s));
  CHECK(t.feedback_at(1s) == 2u << 16);
}
