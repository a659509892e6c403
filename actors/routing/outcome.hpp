// What routing wants done: which events go where, and what changed.
// Decides: the form, made to be cleared and used again without allocation.
// Leaves: doing it (router). Thread: values; no shared state.
#pragma once

#include "actors/routing/message.hpp"
#include "actors/routing/port_set.hpp"

#include <span>
#include <string>
#include <vector>

namespace tutti::routing {

/// Events for one destination: a range of outcome::made.
struct delivery {
  port_slot from = 0; ///< no_port: the hub itself
  port_slot to = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// A pair of ports got its first route, lost its last one, or has others now.
struct route_change {
  enum class kind : std::uint8_t { appeared, vanished, changed };
  kind what = kind::appeared;
  port_slot from = 0;
  port_slot to = 0;

  friend bool operator==(const route_change&, const route_change&) = default;
};

/// A loop was found and this pair is cut, or the pair is tried again.
struct loop_notice {
  bool cut = true;
  port_slot from = 0;
  port_slot to = 0;

  friend bool operator==(const loop_notice&, const loop_notice&) = default;
};

struct outcome {
  /// Destinations that get the very batch that came in; nothing: none. Owned by the table and good
  /// until its next call.
  const port_set* unchanged = nullptr;
  /// In order, also among those to one destination.
  std::vector<delivery> deliveries;
  events made;
  std::vector<route_change> changes;
  std::vector<loop_notice> loops;
  /// A scene became active; its name is empty for none.
  bool scene_changed = false;
  std::string scene;

  std::span<const event> events_of(const delivery& d) const {
    return std::span(made).subspan(d.first, d.count);
  }

  /// Adds a delivery of what was appended to `made` since it had `first` events, if anything.
  void deliver_since(std::size_t first, port_slot from, port_slot to) {
    if (made.size() > first)
      deliveries.push_back({from, to, std::uint32_t(first), std::uint32_t(made.size() - first)});
  }

  /// Something that somebody may want to be told.
  bool has_news() const noexcept { return scene_changed || !changes.empty() || !loops.empty(); }

  void clear() {
    unchanged = nullptr;
    deliveries.clear();
    made.clear();
    changes.clear();
    loops.clear();
    scene_changed = false;
  }
};

} // namespace tutti::routing
