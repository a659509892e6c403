// Loops outside the hub are found and cut before they flood; music, clocks and echoes are not.
#include "tests/support/studio.hpp"

#include <catch2/catch.hpp>
#include <queue>
#include <random>

using namespace tutti;
using namespace std::chrono_literals;
using test::studio;

namespace {

/// What the guard sends.
bool is_probe(const protocol::ump& m) {
  return m.is_sysex() && m.sysex_octet(0) == 0x7D && m.sysex_octet(1) == 0x54;
}

/// Hubs, devices and cables in one virtual time. A cable takes what a port of one hub hears to a
/// port of a hub (the same one, for a loop).
class wiring {
public:
  explicit wiring(std::size_t hubs)
      : hubs_(hubs) {}

  studio& hub(std::size_t index) { return hubs_[index]; }

  void port(std::size_t hub, const std::string& id) { hubs_[hub].up(id); }

  void cable(std::size_t from, const std::string& out, std::size_t to, const std::string& in,
             std::chrono::nanoseconds latency) {
    cables_.push_back({from, out, to, in, latency});
  }

  void connect() {
    for (std::size_t i = 0; i < hubs_.size(); ++i)
      hubs_[i].on_heard = [this, i](const std::string& id, const protocol::event& e) {
        for (const auto& c : cables_)
          if (c.from == i && c.out == id)
            send(c.to, c.in, e.message, now_ + c.latency);
      };
  }

  void send(std::size_t hub, const std::string& port, const protocol::ump& m,
            std::chrono::nanoseconds at) {
    wires_.push({at, sequence_++, hub, port, m});
  }
  void send(std::size_t hub, const std::string& port, const char* text,
            std::chrono::nanoseconds at) {
    for (const auto& e : test::midi(text))
      send(hub, port, e.message, at);
  }

  /// Plays on to `end`, or until so many messages have crossed cables that it is a flood.
  void run(std::chrono::nanoseconds end) {
    while (!wires_.empty() && wires_.top().at <= end && crossed_ < flood) {
      auto next = wires_.top();
      wires_.pop();
      advance(next.at);
      ++crossed_;
      probes_crossed_ += is_probe(next.message) ? 1 : 0;
      crossed_lately_ += next.at > end - 1s ? 1 : 0;
      protocol::event e{next.message, hubs_[next.hub].now()};
      hubs_[next.hub].play(next.port, std::span(&e, 1));
    }
    advance(end);
  }

  std::string loops() {
    std::string text;
    for (auto& hub : hubs_)
      if (auto these = hub.loops(); !these.empty())
        text += (text.empty() ? "" : "; ") + these;
    return text;
  }

  std::size_t crossed() const { return crossed_; }
  std::size_t probes_crossed() const { return probes_crossed_; }
  /// In the last second of the run.
  std::size_t crossed_lately() const { return crossed_lately_; }
  static constexpr std::size_t flood = 200000;

private:
  struct cable_run {
    std::size_t from;
    std::string out;
    std::size_t to;
    std::string in;
    std::chrono::nanoseconds latency;
  };
  struct in_flight {
    std::chrono::nanoseconds at;
    std::uint64_t sequence;
    std::size_t hub;
    std::string port;
    protocol::ump message;
    bool operator<(const in_flight& other) const {
      return std::pair(at, sequence) > std::pair(other.at, other.sequence);
    }
  };

  void advance(std::chrono::nanoseconds to) {
    // Step by step, as a hub that wakes up may send to another.
    while (now_ < to) {
      auto step = std::min(to - now_, std::chrono::nanoseconds(5ms));
      now_ += step;
      for (auto& hub : hubs_)
        hub.wait(step);
    }
  }

