// Sessions, the peers in them and those on the network: what is wanted of them, what is known.
// Decides: nothing. Leaves: who is let in to admission; whom to invite to connect_plan.
// Thread: values.
#pragma once

#include "actors/admission.hpp"
#include "actors/port_info.hpp"
#include "config/settings.hpp"
#include "io/datagram_socket.hpp"
#include "io/endpoint.hpp"
#include "io/time_histogram.hpp"
#include "protocol/session/session_engine.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tutti {

/// Where a peer is: its control and data address as seen from here. Unset ports are 0.
struct peer_address {
  io::endpoint control;
  io::endpoint data;
};

/// A peer and how it is doing.
struct peer_info {
  port_key key = 0;
  std::string session;
  std::string name;
  peer_address address;
  bool invited_by_us = false;
  protocol::session_status status;
  io::time_histogram round_trips; ///< of the clock exchanges so far
};

/// An offered session and who is in it.
struct session_info {
  std::string name;
  io::endpoint control;
  io::endpoint data;
  std::uint32_t ssrc = 0;
  std::vector<peer_info> peers;
  std::uint64_t strangers = 0; ///< datagrams of nobody we know
  std::uint64_t refused = 0;   ///< invitations answered with NO
  config::invitation_policy policy = config::invitation_policy::open;
  std::vector<pending_invitation> pending;
  std::vector<admission_decision> decisions;
  io::datagram_counters control_traffic;
  io::datagram_counters data_traffic;
  io::time_histogram transit; ///< of MIDI through the hub, from arrival to a peer of this session
};

/// How a peer session ends that is not wanted any more.
enum class farewell : std::uint8_t {
  later,   ///< when the session is lost; at once if none stands
  goodbye, ///< at once, with a BY
  silent,  ///< at once, without: the participant is in session another way
};

/// A peer that the hub wants in a session, wherever it is reached.
struct invitation_target {
  std::string key;                      ///< what it is wanted for; see connect_plan
  std::string name;                     ///< that it is expected to tell; empty: unknown
  std::vector<io::endpoint> candidates; ///< control addresses, the best first
  std::string partner{};                ///< id of the local port that it is for; empty: none
};

// -- discovery --

/// A service for others to find.
struct offer {
  std::string name;
  std::string type; ///< such as "_apple-midi._udp"
  std::vector<io::endpoint>
      listens;                  ///< all with the same port; an unspecified one is every address
  std::vector<std::string> txt; ///< "key=value"

  friend bool operator==(const offer&, const offer&) = default;
};

/// A service of others on the network.
struct service_info {
  std::string name;
  std::string host;
  std::vector<io::endpoint> addresses;
  config::connect_when when = config::connect_when::never; ///< whether the hub invites it
  bool connected = false;                                  ///< by the hub's invitation
};

/// An offer and what became of it.
struct offer_info {
  std::string name;
  std::string announced; ///< the name it stands under, which differs if `name` is taken
  std::string type;
  bool established = false;
  std::string failure; ///< why it is not announced
};

/// What is announced and what is seen.
struct discovery_info {
  config::discovery_mode mode = config::discovery_mode::automatic;
  std::string responder; ///< "daemon", "embedded" or "none"
  std::string host;      ///< the host name that it announces
  std::vector<offer_info> offers;
  std::vector<service_info> services;
  std::uint64_t dropped = 0; ///< services and records beyond the bounds
};

} // namespace tutti
