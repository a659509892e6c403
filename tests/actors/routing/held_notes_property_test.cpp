// After any sequence of rule changes, scene switches, port departures, cuts in time and notes: once
// all keys are up, nothing sounds at any destination.
#include "tests/support/seeds.hpp"
#include "tests/support/studio.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace tutti;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> ports = {"rtp/S/A", "rtp/S/B", "alsa/K/0", "jack/j/in<",
                                        "jack/j/out>"};

const std::vector<std::string> froms = {"'*'", "'rtp/*'", "'alsa/*'", "['*', '!rtp/S/A']",
                                        "'kind:jack'"};
const std::vector<std::string> filters = {"{}",
                                          "{'types': 'note'}",
                                          "{'velocities': '1-64'}",
                                          "{'exclude': {'velocities': '100-127'}}",
                                          "{'notes': '60-62'}",
                                          "{'channels': 1}",
                                          "{'types': ['note', 'controller', 'pitch_bend']}",
                                          "{'exclude': {'types': 'controller'}}",
                                          "{'sysex': '41'}"};
const std::vector<std::string> transforms = {
    "{'channel': 3}",
    "{'channel': [1, 2]}",
    "{'channel': {'1': 2, '2': null}}",
    "{'transpose': 1}",
    "{'transpose': -61}",
    "{'notes': {'60': 61, '61': null}}",
    "{'velocity': 100}",
    "{'velocity': {'scale': 0.3}}",
    "{'controller': {'64': 66, '66': null}}",
    "{'controller_value': {'controllers': 64, 'scale': 2}}",
    "{'note_to_controller': {'notes': 60, 'controller': 64}}",
    "{'note_to_controller': {'notes': 61, 'controller': 10, 'off': null}}",
    "{'controller_to_note': {'controller': 64, 'note': 70}}",
    "{'program': {'0': 1}}",
    "{'bend_range': {'from': 2, 'to': 12}}",
    "{'zones': [{'notes': '0-60', 'channel': 4}, {'notes': '60-127', 'transpose': 2}]}",
    "{'zones': [{'velocities': '1-63', 'channel': 1}, {'velocities': '64-127', 'channel': 2}]}",
    "{'pressure_to_controller': 64}",
    "{'controller_to_pressure': 66}",
    "{'drop_duplicates': true}",
    "{'drop_duplicates': {'window_ms': 3}}",
    "{'rate_limit': {'interval_ms': 20}}",
    "{'delay_ms': 5}",
    "{'play_at_ms': 7}",
    "{'channel': 5, 'only': {'velocities': '50-127'}}",
    "{'delay_ms': 9, 'only': {'channels': 1}}"};

class performance {
public:
  explicit performance(unsigned seed)
      : random_(seed) {
    studio_.set_rules(some_rules());
    for (const auto& port : ports)
      if (chance(80))
        studio_.up(port);
  }

  void step() {
    switch (pick(14)) {
    case 0: studio_.configure(some_rules(), some_scenes()); break;
    case 1: studio_.activate(chance(70) ? "s" + std::to_string(pick(3)) : ""); break;
    case 2: toggle(ports[pick(ports.size())]); break;
    case 3: studio_.wait(std::chrono::milliseconds(pick(30))); break;
    default: play();
    }
  }

  /// Everything goes up, and all that is on its way arrives.
  void let_go() {
    for (auto it = down_.begin(); it != down_.end(); it = down_.begin())
      release(*it);
    for (const auto& [port, bent] : bent_)
      if (bent && studio_.ports().contains(port))
        studio_.play(port, "e0 00 40 | e1 00 40 | d0 00 | d1 00");
    studio_.wait(1s);
  }

  test::studio& studio() { return studio_; }

private:
  struct key {
    std::string port;
    unsigned channel;
    unsigned number; ///< note, or 128 and more for a pedal
    auto operator<=>(const key&) const = default;
  };

