// Finds loops that lead out of the hub and back into it, by watching what comes in.
// Decides: what is suspicious, whether it is a loop, and which pairs of ports are cut for how long.
// Leaves: cutting and telling the operator (patchbay, router).
// Thread: owned by one patchbay.
//
// The same message again and again is no proof: drum machines, clocks and echoing synthesizers do
// that. So a suspect is put to the test: for a short time the hub lets that one message pass
// nowhere. If it stops coming back, the hub itself had kept it going, and the loop is cut. If it
// keeps coming, a source means it, and it is left alone for a while.
//
// Suspicious is a message that comes
//   - more often than `repeats_per_second` from one port (clocks: `clocks_per_second`), or
//   - from ports other than the one that began, much more often than from that one, or
//   - more than `busy_repeats` times a second, as a Note On beside `busy_notes` other such ones.
// A whole SysEx message that repeats that often is taken for a loop without a test.
#pragma once

#include "actors/routing/message.hpp"
#include "actors/routing/port.hpp"

#include <array>
#include <chrono>
#include <vector>

namespace tutti::routing {

struct loop_limits {
  std::uint32_t repeats_per_second = 40;
  std::uint32_t clocks_per_second = 500;
  std::uint32_t busy_repeats = 10;
  std::uint32_t busy_notes = 6;
  /// Returns beyond twice the originals that make a ring suspicious.
  std::uint32_t returns = 8;
  std::chrono::nanoseconds shortest_test = std::chrono::milliseconds(250);
  std::chrono::nanoseconds longest_test = std::chrono::seconds(2);
  /// A message that passed the test is not tested again for this long.
  std::chrono::nanoseconds acquittal = std::chrono::seconds(60);
  /// A cut pair is tried again after this, doubled each time it is cut again.
  std::chrono::nanoseconds first_retry = std::chrono::seconds(10);
  std::chrono::nanoseconds longest_retry = std::chrono::minutes(10);
};

/// Stands for every destination of a port.
inline constexpr port_slot every_port = ~port_slot(0);

/// What the guard wants done.
struct loop_verdicts {
  struct pair {
    port_slot from = 0;
    port_slot to = 0;
    friend bool operator==(const pair&, const pair&) = default;
  };
  /// A message that a test held back and that must not be lost, such as a Note Off.
  struct held_back {
    port_slot from = 0;
    ump message;
  };

  std::vector<pair> cut;
  std::vector<pair> retry;
  std::vector<held_back> replay;

  void clear() {
    cut.clear();
    retry.clear();
    replay.clear();
  }
};

class loop_guard {
public:
  explicit loop_guard(const loop_limits& limits = {})
      : limits_(limits) {}
  // The list of tests points into the table, which a move takes along and a copy would not.
  loop_guard(loop_guard&&) noexcept = default;
  loop_guard& operator=(loop_guard&&) noexcept = default;

  /// Takes note of a message that came in; true if it must not go on, for its kind is under test.
  bool holds_back(port_slot from, const ump& message, hub_time now);

  /// A pair that was wanted cut has been cut; on_deadline will ask to try it again.
  void on_cut(port_slot from, port_slot to, hub_time now);
  void on_port_gone(port_slot port);

  hub_time next_deadline() const noexcept { return next_deadline_; }
  void on_deadline(hub_time now, loop_verdicts& out);

private:
  struct arrivals {
    port_slot port = 0;
    std::uint32_t count = 0; ///< since the message began to repeat
  };
  enum class state : std::uint8_t { watched, tested, acquitted };
  /// One message content that comes or came lately.
  struct suspect {
    std::uint64_t content = 0;
    hub_time last{};
    hub_time began{};
    hub_time second{}; ///< start of the running second
    std::uint32_t in_second = 0;
    std::uint32_t total = 0;
    std::array<arrivals, 4> ports{}; ///< [0] began
    state now = state::watched;
    port_slot accused = 0;
    hub_time until{};   ///< end of the test or of the acquittal
    hub_time halfway{}; ///< in its second half only what a source means still comes
    std::uint32_t still = 0;
    std::uint32_t expected = 0;
    ump message;
    std::array<port_slot, 4> held_from{};
    std::uint8_t held_count = 0;
  };
  static constexpr std::size_t ways = 4, sets = 128;

  struct heat {
    hub_time second{};
    std::uint32_t notes = 0;
  };
  struct cut_pair {
    port_slot from = 0;
    port_slot to = 0;
    bool closed = false;
    hub_time until{};
    std::chrono::nanoseconds pause{};
  };

  suspect& find(std::uint64_t content, hub_time now);
  bool count(suspect& s, port_slot from, const ump& message, hub_time now);
  bool is_busy(const suspect& s, port_slot from, hub_time now);
  bool take_sysex(port_slot from, const ump& message, hub_time now);
  void put_to_test(suspect& s, port_slot from, const ump& message, hub_time now);
  bool hold(suspect& s, port_slot from, hub_time now);
  void judge(suspect& s, hub_time now, loop_verdicts& out);
  void convict(const suspect& s, loop_verdicts& out) const;
  void plan(hub_time deadline) noexcept { next_deadline_ = std::min(next_deadline_, deadline); }

  loop_limits limits_;
  std::vector<suspect> table_{ways * sets};
  std::vector<heat> heat_;           ///< by port
  std::vector<std::uint64_t> sysex_; ///< by port: hash of the message that is coming
  std::vector<suspect*> under_test_;
  std::vector<loop_verdicts::pair> convicted_; ///< without test, for the next on_deadline
  std::vector<cut_pair> cuts_;
  hub_time next_deadline_ = never;
};

} // namespace tutti::routing
