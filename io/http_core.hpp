// What the connections of one server share. Internal to io/http_*.
// Decides: who makes room for whom. Leaves: everything else (http_server, http_connection).
// Thread: the loop thread.
#pragma once

#include "io/http_server.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <unordered_map>

namespace tutti::io {

/// A connection, or the stream that it became.
class http_peer {
public:
  virtual ~http_peer() = default;
  /// Closes it at once.
  virtual void close() = 0;
  /// Its turn in the round of writers.
  virtual void write_due() {}

  bool waiting = true; ///< for a complete request
  std::chrono::steady_clock::time_point waiting_since = std::chrono::steady_clock::now();
};

struct http_core {
  http_core(boost::asio::any_io_executor on, http_router table, http_access who, http_limits bounds)
      : executor(std::move(on))
      , router(std::move(table))
      , access(std::move(who))
      , limits(bounds) {}

  boost::asio::any_io_executor executor;
  http_router router;
  http_access access;
  http_limits limits;
  http_counters counters;
  http_server::handler answer;
  std::unordered_map<http_peer*, std::weak_ptr<http_peer>> peers;
  std::deque<std::weak_ptr<http_peer>> writers; ///< with something to write, in order
  bool round_goes_on = false;

  void add(const std::shared_ptr<http_peer>& peer) {
    peers.emplace(peer.get(), peer);
    counters.open_connections = peers.size();
  }
  void remove(http_peer* peer) {
    peers.erase(peer);
    counters.open_connections = peers.size();
  }

  /// Closes the connection that has waited longest for a request; false if none waits.
  bool make_room() {
    std::shared_ptr<http_peer> victim;
    for (const auto& [address, weak] : peers)
      if (auto peer = weak.lock(); peer && peer->waiting)
        if (!victim || peer->waiting_since < victim->waiting_since)
          victim = std::move(peer);
    if (!victim)
      return false;
    ++counters.evicted;
    remove(victim.get());
    victim->close();
    return true;
  }

  void close_all() {
    answer = [](const http_exchange_ptr&) {};
    auto all = std::move(peers);
    peers.clear();
    for (const auto& [address, weak] : all)
      if (auto peer = weak.lock())
        peer->close();
  }
};

/// What is told to many streams at once is written by one of them in a turn of the loop, so that
/// MIDI waits for one system call, not for all.
inline void go_on_with_round(const std::shared_ptr<http_core>& core) {
  if (core->writers.empty() || std::exchange(core->round_goes_on, true))
    return;
  boost::asio::post(core->executor, [core] {
    core->round_goes_on = false;
    auto next = core->writers.front().lock();
    core->writers.pop_front();
    go_on_with_round(core);
    if (next)
      next->write_due();
  });
}

} // namespace tutti::io
