// The parts of the hub that the configuration asks for, and which of them run.
// Decides: what a new configuration leaves alone, what has to end and what is to be started; that a
// part that stands in for another one waits until that one has ended and let go of its ports.
// Leaves: what parts are and need (supervisor). Thread: owned by one supervisor.
#pragma once

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>

#include <any>
#include <functional>
#include <string>
#include <vector>

namespace tutti {

/// A part of the hub that can be started again. All of them take `leave`.
struct part {
  std::string what;  ///< for the log; replacements have the same
  std::any settings; ///< for which it is made
  bool (*same_settings)(const std::any&, const std::any&) = nullptr;
  /// May throw what says why it cannot be started now.
  std::function<caf::actor()> start;
  /// Tells a running part of settings that it takes over as it runs.
  std::function<void(const caf::actor&)> update = {};
  caf::actor handle = {};  ///< null while it is down
  bool has_failed = false; ///< and the log knows
};

/// A part that is another one if `settings`, which have ==, differ.
template <class Settings>
part make_part(std::string what, Settings settings, std::function<caf::actor()> start) {
  auto same = [](const std::any& a, const std::any& b) {
    auto left = std::any_cast<Settings>(&a), right = std::any_cast<Settings>(&b);
    return left && right && *left == *right;
  };
  return {std::move(what), std::move(settings), same, std::move(start)};
}

class part_list {
public:
  /// From now on these are wanted. Parts that are wanted already go on. The answer names those
  /// that are to leave; they are waited for.
  std::vector<caf::actor> want(std::vector<part> wanted);

  /// Parts that are down and may be started.
  std::vector<part*> startable();

  /// The part that was this actor, now down; nothing if it was none or not wanted any more.
  part* on_down(const caf::actor_addr& address);

  std::vector<part>& parts() noexcept { return parts_; }
  /// Nothing runs, wanted or not.
  bool all_down() const noexcept;

private:
  struct departing {
    std::string what;
    caf::actor_addr address;
  };

  std::vector<part> parts_; ///< in the order of starting
  std::vector<departing> departing_;
};

} // namespace tutti
