// Finds loops that lead out of the hub and back into it.
// Decides: what is suspicious, what is proof, and for how long a pair of ports stays cut.
// Leaves: sending probes, cutting and telling the operator (patchbay, router).
// Spec: MIDI 1.0, System Exclusive of the non-commercial manufacturer 7D, which devices ignore.
// Thread: owned by one patchbay.
//
// The same message again and again is no proof: drum machines, clocks and echoing synthesizers do
// that. So when something is suspicious a probe is sent, a short SysEx message that nobody else
// sends, another one to each destination concerned. Nothing of the music is held back or changed.
// A probe that comes back proves a way outside from one port to another, and if the hub has routes
// that close it and let the suspicious message pass, they are cut. A probe goes only where System
// Exclusive may go by the rules.
//
// Suspicious is a message that comes
//   - more often than `repeats_per_second` from one port (clocks: `clocks_per_second`), or
//   - from ports other than the one that began, much more often than from that one, or
//   - more than `busy_repeats` times a second, as a Note On beside `busy_notes` other such ones, or
//   - `persistent` times from one port without a second's pause, as a channel message.
#pragma once

#include "actors/routing/message.hpp"
#include "actors/routing/port.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace tutti::routing {

struct loop_limits {
  bool enabled = true; ///< false: nothing is watched and no probe is sent
  std::uint32_t repeats_per_second = 40;
  std::uint32_t clocks_per_second = 250;
  std::uint32_t busy_repeats = 10;
  std::uint32_t busy_notes = 6;
  std::uint32_t persistent = 128;
  /// Returns beyond twice the originals that make a ring suspicious.
  std::uint32_t returns = 8;
  /// A probe that comes back later than this proves nothing.
  std::chrono::nanoseconds probe_life = std::chrono::seconds(2);
  /// A port that was suspected without proof is not suspected again for this long, doubled each
  /// time.
  std::chrono::nanoseconds first_rest = std::chrono::seconds(10);
  std::chrono::nanoseconds longest_rest = std::chrono::minutes(10);
  /// A cut pair is tried again after this, doubled each time it is cut again.
  std::chrono::nanoseconds first_retry = std::chrono::seconds(10);
  std::chrono::nanoseconds longest_retry = std::chrono::minutes(10);
  std::size_t probes = 256; ///< on their way at once
};

/// Two ports, from the first to the second.
struct port_pair {
  port_slot from = 0;
  port_slot to = 0;

  friend bool operator==(const port_pair&, const port_pair&) = default;
};

/// A message that may be running in a circle, and the port that it comes from.
struct suspicion {
  port_slot from = 0;
  ump message;
};

class loop_guard {
public:
  /// `seed` makes this hub's probes differ from those of others.
  explicit loop_guard(const loop_limits& limits = {}, std::uint32_t seed = 1)
      : limits_(limits)
      , next_probe_(seed) {}

  void enable(bool enabled) { limits_.enabled = enabled; }

  /// Takes note of a message that came in; true if it is a probe of this hub and goes no further.
  bool take(port_slot from, const ump& message, hub_time now);

  /// What has become suspicious: the destinations of these ports are to be probed now. Asking
  /// forgets them.
  std::vector<suspicion> suspected() { return std::exchange(suspected_, {}); }
  bool has_suspected() const noexcept { return !suspected_.empty(); }
  /// What a probe looks like, to ask whether it may pass.
  static ump some_probe();
  /// A probe for one destination, because of this message. Nothing if enough are on their way, or
  /// one is to this destination.
  std::optional<ump> make_probe(port_slot to, const ump& because_of, hub_time now);

  /// A probe came back since find_loops was last asked.
  bool has_proof() const noexcept { return has_proof_; }
  /// Whether there are routes between two ports that let this message pass.
  using passes = std::function<bool(port_slot from, port_slot to, const ump& message)>;
  /// Pairs of ports to cut so that no way outside is closed by a route. They count as cut from now
  /// on.
  std::vector<port_pair> find_loops(const passes& passing, hub_time now);

  /// When on_deadline has something to do.
  hub_time next_deadline() const noexcept { return next_deadline_; }
  /// Appends pairs that are to be tried again.
  void on_deadline(hub_time now, std::vector<port_pair>& retry);

  void on_port_gone(port_slot port);

private:
  struct arrivals {
    port_slot port = 0;
    std::uint32_t count = 0; ///< since it began to repeat
    std::uint32_t in_second = 0;
  };
  /// One message content that comes or came lately.
  struct content {
    std::uint64_t hash = 0;
    hub_time last{};
    hub_time second{};               ///< start of the running second
    std::uint32_t total = 0;         ///< since it began to repeat
    std::array<arrivals, 4> ports{}; ///< [0] began; further ports are not told apart
  };
  static constexpr std::size_t ways = 4, sets = 128;

  /// What is known of a port.
  struct port_state {
    hub_time second{};
    std::uint32_t busy_notes = 0; ///< Note Ons that repeat fast in this second
    hub_time rests_until{};
    std::chrono::nanoseconds rest{};
    std::uint64_t sysex = 0; ///< hash of the SysEx message that is coming
  };
  struct probe {
    std::uint32_t id = 0;
    port_slot to = 0;
    hub_time sent{};
    ump because_of;
  };
  /// A way outside the hub: what leaves by `out` comes in by `in`.
  struct way {
    port_slot out = 0;
    port_slot in = 0;
    ump because_of; ///< what is suspected to go this way

    bool is_same(const way& other) const noexcept { return out == other.out && in == other.in; }
  };
  struct cut_pair {
    port_pair pair;
    bool closed = false;
    hub_time until{};
    std::chrono::nanoseconds pause{};
  };

  content& find(std::uint64_t hash, hub_time now);
  port_state& state_of(port_slot port);
  arrivals* count_arrival(content& c, port_slot from, hub_time now);
  bool is_own_probe(port_slot from, const ump& message, hub_time now);
  std::uint64_t hash_of(port_slot from, const ump& message);
  bool is_suspicious(content& c, port_slot from, const ump& message, hub_time now);
  void suspect(const content& c, port_slot from, const ump& message, hub_time now);
  void note_cut(const port_pair& pair, hub_time now);
  void plan(hub_time deadline) noexcept { next_deadline_ = std::min(next_deadline_, deadline); }

  loop_limits limits_;
  std::uint32_t next_probe_;
  std::uint32_t issued_ = 0; ///< numbers before next_probe_ that are probes of this hub
  std::vector<content> table_{ways * sets};
  std::vector<port_state> ports_; ///< by port
  std::vector<suspicion> suspected_;
  std::vector<probe> probes_; ///< on their way, oldest first
  std::vector<way> ways_;     ///< proven while probes are on their way
  bool has_proof_ = false;
  std::vector<cut_pair> cuts_;
  hub_time next_deadline_ = never;
};

} // namespace tutti::routing
