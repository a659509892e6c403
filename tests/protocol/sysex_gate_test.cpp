// One SysEx at a time: legality is judged by a checker that knows nothing of the gate.
#include "protocol/sysex_gate.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

using namespace tutti::protocol;
using namespace std::chrono_literals;

namespace {

using octets = std::vector<std::uint8_t>;

constexpr hub_time at(std::chrono::nanoseconds time) {
  return hub_time(time);
}

event of(const ump& message) {
  return {message, {}, true};
}
event chunk(sysex_form form, octets data) {
  return of(make_sysex(form, data));
}
event start(octets data = {1}) {
  return chunk(sysex_form::start, std::move(data));
}
event proceed(octets data = {2}) {
  return chunk(sysex_form::proceed, std::move(data));
}
event end(octets data = {3}) {
  return chunk(sysex_form::end, std::move(data));
}
event complete(octets data = {4}) {
  return chunk(sysex_form::complete, std::move(data));
}
event cancelled() {
  return chunk(sysex_form::cancelled, {});
}
event note_on(std::uint8_t note) {
  return of(make_short(0x90, note, 100));
}
event note_off(std::uint8_t note) {
  return of(make_short(0x80, note, 64));
}
const event clock_tick_event = of(make_short(0xF8));

/// A gate with its output, and time in milliseconds.
struct gate_under_test {
  explicit gate_under_test(const sysex_gate_limits& limits = {})
      : gate(limits) {}

  void accept(sysex_gate::source_id source, const std::vector<event>& events,
              std::chrono::nanoseconds now = 0ns) {
    gate.accept(source, events, at(now), out);
  }
  std::vector<ump> take() {
    std::vector<ump> messages;
    for (const auto& e : out)
      messages.push_back(e.message);
    out.clear();
    return messages;
  }

  sysex_gate gate;
  std::vector<event> out;
};

std::vector<ump> messages(std::initializer_list<event> events) {
  std::vector<ump> out;
  for (const auto& e : events)
    out.push_back(e.message);
  return out;
}

/// Reads a stream as a MIDI 1.0 receiver does. `illegal` names the first broken rule.
class stream_checker {
public:
  void take(const ump& message) {
    if (message.is_real_time())
      return;
    if (!message.is_sysex()) {
      if (open_)
        illegal = "a message inside a SysEx";
      others.push_back(message);
      return;
    }
    auto form = message.form();
    auto begins = form == sysex_form::start || form == sysex_form::complete;
    if (begins == open_)
      illegal = begins ? "a SysEx inside a SysEx" : "a chunk of no SysEx";
    if (begins)
      body_.clear();
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      body_.push_back(message.sysex_octet(i));
    open_ = form == sysex_form::start || form == sysex_form::proceed;
    if (form == sysex_form::cancelled)
      cancelled.push_back(body_);
    else if (!open_)
      whole.push_back(body_);
  }
  bool open() const { return open_; }

  const char* illegal = nullptr;
  std::vector<ump> others; ///< neither SysEx nor real-time
  std::vector<octets> whole;
  std::vector<octets> cancelled;

private:
  bool open_ = false;
  octets body_;
};

} // namespace

TEST_CASE("without a SysEx everything passes as it comes", "[protocol][sysex_gate]") {
  gate_under_test t;
  CHECK(t.gate.transparent());
  t.accept(1, {note_on(60), clock_tick_event, note_off(60)});
  t.accept(2, {complete()});
  CHECK(t.take() == messages({note_on(60), clock_tick_event, note_off(60), complete()}));
  CHECK(t.gate.transparent());
  CHECK(t.gate.next_deadline() == hub_time::max());
}

