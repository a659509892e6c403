// What the operator wants: the configuration as plain structs.
// Decides: every setting's default, unit, range and effect. config/schema.json says the same to
// editors; a test compares the two.
// Leaves: reading JSON (load), acting on it (actors).
// Thread: values; no shared state.
#pragma once

#include "config/address.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tutti::config {

/// AppleMIDI's usual control port; data goes to the next one.
inline constexpr std::uint16_t default_session_port = 5004;

/// Who may join a session by invitation.
enum class invitation_policy : std::uint8_t {
  open,   ///< everyone
  list,   ///< who is on the allow-list; others get NO
  ask,    ///< who is on the allow-list at once, others when the operator approves
  closed, ///< nobody; the hub only invites
};

struct invitations {
  invitation_policy policy = invitation_policy::open;
  /// Addresses and names that may join under `list` and `ask`; one match suffices.
  std::vector<address_range> addresses;
  std::vector<std::string> names; ///< globs with * and ?, compared with the peer's session name

  friend bool operator==(const invitations&, const invitations&) = default;
};

/// An RTP-MIDI session that the hub offers.
struct session {
  std::string name;                          ///< 1 to 63 octets of UTF-8; empty: the host's name
  std::uint16_t port = default_session_port; ///< control port, 0 to 65534; 0 picks a free pair
  std::vector<std::string> bind; ///< literal addresses; empty: every address, both families
  config::invitations invitations;
  std::uint32_t max_peers = 2048; ///< 1 to 65536; further invitations get NO

  friend bool operator==(const session&, const session&) = default;
};

/// A remote session that the hub invites, for ever, with back-off.
struct remote_peer {
  std::string host;                          ///< name or literal address
  std::uint16_t port = default_session_port; ///< control port, 1 to 65534
  std::string session; ///< offered session it is invited into; empty: the first
  std::string name;    ///< its name in port ids; empty: the one it tells

  friend bool operator==(const remote_peer&, const remote_peer&) = default;
};

/// Bounds of queues and tables. What passes one is dropped by rule and counted.
struct limits {
  std::uint32_t ports = 8192;            ///< 1 to 65536; further ports are refused
  std::uint32_t sysex_octets = 1u << 20; ///< longest System Exclusive message, 64 to 2^26 octets
  std::chrono::milliseconds sysex_stall{1000}; ///< 10 to 60000; an open SysEx this silent is ended
  std::uint32_t destination_queue = 4096; ///< events kept per port while another's SysEx is open
  std::uint32_t delay_queue = 65536;      ///< events per route that a delay may hold
  std::uint32_t routes = 262144;          ///< routes with filter or transforms
  std::uint32_t socket_buffer = 4u << 20; ///< octets asked for per UDP socket and direction

  friend bool operator==(const limits&, const limits&) = default;
};

enum class log_level : std::uint8_t { trace, debug, info, warning, error, off };

struct log {
  log_level level = log_level::info;

  friend bool operator==(const log&, const log&) = default;
};

/// The whole configuration. A default one is what `tutti serve` runs without a file.
struct settings {
  std::vector<session> sessions{session{}};
  std::vector<remote_peer> connect;
  config::limits limits;
  config::log log;

  friend bool operator==(const settings&, const settings&) = default;
};

} // namespace tutti::config
