// Which scene is active, and which MIDI message asks for another.
// Decides: the rules in force: the common ones and the active scene's.
// Leaves: making routes of them (route_table).
// Thread: owned by one patchbay.
#pragma once

#include "actors/routing/message.hpp"
#include "actors/routing/port.hpp"
#include "config/rule.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tutti::routing {

class scene_switch {
public:
  /// Takes a configuration. The active scene stays active if it still exists, else `first` is.
  void configure(std::vector<config::rule> common, std::vector<config::scene> scenes,
                 const std::string& first);

  /// Makes a scene active; empty: none. False if there is no such scene.
  bool activate(const std::string& name);

  /// Name of the active scene; empty: none.
  const std::string& active() const noexcept { return active_; }
  const std::vector<config::scene>& scenes() const noexcept { return scenes_; }

  std::size_t common_rules() const noexcept { return common_.size(); }
  /// The rules in force, the common ones first.
  std::vector<config::rule> rules() const;

  // Triggers. A port has a list of those that listen to it, so that other ports cost nothing.
  /// `port` stays where it is until it is removed.
  void add_port(port_slot slot, const port_description& port);
  void remove_port(port_slot slot);
  /// A port that no trigger listens to needs no answer to triggered_by.
  bool listens_to(port_slot slot) const noexcept {
    return slot < ports_.size() && !ports_[slot].triggers.empty();
  }

  struct answer {
    std::size_t scene = 0; ///< index into scenes()
    bool pass = true;      ///< the message is routed as well
  };
  /// The scene that this message asks for.
  std::optional<answer> triggered_by(port_slot from, const ump& message) const;

private:
  struct trigger {
    std::size_t scene;
    std::size_t index;
  };
  struct port_state {
    const port_description* description = nullptr; ///< none: there is no port
    std::vector<trigger> triggers;
  };

  void listen(port_state& port) const;

  std::vector<config::rule> common_;
  std::vector<config::scene> scenes_;
  std::string active_;
  std::vector<port_state> ports_;
};

} // namespace tutti::routing