TEST_CASE("while a SysEx is open the others wait and real-time passes", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  CHECK_FALSE(t.gate.transparent());
  t.accept(2, {note_on(60), clock_tick_event});
  t.accept(1, {clock_tick_event, proceed()});
  t.accept(3, {note_on(70)});
  t.accept(2, {note_off(60)});
  CHECK(t.take() == messages({start(), clock_tick_event, clock_tick_event, proceed()}));
  t.accept(1, {end(), note_on(80)});
  CHECK(t.take() == messages({end(), note_on(60), note_on(70), note_off(60), note_on(80)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a SysEx that waited goes out in one piece before what came after it",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(1), start({7}), proceed({8})});
  t.accept(3, {note_on(2)});
  t.accept(2, {end({9}), note_on(3)});
  t.take();
  t.accept(1, {end()});
  CHECK(t.take() ==
        messages({end(), note_on(1), start({7}), proceed({8}), end({9}), note_on(2), note_on(3)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a SysEx that waited unfinished takes the stream when its turn comes",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.accept(2, {start({7})}, 10ms);
  t.accept(3, {note_on(2)}, 20ms);
  t.accept(1, {end()}, 30ms);
  CHECK(t.take() == messages({start(), end(), start({7})}));
  CHECK(t.gate.next_deadline() == at(30ms + 1s)); // its turn began only now
  t.accept(2, {end({8})}, 40ms);
  CHECK(t.take() == messages({end({8}), note_on(2)}));
}

TEST_CASE("a cancelled SysEx gives the stream free", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(60)});
  t.accept(1, {cancelled()});
  CHECK(t.take() == messages({start(), cancelled(), note_on(60)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("chunks of a SysEx whose start did not come here are dropped", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {proceed(), end(), cancelled()});
  CHECK(t.take().empty());
  CHECK(t.gate.transparent());
  t.accept(1, {start()});
  t.accept(2, {proceed(), note_on(60), end()});
  t.accept(1, {end()});
  CHECK(t.take() == messages({start(), end(), note_on(60)}));
}

// A start inside one's own open SysEx waited behind it: nothing could ever end that, and after the
// stall the new SysEx lost its rest.
TEST_CASE("a source that begins anew cancels its own open SysEx", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start({1})});
  t.accept(1, {start({2}), end({3})});
  CHECK(t.take() == messages({start({1}), cancelled(), start({2}), end({3})}));
  CHECK(t.gate.transparent());
  t.accept(1, {start({1}), complete({2})});
  CHECK(t.take() == messages({start({1}), cancelled(), complete({2})}));
  CHECK(t.gate.transparent());
}

// The second start stayed behind in the queue while the chunks after it were taken for the first.
TEST_CASE("a source that begins anew while it waits does not mix its two SysEx",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {start({10}), proceed({11}), start({20}), end({21})});
  t.take();
  t.accept(1, {end()});
  stream_checker checker;
  checker.take(start().message);
  for (const auto& message : t.take())
    checker.take(message);
  CHECK_FALSE(checker.illegal);
  CHECK(checker.whole == std::vector<octets>{{1, 3}, {20, 21}});
}

TEST_CASE("a stalled SysEx is cancelled and the rest of it dropped", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 10, .stall = 100ms});
  t.accept(1, {start()}, 0ms);
  t.accept(1, {proceed()}, 60ms);
  t.accept(2, {note_on(60)}, 70ms);
  CHECK(t.gate.next_deadline() == at(160ms));
  t.gate.on_deadline(at(159ms), t.out);
  CHECK(t.take() == messages({start(), proceed()}));
  t.gate.on_deadline(at(160ms), t.out);
  CHECK(t.take() == messages({cancelled(), note_on(60)}));
  CHECK(t.gate.counters().stalled_sysex == 1);
  CHECK(t.gate.next_deadline() == hub_time::max());
  t.accept(1, {proceed(), note_on(61), end(), note_on(62)}, 200ms);
  CHECK(t.take() == messages({note_on(61), note_on(62)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("after a stall the source's next SysEx passes", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 10, .stall = 100ms});
  t.accept(1, {start()}, 0ms);
  t.gate.on_deadline(at(100ms), t.out);
  t.take();
  t.accept(1, {start({5}), proceed({6}), end({7})}, 200ms); // the end of the first never came
  CHECK(t.take() == messages({start({5}), proceed({6}), end({7})}));
}

TEST_CASE("real-time does not keep a stalled SysEx alive", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.accept(1, {clock_tick_event}, 900ms);
  CHECK(t.gate.next_deadline() == at(1s));
}

TEST_CASE("a source that goes away ends its open SysEx", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start(), proceed()});
  t.accept(2, {note_on(60)});
  t.take();
  t.gate.on_source_gone(1, at(5ms), t.out);
  CHECK(t.take() == messages({cancelled(), note_on(60)}));
  CHECK(t.gate.transparent());
}

TEST_CASE("what a source sent before it went away still goes out, its unfinished SysEx does not",
          "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  t.accept(2, {note_on(60), complete({9}), start({10}), proceed({11})});
  t.accept(2, {note_off(60)});
  t.take();
  t.gate.on_source_gone(2, at(0ms), t.out);
  CHECK(t.take().empty());
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), note_on(60), complete({9}), note_off(60)}));
  CHECK(t.gate.counters().dropped_sysex == 1);
}