  std::size_t pick(std::size_t count) { return random_() % count; }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  std::string some_rule() {
    std::string text =
        "{'from': " + froms[pick(froms.size())] + ", 'to': " + froms[pick(froms.size())];
    if (chance(30))
      text += ", 'priority': " + std::to_string(pick(3));
    if (chance(10))
      text += ", 'block': true";
    else {
      if (chance(10))
        text += ", 'enabled': false";
      if (chance(20))
        text += ", 'chase': true";
      if (chance(10))
        text += ", 'echo': true";
      if (chance(50))
        text += ", 'filter': " + filters[pick(filters.size())];
      std::string list;
      for (auto count = chance(60) ? pick(4) : 0; count > 0; --count)
        list += (list.empty() ? "" : ", ") + transforms[pick(transforms.size())];
      text += ", 'transforms': [" + list + "]";
    }
    return text + "}";
  }

  std::vector<std::string> some_rules() {
    std::vector<std::string> rules;
    for (auto count = 1 + pick(4); count > 0; --count)
      rules.push_back(some_rule());
    return rules;
  }

  std::vector<config::scene> some_scenes() {
    std::vector<config::scene> scenes;
    for (auto count = pick(3); count > 0; --count) {
      auto& scene = scenes.emplace_back();
      scene.name = "s" + std::to_string(count);
      scene.rules.push_back(test::rule(some_rule()));
      config::scene_trigger trigger;
      trigger.note = static_cast<std::uint8_t>(60 + pick(4));
      scene.triggers.push_back(trigger);
    }
    return scenes;
  }

  void toggle(const std::string& port) {
    if (!studio_.ports().contains(port)) {
      studio_.up(port);
      return;
    }
    studio_.down(port);
    std::erase_if(down_, [&](const key& k) { return k.port == port; });
    bent_.erase(port);
  }

  void play() {
    if (studio_.ports().empty())
      return;
    auto port = std::next(studio_.ports().begin(), long(pick(studio_.ports().size())))->first;
    char text[32];
    auto channel = unsigned(pick(2));
    switch (pick(6)) {
    case 0:
      std::snprintf(text, sizeof text, "e%x 00 %02x | d%x %02x", channel, unsigned(pick(128)),
                    channel, unsigned(pick(128)));
      studio_.play(port, text);
      bent_[port] = true;
      return;
    case 1: {
      constexpr unsigned pedals[] = {64, 66, 69};
      key k{port, channel, 128 + pedals[pick(3)]};
      press(k);
      return;
    }
    case 2:
      if (!down_.empty())
        release(*std::next(down_.begin(), long(pick(down_.size()))));
      return;
    case 3:
      if (chance(10)) {
        std::snprintf(text, sizeof text, "b%x %02x 00", channel, chance(50) ? 123u : 121u);
        studio_.play(port, text);
        return;
      }
      [[fallthrough]];
    default: press({port, channel, 58 + unsigned(pick(6))});
    }
  }

  void press(const key& k) {
    char text[32];
    if (k.number >= 128)
      std::snprintf(text, sizeof text, "b%x %02x %02x", k.channel, k.number - 128,
                    64 + unsigned(pick(64)));
    else
      std::snprintf(text, sizeof text, "9%x %02x %02x", k.channel, k.number,
                    1 + unsigned(pick(127)));
    studio_.play(k.port, text);
    down_.insert(k);
  }

  void release(key k) {
    char text[32];
    if (k.number >= 128)
      std::snprintf(text, sizeof text, "b%x %02x %02x", k.channel, k.number - 128, 0u);
    else
      std::snprintf(text, sizeof text, "%x%x %02x 00", chance(50) ? 8u : 9u, k.channel, k.number);
    down_.erase(k);
    if (studio_.ports().contains(k.port))
      studio_.play(k.port, text);
  }

  std::mt19937 random_;
  test::studio studio_;
  std::set<key> down_;
  std::map<std::string, bool> bent_;
};

} // namespace

TEST_CASE("whatever changes, once all keys are up nothing sounds anywhere", "[routing][property]") {
  for (unsigned seed = 0; seed < test::seeds(10000); ++seed) {
    performance p(seed);
    for (int i = 0; i < 40; ++i)
      p.step();
    p.let_go();
    for (const auto& [port, ear] : p.studio().ears())
      if (!ear.silent()) {
        INFO("seed " << seed << ", " << port << " still hears " << ear.text());
        REQUIRE(ear.silent());
      }
  }
  SUCCEED();
}