  std::vector<studio> hubs_;
  std::vector<cable_run> cables_;
  std::priority_queue<in_flight> wires_;
  std::chrono::nanoseconds now_{0};
  std::uint64_t sequence_ = 0;
  std::size_t crossed_ = 0, probes_crossed_ = 0, crossed_lately_ = 0;
};

/// A cable outside the hub from one of its ports to another.
std::unique_ptr<wiring> one_way_loop(std::chrono::nanoseconds latency) {
  auto w = std::make_unique<wiring>(1);
  for (auto id : {"alsa/keys/0<", "alsa/out/0>", "alsa/in/0<", "rtp/S/pad"})
    w->port(0, id);
  w->cable(0, "alsa/out/0>", 0, "alsa/in/0<", latency);
  w->connect();
  w->hub(0).changes();
  return w;
}

/// Two hubs joined by two cables, each with a player.
std::unique_ptr<wiring> ring(std::chrono::nanoseconds latency) {
  auto w = std::make_unique<wiring>(2);
  for (std::size_t hub : {0, 1}) {
    w->port(hub, "alsa/player/" + std::to_string(hub));
    w->port(hub, "rtp/ring/x");
    w->port(hub, "tcp/ring/y");
  }
  for (std::size_t hub : {0, 1})
    for (auto id : {"rtp/ring/x", "tcp/ring/y"})
      w->cable(hub, id, 1 - hub, id, latency);
  w->connect();
  return w;
}

} // namespace

TEST_CASE("a cable from one port to another is found and cut", "[routing][loop]") {
  for (auto latency : {200us, 1000us, 5000us, 20000us}) {
    INFO(latency.count() << " us");
    auto w = one_way_loop(latency);
    w->send(0, "alsa/keys/0<", "90 3c 40", 10ms);
    w->send(0, "alsa/keys/0<", "80 3c 40", 500ms);
    w->run(8s);
    CHECK_THAT(w->loops(), Catch::Contains("cut alsa/in/0< to alsa/out/0>"));
    CHECK(w->crossed() < 1500);
    CHECK(w->crossed_lately() == 0);
    CHECK(w->hub(0).at("alsa/out/0>").silent());
    CHECK(w->hub(0).at("rtp/S/pad").silent());
  }
}

TEST_CASE("two hubs in a ring are cut open and play on", "[routing][loop]") {
  for (auto latency : {100us, 2000us, 15000us, 40000us}) {
    INFO(latency.count() << " us");
    auto w = ring(latency);
    w->send(0, "alsa/player/0", "90 3c 40", 10ms);
    w->send(0, "alsa/player/0", "80 3c 40", 400ms);
    w->run(9s);
    CHECK_THAT(w->loops(), Catch::Contains("cut ") && Catch::Contains("ring"));
    CHECK(w->crossed() < 6000);
    CHECK(w->crossed_lately() == 0);
    for (std::size_t hub : {0, 1})
      for (const auto& [id, ear] : w->hub(hub).ears()) {
        INFO(hub << " " << id << ": " << ear.text());
        CHECK(ear.silent());
      }
    // The players still hear each other.
    w->hub(1).heard();
    w->send(0, "alsa/player/0", "90 40 40 | 80 40 40", 9100ms);
    w->run(9500ms);
    CHECK_THAT(w->hub(1).heard(), Catch::Contains("alsa/player/1: 90 40 40"));
  }
}

TEST_CASE("a clock in a ring is cut", "[routing][loop]") {
  auto w = ring(1ms);
  for (int i = 0; i < 480; ++i)
    w->send(0, "alsa/player/0", "f8", i * 20ms);
  w->run(9s);
  CHECK_THAT(w->loops(), Catch::Contains("cut "));
  CHECK(w->crossed() < 12000);
  // 50 a second from the player, once over each cable and back to each port of the other hub.
  CHECK(w->crossed_lately() < 50 * 8);
}

TEST_CASE("a SysEx message that circulates is cut", "[routing][loop]") {
  auto w = one_way_loop(2ms);
  w->send(0, "alsa/keys/0<", "f0 7e 7f 06 01 01 02 03 04 f7", 0ms);
  w->run(5s);
  CHECK_THAT(w->loops(), Catch::Contains("cut alsa/in/0< to alsa/out/0>"));
  CHECK(w->crossed() < 300);
}

