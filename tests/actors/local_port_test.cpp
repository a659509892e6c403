#include "tests/support/actor_house.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::test;
using namespace std::chrono_literals;
using protocol::make_short;
using protocol::make_sysex;
using protocol::sysex_form;

namespace {

/// A device in memory.
class memory_device final : public io::local_port {
public:
  io::local_input arrived;
  octets written;
  std::vector<std::chrono::nanoseconds> times;
  std::size_t room = SIZE_MAX; ///< pieces that it still takes
  int flushes = 0;
  bool is_closed = false;

  void arrive(std::chrono::nanoseconds at, const octets& bytes) {
    arrived.add(at, bytes);
    tell();
  }
  void tell() {
    if (on_ready_)
      on_ready_();
  }

  void start(std::function<void()> on_ready) override { on_ready_ = std::move(on_ready); }
  void read(io::local_input& into) override { std::swap(into, arrived); }
  bool write(std::chrono::nanoseconds at, std::span<const std::uint8_t> piece) override {
    if (room == 0)
      return false;
    room -= room == SIZE_MAX ? 0 : 1;
    written.insert(written.end(), piece.begin(), piece.end());
    times.push_back(at);
    return true;
  }
  void flush() override { ++flushes; }
  void close() override {
    is_closed = true;
    on_ready_ = nullptr;
  }

private:
  std::function<void()> on_ready_;
};

struct stage {
  actor_house house;
  std::shared_ptr<memory_device> device = std::make_shared<memory_device>();
  std::vector<protocol::event> heard;
  port_key player = house.add_port("player", heard);
  local_port_actor port;

  explicit stage(const local_port_options& options = {}) {
    port = spawn_local_port(*house.system, house.router, next_port_key(),
                            {port_kind::alsa, "Keys", "MIDI 1", true, true}, device, options);
    settle();
  }
  ~stage() {
    caf::anon_send(port, atom::leave_v);
    port = nullptr;
    settle();
  }
  void settle() { house.run_for(5ms); }
  std::string written() {
    auto text = to_hex(device->written);
    device->written.clear();
    return text;
  }
};

} // namespace

TEST_CASE("what a device plays belongs to the time that it says", "[actors][local]") {
  stage s;
  s.device->arrived.add(1000ns, hex("903c40"));
  s.device->arrive(2000ns, hex("803c40"));
  s.settle();
  REQUIRE(s.heard.size() == 2);
  CHECK(s.heard[0].at.time_since_epoch() == 1000ns);
  CHECK(s.heard[1].at.time_since_epoch() == 2000ns);
  CHECK(s.house.ports() == std::vector<std::string>{"alsa/Keys/MIDI 1"});
}

TEST_CASE("a device gets each event with its time, and is flushed once a batch",
          "[actors][local]") {
  stage s;
  std::vector<protocol::event> events{{make_short(0x90, 1, 1), protocol::hub_time(5ms)},
                                      {make_short(0x90, 2, 1), protocol::hub_time(6ms)}};
  s.house.play(s.player, events);
  s.settle();
  CHECK(s.written() == "900101900201");
  CHECK(s.device->times == std::vector<std::chrono::nanoseconds>{5ms, 6ms});
  CHECK(s.device->flushes == 1);
}

TEST_CASE("clock and active sensing pass as configured, both ways", "[actors][local]") {
  for (auto clock : {true, false})
    for (auto sensing : {true, false}) {
      local_port_options options;
      options.clock = clock;
      options.active_sensing = sensing;
      stage s(options);
      s.house.play(s.player, make_short(0xF8));
      s.house.play(s.player, make_short(0xFE));
      s.house.play(s.player, make_short(0xFA));
      s.device->arrive(1ns, hex("f8fefa"));
      s.settle();
      CHECK(s.written() == std::string(clock ? "f8" : "") + (sensing ? "fe" : "") + "fa");
      CHECK(s.heard.size() == 1u + clock + sensing);
    }
}

TEST_CASE("what a device does not take now it gets later", "[actors][local]") {
  stage s;
  s.device->room = 1;
  for (std::uint8_t note = 0; note < 3; ++note)
    s.house.play(s.player, make_short(0x90, note, 1));
  s.settle();
  CHECK(s.written() == "900001");
  s.device->room = SIZE_MAX;
  s.device->tell();
  s.settle();
  CHECK(s.written() == "900101900201");
}

TEST_CASE("a device that takes nothing for long is left silent and blocks nothing",
          "[actors][local]") {
  stage s;
  s.house.play(s.player, make_short(0x90, 60, 1));
  s.house.play(s.player, make_sysex(sysex_form::start, hex("010203040506")));
  s.settle();
  CHECK(s.written() == "903c01f0010203040506");
  s.device->room = 0;
  s.house.play(s.player, make_sysex(sysex_form::end, hex("07")));
  for (int i = 0; i < 40'000; ++i)
    s.house.play(s.player, make_short(0xB0, 7, static_cast<std::uint8_t>(i % 128)));
  s.house.run_for(100ms);
  CHECK(s.house.ask<local_port_info>(s.port, atom::status_v).dropped > 0);
  CHECK(s.house.ask<local_port_info>(s.port, atom::status_v).waiting < 70'000);
  s.device->room = SIZE_MAX;
  s.device->tell();
  s.settle();
  auto text = s.written();
  CHECK(text.substr(0, 2) == "f7"); // the SysEx that it was in the middle of
  CHECK(text.find("803c40") != std::string::npos);
}

TEST_CASE("a paced device gets no more than its share", "[actors][local]") {
  local_port_options options;
  options.octets_per_second = 20'000;
  stage s(options);
  for (int i = 0; i < 2000; ++i)
    s.house.play(s.player, make_short(0x80, 60, 64));
  auto begin = std::chrono::steady_clock::now();
  REQUIRE(s.house.run_until([&] { return s.device->written.size() == 6000; }));
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  CHECK(seconds > 0.2); // 6000 octets less the burst of 1024 take 0.25 s
  CHECK(s.device->written.size() == 6000);
}

TEST_CASE("a port that fails lets go of its device", "[actors][local]") {
  stage s;
  caf::anon_send_exit(s.port, caf::exit_reason::unhandled_exception);
  s.settle();
  CHECK(s.device->is_closed);
}

TEST_CASE("when a device goes, what it left sounding is released", "[actors][local]") {
  stage s;
  s.device->arrive(1ns, hex("903c40"));
  s.settle();
  s.heard.clear();
  caf::anon_send(s.port, atom::leave_v);
  s.settle();
  CHECK(s.device->is_closed);
  REQUIRE(s.heard.size() == 1);
  CHECK(s.heard[0].message == make_short(0x80, 60, 64));
}
