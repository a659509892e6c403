// Which remote peers have a virtual port of their own at a sound system, and when those that are
// connected to on demand are wanted.
// Decides: names of these ports; that a peer is invited when its port is used, and let go some time
// after the last user has gone.
// Leaves: making the ports and seeing who uses them (alsa_watch, jack_watch), inviting
// (supervisor). Thread: values.
#pragma once

#include "actors/peer_info.hpp"
#include "actors/port_info.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tutti {

class peer_imports {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A virtual port that ought to be there.
  struct port {
    std::string name;
    std::string
        partner; ///< id of the peer's port; empty: the peer will name this one as its partner
  };

  enum class wish : std::uint8_t { nothing, invite, let_go };

  /// `others` are virtual ports, whose names are taken.
  explicit peer_imports(config::peer_import settings = {},
                        const std::vector<config::virtual_port>& others = {});

  /// Ports of others are ignored.
  void attached(port_key key, const std::string& id, const port_description& description);
  void detached(port_key key);
  /// A remote session that is connected to on demand, or what it is now.
  void add(const config::remote_peer& remote);
  /// The one of this name has gone. If it is connected, that ends when nobody uses it any more.
  void remove(const std::string& remote);

  /// By name.
  std::vector<port> ports() const;
  bool has(const std::string& name) const { return imports_.count(name) > 0; }
  /// Whether a port of this name and partner is among them.
  bool has(const std::string& name, const std::string& partner) const {
    auto found = imports_.find(name);
    return found != imports_.end() && found->second.partner == partner;
  }

  /// Whether somebody plays to the port of this name or hears it.
  void set_used(const std::string& name, bool used, time_point now);
  /// The first remote session for which something is to be done at `now`; it counts as done.
  wish next(time_point now, std::string& name);
  const config::remote_peer& remote(const std::string& name) const {
    return imports_.at(name).remote;
  }
  /// When next() has something to do if nothing happens; nothing if that was told before.
  std::optional<time_point> plan(time_point now);

  /// Inviting was done, or has failed and is tried again later.
  void invited(const std::string& name, bool done, time_point now);

private:
  struct imported {
    config::remote_peer remote;
    bool on_demand = false;
    bool is_gone = false; ///< and kept until it is not invited any more
    std::string partner;
    port_key key = 0; ///< of the port of a peer that has joined
    bool is_invited = false;
    bool is_answered = false; ///< and invited() has told so
    bool is_used = false;
    time_point unused_since{};
    time_point not_before{}; ///< the next invitation
  };

  void forget_gone();
  bool wants(const std::string& name) const;
  std::string free_name(const std::string& wanted) const;

  config::peer_import settings_;
  std::set<std::string> taken_;
  std::map<std::string, imported> imports_; ///< by name of the virtual port
  time_point planned_ = time_point::max();
};

} // namespace tutti