TEST_CASE("a cut pair is tried again, later each time while the loop is there", "[routing][loop]") {
  auto w = one_way_loop(1ms);
  for (int i = 0; i < 100; ++i)
    w->send(0, "alsa/keys/0<", "b0 07 40", i * 1s + 1ms);
  w->run(100s);
  auto text = w->loops();
  auto count = [&](const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
      ++found;
    return found;
  };
  INFO(text);
  CHECK(count("retry alsa/in/0< to alsa/out/0>") >= 2);
  CHECK(count("retry alsa/in/0< to alsa/out/0>") <= 5);
  // The way to the pad is no part of the loop and stays open.
  CHECK(count("pad") == 0);
}

TEST_CASE("legitimate repetition passes untouched", "[routing][loop]") {
  std::vector<std::string> ids = {"alsa/drums/0", "alsa/synth/0", "rtp/S/A", "rtp/S/B"};
  studio s;
  for (const auto& id : ids)
    s.up(id);
  std::size_t expected = 0, heard = 0, probes = 0;
  s.on_heard = [&](const std::string&, const protocol::event& e) {
    (is_probe(e.message) ? probes : heard) += 1;
  };
  auto play = [&](const std::string& id, std::string_view text) {
    expected += test::midi(text).size() * 3;
    s.play(id, text);
  };
  SECTION("a drum machine in sixteenths for minutes") {
    for (int i = 0; i < 2000; ++i) {
      play("alsa/drums/0", "99 24 64 | 99 2a 50");
      s.wait(62ms);
      play("alsa/drums/0", "89 24 40 | 89 2a 40");
      s.wait(62ms);
    }
  }
  SECTION("a drum roll in sixty-fourths") {
    for (int i = 0; i < 300; ++i) {
      play("alsa/drums/0", "99 26 64 | 89 26 40");
      s.wait(31ms);
    }
  }
  SECTION("two machines in unison") {
    for (int i = 0; i < 500; ++i) {
      play("alsa/drums/0", "99 24 64");
      play("alsa/synth/0", "99 24 64");
      s.wait(125ms);
      play("alsa/drums/0", "89 24 40");
      play("alsa/synth/0", "89 24 40");
      s.wait(125ms);
    }
  }
  SECTION("a clock at 300 beats a minute, active sensing and a transport") {
    for (int i = 0; i < 12000; ++i) {
      play("rtp/S/A", "f8");
      if (i % 20 == 0)
        play("rtp/S/B", "fe");
      if (i % 500 == 0)
        play("rtp/S/A", "fa");
      s.wait(8333us);
    }
  }
  SECTION("a synthesizer that echoes all it hears") {
    for (int i = 0; i < 500; ++i) {
      for (auto text : {"90 3c 64", "80 3c 40"}) {
        play("rtp/S/A", text);
        s.wait(2ms);
        play("alsa/synth/0", text);
        s.wait(60ms);
      }
    }
  }
  SECTION("a modulation that sweeps through all values") {
    for (int i = 0; i < 8000; ++i) {
      char text[16];
      auto value = unsigned(std::abs(i * 4 % 254 - 127));
      std::snprintf(text, sizeof text, "b0 01 %02x", value);
      play("rtp/S/A", text);
      s.wait(2ms);
    }
  }
  SECTION("a dump of equal SysEx chunks") {
    std::string dump = "f0 7d";
    for (int i = 0; i < 5000; ++i)
      dump += " 00";
    auto batch = test::midi(dump + " f7");
    expected += batch.size() * 3;
    s.play("rtp/S/A", batch);
  }
  CHECK(heard == expected);
  CHECK(probes <= 18); // six times in four minutes, to three destinations
  CHECK(s.loops() == "");
}

