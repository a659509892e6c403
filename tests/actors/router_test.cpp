// The router between plain test ports, in virtual time.
#include "protocol/sysex_gate.hpp"
#include "tests/support/actor_stage.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <numeric>
#include <random>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;

namespace {

using octets = std::vector<std::uint8_t>;

ump note_on(std::uint8_t note, std::uint8_t channel = 0) {
  return make_short(0x90 | channel, note, 100);
}
ump note_off(std::uint8_t note, std::uint8_t channel = 0) {
  return make_short(0x80 | channel, note, 64);
}
ump chunk(sysex_form form, octets data = {1}) {
  return make_sysex(form, data);
}
const ump clock_message = make_short(0xF8);
const ump cancelled = make_sysex(sysex_form::cancelled, {});

struct routed_stage : actor_stage {
  struct port {
    port_key key;
    midi_sink sink;
    std::shared_ptr<heard> ear = std::make_shared<heard>();

    std::vector<ump> take() {
      std::vector<ump> messages;
      for (const auto& e : ear->events)
        messages.push_back(e.message);
      ear->events.clear();
      ear->batches.clear();
      return messages;
    }
  };

  routed_stage()
      : router(keep(spawn_router(system(), std::make_shared<routing_settings>()))) {}

  port add(std::string name, bool source = true, bool destination = true) {
    port added;
    added.key = next_port_key();
    added.sink = audience(added.ear);
    attach(added, std::move(name), source, destination);
    return added;
  }
  void attach(const port& which, std::string name, bool source = true, bool destination = true) {
    tell(router, atom::attach_v, which.key,
         port_description{port_kind::test, "stage", std::move(name), source, destination},
         which.sink);
    run();
  }
  void detach(const port& which) {
    tell(router, atom::detach_v, which.key);
    run();
  }
  void play(const port& from, const std::vector<ump>& messages) {
    std::vector<event> events;
    for (const auto& message : messages)
      events.push_back({message, now(), true});
    tell(router, atom::midi_v, from.key, make_batch(events));
    run();
  }
  std::map<std::string, port_info> status() {
    std::map<std::string, port_info> by_id;
    auto answer = ask<std::vector<port_info>>(router, atom::status_v);
    REQUIRE(answer);
    for (auto& info : *answer)
      by_id[info.id] = info;
    return by_id;
  }
  /// Delayed messages that wait in the clock.
  std::size_t planned() { return scheduler().clock().schedule().size(); }

  router_actor router;
};

using messages = std::vector<ump>;

} // namespace

TEST_CASE_METHOD(routed_stage, "everyone hears everyone else, and nobody oneself",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {note_on(60), clock_message});
  CHECK(anna.take().empty());
  CHECK(bert.take() == messages{note_on(60), clock_message});
  CHECK(carl.take() == messages{note_on(60), clock_message});
  play(bert, {note_on(61)});
  CHECK(anna.take() == messages{note_on(61)});
  CHECK(bert.take().empty());
}

TEST_CASE_METHOD(routed_stage, "one batch is shared by all destinations", "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  auto batch = make_batch(std::vector<event>{{note_on(60), now(), true}});
  tell(router, atom::midi_v, anna.key, batch);
  run();
  REQUIRE(bert.ear->batches.size() == 1);
  CHECK(bert.ear->batches[0] == batch);
  CHECK(carl.ear->batches[0] == batch);
  // A whole SysEx changes nothing about that.
  batch = make_batch(std::vector<event>{{chunk(sysex_form::complete), now(), true}});
  tell(router, atom::midi_v, anna.key, batch);
  run();
  CHECK(bert.ear->batches[1] == batch);
}

TEST_CASE_METHOD(routed_stage, "a port that is no destination hears nothing, one unknown is nobody",
                 "[actors][router]") {
  auto anna = add("Anna"), mute = add("sink", false, true), deaf = add("source", true, false);
  play(anna, {note_on(60)});
  CHECK(deaf.take().empty());
  CHECK(mute.take().size() == 1);
  play(deaf, {note_on(61)});
  CHECK(anna.take() == messages{note_on(61)});
  routed_stage::port stranger;
  stranger.key = 999'999;
  play(stranger, {note_on(62)});
  CHECK(anna.take().empty());
}

TEST_CASE_METHOD(routed_stage, "what a port left sounding is released when it goes",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna,
       {note_on(60), note_on(61), note_off(61), make_short(0xB0, 64, 127), make_short(0xE0, 1, 1)});
  bert.take();
  carl.take();
  detach(anna);
  messages releases{note_off(60), make_short(0xB0, 64, 0), make_short(0xE0, 0, 64)};
  CHECK(bert.take() == releases);
  CHECK(carl.take() == releases);
  CHECK(anna.take().empty());
  play(anna, {note_on(62)});
  CHECK(bert.take().empty());
  detach(anna);
  CHECK(bert.take().empty());
}