TEST_CASE("a source that is skipped and goes away is forgotten", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()}, 0ms);
  t.gate.on_deadline(at(1s), t.out);
  CHECK_FALSE(t.gate.transparent());
  t.gate.on_source_gone(1, at(1s), t.out);
  CHECK(t.gate.transparent());
}

TEST_CASE("beyond the limit what adds sound is dropped and what ends it enters",
          "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 2, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {note_on(1), note_on(2), note_on(3), of(make_short(0xE0, 0, 0)), note_off(4),
               of(make_short(0x90, 5, 0)), note_off(6)});
  CHECK(t.gate.counters().dropped_events == 3); // two beyond the limit, one beyond twice the limit
  t.accept(1, {end()});
  CHECK(t.take() ==
        messages({end(), note_on(1), note_on(2), note_off(4), of(make_short(0x90, 5, 0))}));
}

TEST_CASE("pedals up and mode messages count as ending sound", "[protocol][sysex_gate]") {
  auto pedal_up = of(make_short(0xB0, 64, 0));
  gate_under_test wide({.waiting_events = 1, .stall = 1s});
  wide.accept(1, {start()});
  wide.take();
  wide.accept(2, {note_on(1), pedal_up});
  wide.accept(1, {end()});
  CHECK(wide.take() == messages({end(), note_on(1), pedal_up}));
}

TEST_CASE("a waiting SysEx that outgrows the queue is dropped whole", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 4, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(
      2, {note_on(1), start({5}), proceed({6}), proceed({7}), proceed({8}), end({9}), note_on(2)});
  CHECK(t.gate.counters().dropped_sysex == 1);
  CHECK(t.gate.counters().dropped_events == 0);
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), note_on(1), note_on(2)}));
  CHECK(t.gate.transparent());
}

// The search for "its last SysEx" found the one before, which was whole.
TEST_CASE("a SysEx that does not fit takes no earlier one with it", "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 2, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {start({5}), end({6}), start({7}), proceed({8}), end({9})});
  t.accept(2, {complete({10})});
  CHECK(t.gate.counters().dropped_sysex == 2);
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), start({5}), end({6})}));
  CHECK(t.gate.transparent());
}

TEST_CASE("a waiting SysEx of another source is not touched when one is dropped",
          "[protocol][sysex_gate]") {
  gate_under_test t({.waiting_events = 3, .stall = 1s});
  t.accept(1, {start()});
  t.take();
  t.accept(2, {start({5})});
  t.accept(3, {start({6})});
  t.accept(2, {end({7})});
  t.accept(3, {end({8})}); // does not fit
  t.accept(1, {end()});
  CHECK(t.take() == messages({end(), start({5}), end({7})}));
  CHECK(t.gate.transparent());
}

namespace {

/// A source that plays by the rules: numbered bends and note offs, SysEx with its id in each chunk.
class lawful_source {
public:
  explicit lawful_source(std::uint8_t id)
      : id_(id) {}

  event next(std::mt19937& random) {
    auto dice = random() % 16;
    if (dice == 0)
      return clock_tick_event;
    if (!in_sysex_) {
      if (dice < 7)
        return other(
            make_short(static_cast<std::uint8_t>(0xE0 | id_), number_ & 127, number_ >> 7));
      if (dice < 12)
        return other(
            make_short(static_cast<std::uint8_t>(0x80 | id_), number_ & 127, number_ >> 7));
      body_ = {id_, static_cast<std::uint8_t>(number_ & 127),
               static_cast<std::uint8_t>(number_ >> 7)};
      ++number_;
      ++begun;
      in_sysex_ = dice < 15;
      if (!in_sysex_)
        whole.push_back(body_);
      return chunk(in_sysex_ ? sysex_form::start : sysex_form::complete, body_);
    }
    octets more{id_, static_cast<std::uint8_t>(random() % 128)};
    if (dice == 1) {
      in_sysex_ = false;
      ++cancels;
      return cancelled();
    }
    body_.insert(body_.end(), more.begin(), more.end());
    in_sysex_ = dice < 12;
    if (!in_sysex_)
      whole.push_back(body_);
    return chunk(in_sysex_ ? sysex_form::proceed : sysex_form::end, more);
  }
  bool in_sysex() const { return in_sysex_; }

