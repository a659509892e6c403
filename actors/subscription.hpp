// What one client of live events wants to hear.
// Decides: its form in a query and in JSON. Leaves: hearing (monitor). Thread: values.
#pragma once

#include "actors/notice.hpp"
#include "config/mistake.hpp"
#include "io/http_target.hpp"

#include <nlohmann/json.hpp>

#include <bitset>
#include <chrono>
#include <string>
#include <vector>

namespace tutti {

/// MIDI that passes a port, or a route. "*" stands for every port.
struct tap_choice {
  std::string from; ///< what this port plays
  std::string to;   ///< what is played to this port; with `from`: only what comes from there

  friend bool operator==(const tap_choice&, const tap_choice&) = default;
};

struct subscription {
  static constexpr std::size_t max_taps = 64;
  static constexpr std::chrono::milliseconds fastest_meters{50};
  static constexpr std::chrono::milliseconds slowest_meters{60'000};

  std::bitset<topic_count> topics;
  std::vector<tap_choice> taps;           ///< only with topic::midi
  std::chrono::milliseconds meters{1000}; ///< only with topic::meters

  bool wants(topic which) const noexcept { return topics[static_cast<std::size_t>(which)]; }
};

/// `?topics=ports,peers&tap=ID&from=ID&to=ID&meters_ms=100`; without topics: what happens to ports,
/// peers, rules and invitations. `tap` (any number) is a port both ways; `from` and `to` are a
/// route. Taps and meters bring their topic along.
subscription read_subscription(const io::http_target& target, config::mistakes& found);

/// `{"topics":[...],"taps":[{"port":ID},{"from":ID,"to":ID}],"meters_ms":100}`.
subscription read_subscription(std::string_view text, config::mistakes& found);

nlohmann::ordered_json describe(const subscription& wanted);

} // namespace tutti