TEST_CASE_METHOD(routed_stage, "a port that starts anew is released and lives on",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert");
  play(anna, {note_on(60)});
  bert.take();
  tell(router, atom::release_v, anna.key);
  run();
  CHECK(bert.take() == messages{note_off(60)});
  play(anna, {note_on(60)});
  CHECK(bert.take() == messages{note_on(60)});
  tell(router, atom::release_v, anna.key);
  tell(router, atom::release_v, anna.key);
  tell(router, atom::release_v, port_key(999'999));
  run();
  CHECK(bert.take() == messages{note_off(60)});
}

TEST_CASE_METHOD(routed_stage, "a port that comes up again under its key is released first",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert");
  play(anna, {note_on(60)});
  bert.take();
  attach(anna, "Anna");
  CHECK(bert.take() == messages{note_off(60)});
  play(bert, {note_on(61)});
  CHECK(anna.take() == messages{note_on(61)});
  CHECK(status().size() == 2);
}

TEST_CASE_METHOD(routed_stage, "only one SysEx at a time goes to a destination",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {chunk(sysex_form::start, {1})});
  play(bert, {note_on(60), chunk(sysex_form::complete, {2})});
  CHECK(carl.take() == messages{chunk(sysex_form::start, {1})});
  CHECK(anna.take() == messages{note_on(60), chunk(sysex_form::complete, {2})}); // no SysEx there
  play(anna, {chunk(sysex_form::end, {3})});
  CHECK(carl.take() ==
        messages{chunk(sysex_form::end, {3}), note_on(60), chunk(sysex_form::complete, {2})});
}

TEST_CASE_METHOD(routed_stage, "a SysEx of 64 KiB arrives whole while another plays clock",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  octets body(65'536);
  std::iota(body.begin(), body.end(), 0);
  for (auto& octet : body)
    octet &= 0x7F;
  std::size_t clocks = 0;
  for (std::size_t i = 0; i < body.size(); i += 600) {
    messages part;
    for (auto j = i; j < std::min(i + 600, body.size()); j += 6) {
      auto size = std::min<std::size_t>(6, body.size() - j);
      auto form = j == 0                    ? sysex_form::start
                  : j + size == body.size() ? sysex_form::end
                                            : sysex_form::proceed;
      part.push_back(make_sysex(form, std::span(body).subspan(j, size)));
    }
    play(anna, part);
    play(bert, {clock_message, note_on(static_cast<std::uint8_t>(i / 600 % 128))});
    ++clocks;
    advance(2ms);
  }
  octets received;
  std::size_t clocks_inside = 0, notes_after = 0;
  auto open = true;
  for (const auto& message : carl.take()) {
    if (message == clock_message) {
      clocks_inside += open;
    } else if (message.is_sysex()) {
      for (unsigned i = 0; i < message.sysex_size(); ++i)
        received.push_back(message.sysex_octet(i));
      open = !message.ends_sysex();
    } else {
      CHECK_FALSE(open);
      ++notes_after;
    }
  }
  CHECK((received == body));
  CHECK(clocks_inside == clocks - 1); // none waited; the last came when the SysEx was over
  CHECK(notes_after == clocks);
}

TEST_CASE_METHOD(routed_stage, "a SysEx that stalls is cancelled after a second and the wait ends",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {chunk(sysex_form::start)});
  advance(500ms);
  play(anna, {chunk(sysex_form::proceed)});
  play(bert, {note_on(60)});
  advance(999ms);
  CHECK(carl.take().size() == 2);
  advance(1ms);
  CHECK(carl.take() == messages{cancelled, note_on(60)});
  CHECK(bert.take() == messages{chunk(sysex_form::start), chunk(sysex_form::proceed), cancelled});
  play(anna, {chunk(sysex_form::end), note_on(61)});
  CHECK(carl.take() == messages{note_on(61)});
}

TEST_CASE_METHOD(routed_stage, "a SysEx whose source goes is cancelled, then its notes released",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {note_on(60), chunk(sysex_form::start)});
  play(bert, {note_on(61)});
  carl.take();
  detach(anna);
  CHECK(carl.take() == messages{cancelled, note_on(61), note_off(60)});
}

TEST_CASE_METHOD(routed_stage, "what a gone source has waiting still goes out, with its releases",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {chunk(sysex_form::start)});
  play(bert, {note_on(61)});
  carl.take();
  detach(bert);
  CHECK(carl.take().empty());
  play(anna, {chunk(sysex_form::end)});
  CHECK(carl.take() == messages{chunk(sysex_form::end), note_on(61), note_off(61)});
}