  std::vector<ump> others;
  std::vector<octets> whole;
  std::size_t begun = 0;
  std::size_t cancels = 0;

private:
  event other(const ump& message) {
    ++number_;
    others.push_back(message);
    return of(message);
  }

  std::uint8_t id_;
  std::uint16_t number_ = 0;
  bool in_sysex_ = false;
  octets body_;
};

bool is_note_off(const ump& message) {
  return (message.status() & 0xF0) == 0x80;
}

template <class Value>
bool is_subsequence(const std::vector<Value>& part, const std::vector<Value>& whole) {
  auto i = part.begin();
  for (const auto& value : whole)
    if (i != part.end() && *i == value)
      ++i;
  return i == part.end();
}

/// What of `heard` is the source's own.
std::vector<ump> of_channel(const std::vector<ump>& heard, std::uint8_t id) {
  std::vector<ump> out;
  for (const auto& message : heard)
    if (message.channel() == id)
      out.push_back(message);
  return out;
}
std::vector<octets> of_first(const std::vector<octets>& heard, std::uint8_t id) {
  std::vector<octets> out;
  for (const auto& body : heard)
    if (!body.empty() && body[0] == id)
      out.push_back(body);
  return out;
}

struct gate_game {
  gate_game(unsigned seed, const sysex_gate_limits& limits)
      : random(seed)
      , t(limits) {
    for (std::uint8_t id = 0; id < 5; ++id)
      sources.emplace_back(id);
  }

  void look() {
    for (const auto& e : t.out) {
      checker.take(e.message);
      real_time += e.message.is_real_time();
    }
    t.out.clear();
    REQUIRE_FALSE(checker.illegal);
  }
  void play(std::uint8_t id, int count) {
    std::vector<event> batch;
    for (int i = 0; i < count; ++i) {
      batch.push_back(sources[id].next(random));
      real_time_sent += batch.back().message.is_real_time();
    }
    t.accept(id, batch, now);
    look();
  }
  void close_all() {
    for (std::uint8_t id = 0; id < sources.size(); ++id)
      while (sources[id].in_sysex())
        play(id, 1);
  }

  std::mt19937 random;
  gate_under_test t;
  std::vector<lawful_source> sources;
  stream_checker checker;
  std::chrono::nanoseconds now{};
  std::size_t real_time = 0;
  std::size_t real_time_sent = 0;
};

} // namespace

TEST_CASE("below the limits all sources arrive whole, in order and unmixed",
          "[protocol][sysex_gate]") {
  for (unsigned seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    gate_game game(seed, {});
    for (int step = 0; step < 300; ++step)
      game.play(static_cast<std::uint8_t>(game.random() % 5), 1 + game.random() % 4);
    game.close_all();
    CHECK(game.t.gate.transparent());
    CHECK(game.real_time == game.real_time_sent);
    for (std::uint8_t id = 0; id < 5; ++id) {
      CHECK(of_channel(game.checker.others, id) == game.sources[id].others);
      CHECK(of_first(game.checker.whole, id) == game.sources[id].whole);
    }
    auto& counters = game.t.gate.counters();
    CHECK(counters.dropped_events + counters.dropped_sysex + counters.stalled_sysex == 0);
  }
}

TEST_CASE("with a small queue note offs arrive, SysEx whole or not at all, and losses are counted",
          "[protocol][sysex_gate]") {
  std::uint64_t lost_events = 0;
  std::uint64_t lost_sysex = 0;
  for (unsigned seed = 100; seed < 160; ++seed) {
    INFO("seed " << seed);
    gate_game game(seed, {.waiting_events = 40, .stall = 1s});
    for (int step = 0; step < 400; ++step) {
      game.play(static_cast<std::uint8_t>(game.random() % 5), 1 + game.random() % 3);
      // What ends sound is only safe up to twice the limit; let the queue not come that far.
      if (step % 40 == 39)
        game.close_all();
    }
    game.close_all();
    CHECK(game.t.gate.transparent());
    std::size_t sent = 0, heard = 0, begun = 0;
    for (std::uint8_t id = 0; id < 5; ++id) {
      auto& source = game.sources[id];
      auto mine = of_channel(game.checker.others, id);
      CHECK(is_subsequence(mine, source.others));
      CHECK(std::ranges::count_if(mine, is_note_off) ==
            std::ranges::count_if(source.others, is_note_off));
      CHECK(is_subsequence(of_first(game.checker.whole, id), source.whole));
      sent += source.others.size();
      heard += mine.size();
      begun += source.begun;
    }
    auto& counters = game.t.gate.counters();
    CHECK(sent == heard + counters.dropped_events);
    CHECK(begun ==
          game.checker.whole.size() + game.checker.cancelled.size() + counters.dropped_sysex);
    lost_events += counters.dropped_events;
    lost_sysex += counters.dropped_sysex;
  }
  CHECK(lost_events > 0); // or the test shows nothing
  CHECK(lost_sysex > 0);
}

