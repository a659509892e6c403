#include "tests/support/actor_house.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/vectors.hpp"

#include "protocol/midi_stream.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::test;
using protocol::make_short;
using protocol::make_sysex;
using protocol::sysex_form;
using strings = std::vector<std::string>;

namespace {

/// A TCP port over a stream in memory, and a port of the test that hears it.
struct stage {
  actor_house house;
  std::shared_ptr<memory_stream> stream = std::make_shared<memory_stream>();
  std::vector<protocol::event> heard;
  port_key player = house.add_port("player", heard);
  tcp_port_actor port;

  explicit stage(const protocol::stream_queue_limits& limits = {}, bool established = true) {
    auto context = std::make_shared<tcp_context>();
    context->loop = &house.loop;
    context->router = house.router;
    context->queue = limits;
    stream->is_established = established;
    port = spawn_tcp_port(*house.system, context, next_port_key(),
                          port_description{port_kind::tcp, "desk", "10.0.0.7", true, true}, stream);
    settle();
  }
  ~stage() {
    caf::anon_send(port, atom::leave_v);
    port = nullptr;
    settle();
  }
  void settle() { house.run_for(std::chrono::milliseconds(5)); }
  std::string sent() {
    auto text = to_hex(stream->sent);
    stream->sent.clear();
    return text;
  }
};

} // namespace

TEST_CASE("a TCP port is named after listener and address", "[actors][tcp]") {
  stage s;
  CHECK(s.house.ports() == strings{"tcp/desk/10.0.0.7"});
}

TEST_CASE("octets of a TCP port become events at the time they came", "[actors][tcp]") {
  stage s;
  auto before = std::chrono::steady_clock::now().time_since_epoch();
  s.stream->arrive(hex("903c40 3c00 f8 f07e01f7"));
  s.settle();
  auto after = std::chrono::steady_clock::now().time_since_epoch();
  REQUIRE(s.heard.size() == 4);
  CHECK(s.heard[1].message == make_short(0x90, 0x3c, 0));
  CHECK(s.heard[0].at.time_since_epoch() >= before);
  CHECK(s.heard[0].at.time_since_epoch() <= after);
  CHECK(s.heard[0].starts_list);
  CHECK_FALSE(s.heard[1].starts_list);
}

TEST_CASE("every byte of every vector may come alone", "[actors][tcp]") {
  stage s;
  for (const auto& vector : load_vectors("midi_stream")) {
    if (vector["meaning"]["parser"] != "midi1")
      continue;
    protocol::midi_stream_parser whole(1u << 20);
    std::vector<protocol::ump> expected;
    auto bytes = hex(vector["hex"].get<std::string>());
    // Each vector starts fresh: a status that nothing follows ends what the last one left open.
    auto fresh = hex("f7f6");
    whole.parse(bytes, expected);
    whole.parse(fresh, expected);
    s.heard.clear();
    for (auto octet : bytes)
      s.stream->arrive({&octet, 1});
    s.stream->arrive(fresh);
    s.settle();
    std::vector<protocol::ump> got;
    for (const auto& event : s.heard)
      got.push_back(event.message);
    INFO(vector["id"]);
    CHECK(got == expected);
  }
}

TEST_CASE("batches of one turn leave in one write, without running status", "[actors][tcp]") {
  stage s;
  for (int i = 0; i < 5; ++i)
    s.house.play(s.player, make_short(0x90, 60, 100));
  s.settle();
  CHECK(s.stream->writes == 1);
  CHECK(s.sent() == "903c64903c64903c64903c64903c64");
}

TEST_CASE("what a stream does not take now it gets later, uncut", "[actors][tcp]") {
  stage s;
  s.stream->room = 2;
  s.house.play(s.player, make_short(0x90, 60, 100));
  s.house.play(s.player, make_short(0x80, 60, 64));
  s.settle();
  CHECK(s.sent() == "903c");
  s.stream->room = 100;
  s.stream->tell();
  s.settle();
  CHECK(s.sent() == "64803c40");
}

TEST_CASE("a slow reader loses Note Ons first, then the connection", "[actors][tcp]") {
  stage s({.short_octets = 300});
  s.stream->room = 0;
  for (int note = 0; note < 120; ++note) {
    s.house.play(s.player, make_short(0x90, static_cast<std::uint8_t>(note), 100));
    s.house.play(s.player, make_short(0x91, static_cast<std::uint8_t>(note), 100));
  }
  s.settle();
  auto info = s.house.ask<tcp_port_info>(s.port, atom::status_v);
  CHECK(info.dropped > 0);
  CHECK_FALSE(s.stream->is_closed);
  for (int note = 0; note < 120; ++note)
    s.house.play(s.player, make_short(0x80, static_cast<std::uint8_t>(note), 64));
  s.settle();
  CHECK(s.stream->is_closed);
  CHECK(s.house.ports().empty());
}

TEST_CASE("when a stream ends, what it left sounding is released", "[actors][tcp]") {
  stage s;
  s.stream->arrive(hex("903c40 f00102")); // mid-message, too
  s.settle();
  s.heard.clear();
  s.stream->end = "closed by the other end";
  s.stream->tell();
  s.settle();
  REQUIRE_FALSE(s.heard.empty());
  CHECK(s.heard.back().message == make_short(0x80, 60, 64));
  CHECK(s.house.ports().empty());
}

TEST_CASE("the connection of a port that fails is closed", "[actors][tcp]") {
  stage s;
  caf::anon_send_exit(s.port, caf::exit_reason::unhandled_exception);
  s.settle();
  CHECK(s.stream->is_closed);
}

TEST_CASE("the last octets before the end are heard", "[actors][tcp]") {
  stage s;
  s.stream->arrived = hex("c005");
  s.stream->end = "closed by the other end";
  s.stream->tell();
  s.settle();
  REQUIRE(s.heard.size() == 1);
}

TEST_CASE("a stream is a port only once it is established", "[actors][tcp]") {
  stage s({}, false);
  CHECK(s.house.ports().empty());
  s.stream->is_established = true;
  s.stream->tell();
  s.settle();
  CHECK(s.house.ports().size() == 1);
}
