// Every port the hub knows, up or away, under an id that survives reconnects.
// Decides: ids and their numbering: kind/group/name, " (2)" and so on for one more of the same.
// Leaves: routing (router). Thread: the loop thread.
#pragma once

#include "actors/port_info.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace tutti {

/// Ports that are away and remembered at most; the one away longest is forgotten first.
inline constexpr std::size_t max_away_ports = 4096;

class port_registry {
public:
  /// The id of a port that comes up: the one it had before if that is away, else the next free one.
  const std::string& bring_up(port_key key, const port_description& description);
  void take_away(port_key key);
  /// A port that has not been there yet, but is known by name: it is away.
  void expect(const port_description& description);

  /// Ids that are known but away, in the order they went.
  std::vector<port_info> away() const;

private:
  struct known_port {
    port_description description;
    port_key key = 0; ///< 0 while away
    std::uint64_t left = 0;
  };

  void forget_oldest();

  std::unordered_map<std::string, known_port> ports_; ///< by id
  std::unordered_map<port_key, known_port*> up_;
  std::size_t away_ = 0;
  std::uint64_t departures_ = 0;
};

/// kind/group/name with slashes inside the parts replaced, so that an id always has two.
std::string make_port_id(const port_description& description);

} // namespace tutti