TEST_CASE("stalls and departures never break the stream, and what is whole is right",
          "[protocol][sysex_gate]") {
  for (unsigned seed = 200; seed < 260; ++seed) {
    INFO("seed " << seed);
    gate_game game(seed, {.waiting_events = 60, .stall = 50ms});
    for (int step = 0; step < 400; ++step) {
      game.now += std::chrono::milliseconds(game.random() % 8 == 0 ? 40 : 1);
      game.t.gate.on_deadline(at(game.now), game.t.out);
      game.look();
      CHECK(game.t.gate.next_deadline() > at(game.now));
      auto id = static_cast<std::uint8_t>(game.random() % 5);
      if (game.random() % 50 == 0) {
        game.t.gate.on_source_gone(id, at(game.now), game.t.out);
        game.look();
      } else {
        game.play(id, 1 + game.random() % 3);
      }
    }
    for (std::uint8_t id = 0; id < 5; ++id) {
      CHECK(is_subsequence(of_channel(game.checker.others, id), game.sources[id].others));
      CHECK(is_subsequence(of_first(game.checker.whole, id), game.sources[id].whole));
    }
    for (std::uint8_t id = 0; id < 5; ++id)
      game.t.gate.on_source_gone(id, at(game.now), game.t.out);
    game.look();
    CHECK(game.t.gate.transparent());
    CHECK_FALSE(game.checker.open());
  }
}

TEST_CASE("even lawless sources cannot make an illegal stream", "[protocol][sysex_gate]") {
  for (unsigned seed = 300; seed < 360; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    gate_under_test t({.waiting_events = 20 + random() % 50, .stall = 20ms});
    stream_checker checker;
    auto now = 0ms;
    for (int step = 0; step < 600; ++step) {
      now += std::chrono::milliseconds(random() % 8 == 0 ? 15 : 1);
      auto id = static_cast<std::uint8_t>(random() % 4);
      switch (random() % 12) {
      case 0: t.gate.on_deadline(at(now), t.out); break;
      case 1: t.gate.on_source_gone(id, at(now), t.out); break;
      case 2: t.accept(id, {note_on(1)}, now); break;
      case 3: t.accept(id, {note_off(1), clock_tick_event}, now); break;
      case 4:
      case 5: t.accept(id, {start({id, id})}, now); break;
      case 6: t.accept(id, {complete({id})}, now); break;
      case 7: t.accept(id, {cancelled()}, now); break;
      case 8: t.accept(id, {end({id})}, now); break;
      default: t.accept(id, {proceed({id, id, id})}, now); break;
      }
      for (const auto& e : t.out)
        checker.take(e.message);
      t.out.clear();
      REQUIRE_FALSE(checker.illegal);
    }
    for (const auto& bodies : {checker.whole, checker.cancelled})
      for (const auto& body : bodies)
        CHECK(std::ranges::count(body, body.empty() ? 0 : body[0]) ==
              static_cast<std::ptrdiff_t>(body.size())); // all of one source
  }
}

// The wait used to be gone through from the start for every SysEx in it.
TEST_CASE("a queue full of short SysEx drains in one go", "[protocol][sysex_gate]") {
  gate_under_test t;
  t.accept(1, {start()});
  std::vector<event> many;
  for (int i = 0; i < 8000; ++i) {
    many.push_back(start({5}));
    many.push_back(end({6}));
  }
  t.accept(2, many);
  t.take();
  auto begin = std::chrono::steady_clock::now();
  t.accept(1, {end()});
  auto took = std::chrono::steady_clock::now() - begin;
  CHECK(t.take().size() == 16'001);
  CHECK(took < 500ms); // some milliseconds; seconds before
}
