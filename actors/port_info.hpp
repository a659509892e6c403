// What there is to know of ports: of every kind first, then of each kind.
// Decides: nothing. Leaves: who is up to port_registry; what they play to router.
// Thread: values.
#pragma once

#include "config/settings.hpp"
#include "io/endpoint.hpp"
#include "io/jack_client.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tutti {

/// Names one life of a port inside the process; never used twice.
using port_key = std::uint64_t;
/// A key that no port of this process has had.
port_key next_port_key() noexcept;

enum class port_kind : std::uint8_t { rtp, alsa, jack, tcp, multicast, test };
constexpr const char* to_string(port_kind kind) noexcept {
  switch (kind) {
  case port_kind::rtp: return "rtp";
  case port_kind::alsa: return "alsa";
  case port_kind::jack: return "jack";
  case port_kind::tcp: return "tcp";
  case port_kind::multicast: return "multicast";
  case port_kind::test: return "test";
  }
  return "?";
}

/// What a port says of itself when it comes up.
struct port_description {
  port_kind kind = port_kind::rtp;
  std::string group; ///< session, client or listener that it belongs to
  std::string name;  ///< within the group
  bool source = true;
  bool destination = true;
  /// False: no rule concerns it; it is routed with its partner, and with ports whose partner it is.
  bool by_rule = true;
  std::string partner{}; ///< id of a port; empty: none
};

/// A known port, up or away.
struct port_info {
  std::string id; ///< stable: kind/group/name, numbered if taken
  port_description description;
  bool up = false;
  std::uint64_t events_in = 0;  ///< from the port into the hub
  std::uint64_t events_out = 0; ///< from the hub to the port
  std::uint64_t dropped = 0;    ///< events that a full queue cost this destination
  port_key key = 0;             ///< of its present life; 0 while it is away
};

/// What a port that is up has moved so far.
struct port_activity {
  port_key key = 0;
  std::uint64_t events_in = 0;
  std::uint64_t events_out = 0;
};

// -- MIDI over TCP --

/// A TCP connection and how it is doing.
struct tcp_port_info {
  port_key key = 0;
  io::endpoint remote;
  std::uint64_t octets_in = 0;
  std::uint64_t octets_out = 0;
  std::uint64_t waiting = 0; ///< octets that the other end has yet to take
  std::uint64_t dropped = 0; ///< messages that its slowness cost
};

/// A TCP listener or an outgoing connection, and the ports that it is.
struct tcp_info {
  std::string name;
  io::endpoint local; ///< of a listener; unspecified while it cannot listen
  std::vector<tcp_port_info> ports;
  std::uint64_t refused = 0; ///< clients turned away by allow-list or limit
  std::string failure;       ///< why it is not up; empty: it is
};

// -- ports of this machine --

/// A device or a virtual port and how it is doing.
struct local_port_info {
  port_key key = 0;
  std::uint64_t octets_out = 0;
  std::uint64_t waiting = 0; ///< octets that the device has yet to take
  std::uint64_t dropped = 0; ///< messages that its slowness cost
};

/// JACK as the hub sees it.
struct jack_info {
  bool up = false;
  std::string failure; ///< why it is not up
  io::jack_status server;
  std::uint64_t xruns = 0;
  std::vector<std::string> ports; ///< JACK's names of what is open
};

/// ALSA's sequencer as the hub sees it.
struct alsa_info {
  bool up = false;
  std::string failure;            ///< why it is not up
  std::uint64_t overruns = 0;     ///< times that the kernel dropped what came
  std::uint64_t lost_out = 0;     ///< events that a receiver could not take
  std::vector<std::string> ports; ///< what is open
};

/// A local port that remote peers are to reach by a session of its own.
struct local_offer {
  std::string name; ///< of the session
  std::string port; ///< id of the port; who joins plays to it and hears it, and nothing else
};

/// A remote session that a local port of the hub stands for.
struct local_import {
  config::remote_peer remote;
  std::string port; ///< id of the local port; the peer plays to it and hears it, and nothing else
};

} // namespace tutti