TEST_CASE("a source that repeats itself fast is probed seldom and never disturbed",
          "[routing][loop]") {
  studio s;
  s.up("alsa/sensor/0");
  s.up("rtp/S/A");
  std::size_t heard = 0, probes = 0;
  s.on_heard = [&](const std::string&, const protocol::event& e) {
    (is_probe(e.message) ? probes : heard) += 1;
  };
  for (int i = 0; i < 100000; ++i) {
    s.play("alsa/sensor/0", "b0 10 40");
    s.wait(2ms);
  }
  CHECK(heard == 100000);
  CHECK(probes <= 6); // in 200 s: after 0, 10, 30, 70, 150 s
  CHECK(s.loops() == "");
}

TEST_CASE("two devices that echo what they hear make a loop of each other", "[routing][loop]") {
  auto w = std::make_unique<wiring>(1);
  for (auto id : {"alsa/keys/0<", "alsa/echo/1", "alsa/echo/2"})
    w->port(0, id);
  w->cable(0, "alsa/echo/1", 0, "alsa/echo/1", 3ms);
  w->cable(0, "alsa/echo/2", 0, "alsa/echo/2", 4ms);
  w->connect();
  w->send(0, "alsa/keys/0<", "90 3c 40", 10ms);
  w->send(0, "alsa/keys/0<", "80 3c 40", 300ms);
  w->run(8s);
  CHECK_THAT(w->loops(), Catch::Contains("cut alsa/echo/"));
  CHECK(w->crossed_lately() == 0);
}

TEST_CASE("a circle through three routes is found and opened at one of them", "[routing][loop]") {
  auto w = std::make_unique<wiring>(1);
  auto& hub = w->hub(0);
  hub.set_rules(
      {"{'from': 'alsa/in/a<', 'to': 'alsa/out/b>'}", "{'from': 'alsa/in/b<', 'to': 'alsa/out/c>'}",
       "{'from': 'alsa/in/c<', 'to': 'alsa/out/a>'}", "{'from': 'alsa/in/a<', 'to': 'rtp/S/pad'}"});
  for (auto id : {"alsa/in/a<", "alsa/in/b<", "alsa/in/c<", "alsa/out/a>", "alsa/out/b>",
                  "alsa/out/c>", "rtp/S/pad"})
    w->port(0, id);
  for (std::string id : {"a", "b", "c"})
    w->cable(0, "alsa/out/" + id + ">", 0, "alsa/in/" + id + "<", 2ms);
  w->connect();
  w->send(0, "alsa/in/a<", "90 3c 40", 10ms);
  w->run(5s);
  auto loops = w->loops();
  CHECK_THAT(loops,
             Catch::StartsWith("cut alsa/in/") && !Catch::Contains(",") && !Catch::Contains("pad"));
  CHECK(w->crossed() < 200);
}

TEST_CASE("a guard that is switched off suspects nothing", "[routing][loop]") {
  routing::loop_limits off;
  off.enabled = false;
  routing::loop_guard guard(off);
  for (int i = 0; i < 1000; ++i)
    CHECK_FALSE(guard.take(0, test::midi("90 3c 40")[0].message,
                           protocol::hub_time(std::chrono::milliseconds(i))));
  CHECK_FALSE(guard.has_suspected());
}

TEST_CASE("a circle as slow as a rhythm is found in time", "[routing][loop]") {
  auto w = one_way_loop(200ms);
  for (int i = 0; i < 60; ++i) {
    char text[32];
    std::snprintf(text, sizeof text, "90 %02x 40 | 80 %02x 40", 36 + i, 36 + i);
    w->send(0, "alsa/keys/0<", text, i * 500ms + 1ms);
  }
  w->run(60s);
  CHECK_THAT(w->loops(), Catch::Contains("cut alsa/in/0< to alsa/out/0>"));
  CHECK(w->crossed_lately() == 0);
}

