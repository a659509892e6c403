// What the system drops for a socket before it costs the hub anything: RTP of foreign sources from
// addresses that flood it.
// Decides: the program of the socket's filter (classic BPF), and how many addresses it names.
// Leaves: who floods (actors/flood_watch), attaching it (udp_socket). Thread: values.
#pragma once

#include "io/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

#include <linux/filter.h>

namespace tutti::io {

class flood_filter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Each costs every datagram some instructions; the one that ends first gives way to another.
  static constexpr std::size_t max_sources = 16;

  /// Until then, of what comes from there only RTP of this SSRC passes, and AppleMIDI commands.
  void add(const endpoint& from, std::uint32_t ssrc, time_point until);
  /// False if it was not in it.
  bool remove(const endpoint& from);
  /// Takes out what has ended. False if nothing has.
  bool expire(time_point now);

  bool empty() const noexcept { return sources_.empty(); }
  /// When something has to be taken out; time_point::max() if never.
  time_point next_expiry() const noexcept;
  /// For SO_ATTACH_FILTER on a UDP socket of either family.
  std::vector<sock_filter> program() const;

private:
  struct source {
    endpoint from;
    std::uint32_t ssrc;
    time_point until;
  };

  std::vector<source> sources_;
};

} // namespace tutti::io