TEST_CASE_METHOD(routed_stage, "a destination that comes in the middle of a SysEx hears the next",
                 "[actors][router]") {
  auto anna = add("Anna");
  auto bert = add("Bert");
  play(anna, {chunk(sysex_form::start, {1})});
  auto late = add("Late");
  play(anna, {chunk(sysex_form::proceed, {2}), chunk(sysex_form::end, {3}), note_on(60),
              chunk(sysex_form::complete, {4})});
  CHECK(late.take() == messages{note_on(60), chunk(sysex_form::complete, {4})});
}

TEST_CASE_METHOD(routed_stage, "a destination that died costs nothing", "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  end(bert.sink);
  play(anna, {note_on(60), chunk(sysex_form::start)});
  CHECK(carl.take().size() == 2);
  advance(2s);
  CHECK(carl.take() == messages{cancelled});
}

TEST_CASE_METHOD(routed_stage, "status names every port, up or away, with what it did",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), twin = add("Bert"), carl = add("Carl", false, true);
  play(anna, {note_on(60), note_on(61)});
  detach(twin);
  auto ports = status();
  REQUIRE(ports.size() == 4);
  CHECK(ports["test/stage/Anna"].up);
  CHECK(ports["test/stage/Anna"].events_in == 2);
  CHECK(ports["test/stage/Anna"].events_out == 0);
  CHECK(ports["test/stage/Bert"].events_out == 2);
  CHECK_FALSE(ports["test/stage/Bert (2)"].up);
  CHECK_FALSE(ports["test/stage/Carl"].description.source);
  CHECK(ports["test/stage/Carl"].dropped == 0);
}

TEST_CASE_METHOD(routed_stage, "what a full wait costs is counted for the destination",
                 "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  play(anna, {chunk(sysex_form::start)});
  for (int i = 0; i < 20; ++i)
    play(bert, messages(1000, note_on(60)));
  CHECK(status()["test/stage/Carl"].dropped == 20'000 - sysex_gate_limits{}.waiting_events);
  CHECK(status()["test/stage/Anna"].dropped == 0);
}

TEST_CASE_METHOD(routed_stage, "heartbeats do not multiply", "[actors][router]") {
  auto anna = add("Anna"), bert = add("Bert"), carl = add("Carl");
  for (int i = 0; i < 500; ++i) {
    play(anna, {chunk(sysex_form::start)});
    advance(7ms);
    play(bert, {chunk(sysex_form::start)});
    advance(7ms);
    play(anna, {chunk(sysex_form::end)});
    advance(7ms);
    play(bert, {chunk(sysex_form::end)});
    advance(7ms);
  }
  CHECK(planned() <= 3);
  advance(3s);
  CHECK(planned() == 0);
  carl.take();
}

TEST_CASE_METHOD(routed_stage, "ports that come, play and go at random leave nothing sounding",
                 "[actors][router]") {
  std::mt19937 random(2024);
  auto listener = add("listener", false, true);
  std::vector<std::optional<port>> ports(6);
  auto open = false;
  std::map<int, int> sounding; // channel and note to strikes
  auto listen = [&] {
    for (const auto& message : listener.take()) {
      if (message.is_sysex()) {
        REQUIRE(message.begins_sysex() != open);
        open = !message.ends_sysex();
      } else if (!message.is_real_time()) {
        REQUIRE_FALSE(open);
        auto key = message.channel() << 8 | message.data1();
        if ((message.status() & 0xF0) == 0x90)
          ++sounding[key];
        else
          sounding.erase(key);
      }
    }
  };
  for (int step = 0; step < 3000; ++step) {
    auto which = random() % ports.size();
    auto& one = ports[which];
    auto channel = static_cast<std::uint8_t>(which);
    if (!one) {
      one = add("port " + std::to_string(which));
    } else if (random() % 20 == 0) {
      detach(*one);
      one.reset();
    } else {
      messages some;
      for (auto count = random() % 4 + 1; count > 0; --count)
        switch (random() % 6) {
        case 0: some.push_back(clock_message); break;
        case 1: some.push_back(chunk(static_cast<sysex_form>(random() % 4))); break;
        case 2: some.push_back(chunk(sysex_form::complete)); break;
        case 3: some.push_back(note_off(random() % 8, channel)); break;
        default: some.push_back(note_on(random() % 8, channel)); break;
        }
      play(*one, some);
    }
    advance(random() % 10 ? 1ms : 300ms);
    listen();
  }
  for (auto& one : ports)
    if (one)
      detach(*one);
  advance(2s);
  listen();
  CHECK_FALSE(open);
  CHECK(sounding.empty());
}