TEST_CASE("active sensing of a hundred keyboards is nothing to probe for", "[routing][loop]") {
  studio s;
  for (int i = 0; i < 100; ++i)
    s.up("rtp/S/" + std::to_string(i));
  std::size_t probes = 0;
  s.on_heard = [&](const std::string&, const protocol::event& e) {
    probes += is_probe(e.message) ? 1 : 0;
  };
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 100; ++i)
      s.play("rtp/S/" + std::to_string(i), "fe");
    s.wait(300ms);
  }
  CHECK(probes == 0);
}

TEST_CASE("no probe goes where the rules let no System Exclusive go", "[routing][loop]") {
  studio s({"{'from': '*', 'to': 'alsa/old/*', 'filter': {'exclude': {'types': 'sysex'}}}",
            "{'from': '*', 'to': 'alsa/new/*'}"});
  for (auto id : {"alsa/keys/0<", "alsa/old/0>", "alsa/new/0>"})
    s.up(id);
  std::string probed;
  s.on_heard = [&](const std::string& id, const protocol::event& e) {
    probed += is_probe(e.message) ? id : "";
  };
  for (int i = 0; i < 100; ++i)
    s.play("alsa/keys/0<", "b0 10 40");
  CHECK(probed == "alsa/new/0>");
}

TEST_CASE("a route that stops what is suspected is not cut", "[routing][loop]") {
  // What leaves by out comes back by in, but only programs go on from there.
  auto w = one_way_loop(1ms);
  w->hub(0).set_rules(
      {"{'from': 'alsa/keys/*', 'to': 'alsa/out/*'}",
       "{'from': 'alsa/in/*', 'to': 'alsa/out/*', 'filter': {'types': 'program'}}"});
  for (int i = 0; i < 200; ++i)
    w->send(0, "alsa/keys/0<", "b0 10 40", i * 5ms);
  w->run(2s);
  CHECK(w->loops() == "");
  w->send(0, "alsa/keys/0<", "c0 05", 2s);
  w->run(30s);
  CHECK_THAT(w->loops(), Catch::Contains("cut alsa/in/0< to alsa/out/0>"));
}

TEST_CASE("a probe that comes back too late is swallowed and proves nothing", "[routing][loop]") {
  auto w = one_way_loop(2500ms);
  for (int i = 0; i < 100; ++i)
    w->send(0, "alsa/keys/0<", "b0 10 40", i * 5ms);
  w->run(20s);
  CHECK(w->loops() == "");
  CHECK(w->probes_crossed() >= 1);
  CHECK(w->probes_crossed() <= 4); // those that were sent, once each
}

TEST_CASE("another hub's probe is music like any other", "[routing][loop]") {
  studio s;
  s.up("alsa/K/0");
  s.up("rtp/S/A");
  s.play("alsa/K/0", "f0 7d 54 01 02 03 04 f7");
  CHECK(s.heard() == "rtp/S/A: f0 7d 54 01 02 03 04 f7");
}

TEST_CASE("random music in a ring always comes to rest", "[routing][loop][property]") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    auto w = ring(std::chrono::microseconds(200 + random() % 20000));
    for (int i = 0; i < 200; ++i) {
      auto hub = random() % 2;
      auto at = std::chrono::milliseconds(random() % 4000);
      char text[24];
      std::snprintf(text, sizeof text, "9%x %02x %02x", unsigned(random() % 3),
                    unsigned(random() % 128), 1 + unsigned(random() % 127));
      auto player = "alsa/player/" + std::to_string(hub);
      w->send(hub, player, text, at);
      text[0] = '8';
      w->send(hub, player, text, at + std::chrono::milliseconds(random() % 300));
    }
    w->run(12s);
    INFO("seed " << seed << ", " << w->crossed() << " messages");
    CHECK(w->crossed() < wiring::flood);
    CHECK(w->crossed_lately() == 0);
  }
}
