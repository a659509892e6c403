// What the operator wants: the configuration as plain structs.
// Decides: every setting's default, unit, range and effect. config/schema.json says the same to
// editors; a test compares the two.
// Leaves: reading JSON (load), acting on it (actors).
// Thread: values; no shared state.
#pragma once

#include "config/address.hpp"
#include "config/name_pattern.hpp"
#include "config/rule.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
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
  std::vector<name_pattern> names; ///< compared with the peer's session name

  friend bool operator==(const invitations&, const invitations&) = default;
};

/// An RTP-MIDI session that the hub offers.
struct session {
  std::string name;                          ///< 1 to 63 octets of UTF-8; empty: the host's name
  std::uint16_t port = default_session_port; ///< control port, 0 to 65534; 0 picks a free pair
  std::vector<std::string> bind; ///< literal addresses, interfaces; empty: every address
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
  bool on_demand =
      false; ///< only while a program uses the port that stands for it, see peer_import

  friend bool operator==(const remote_peer&, const remote_peer&) = default;
};

/// Which ports of a sound system the hub opens.
struct device_export {
  enum class mode : std::uint8_t { off, hardware, all };
  mode which = mode::hardware;
  std::vector<name_pattern> include; ///< opened in any mode
  std::vector<name_pattern> exclude; ///< never opened

  friend bool operator==(const device_export&, const device_export&) = default;
};

/// A port of the hub that programs of this machine connect to.
struct virtual_port {
  std::string name;
  port_direction direction = port_direction::both;
  /// Each ALSA port that is connected to it is offered as an RTP-MIDI session of its own.
  bool offers = false;

  friend bool operator==(const virtual_port&, const virtual_port&) = default;
};

/// Which remote peers have a virtual port of their own.
struct peer_import {
  enum class mode : std::uint8_t {
    off,
    joined, ///< those that are in a session of the hub, as long as they are
    known,  ///< and those that are connected to on demand
  };
  mode which = mode::off;
  std::vector<name_pattern> include; ///< by peer name; empty: all
  std::vector<name_pattern> exclude;
  /// A connection on demand is closed when nobody has used its port for so long; up to an hour.
  std::chrono::milliseconds linger{5000};

  friend bool operator==(const peer_import&, const peer_import&) = default;
};

/// ALSA's sequencer or JACK. That it is absent is no mistake.
struct sound_system {
  bool enabled = true;
  std::string client = "Tutti"; ///< client name that other programs see
  device_export devices;
  std::vector<virtual_port> virtual_ports{{"Hub"}};
  peer_import peers;
  bool clock = true;           ///< passes its ports, both ways
  bool active_sensing = false; ///< the same; what it would tell, the hub knows anyway
  /// JACK: what comes from it may go back to it in the same period, for which its process callback
  /// waits a quarter of the period at most; else it takes one period more.
  bool same_period = true;

  friend bool operator==(const sound_system&, const sound_system&) = default;
};

/// ALSA's has a second port by default, as users of rtpmidid know it.
inline sound_system default_alsa() {
  sound_system result;
  result.virtual_ports.push_back({"Network", port_direction::both, true});
  return result;
}

struct local_ports {
  sound_system alsa = default_alsa();
  sound_system jack;

  friend bool operator==(const local_ports&, const local_ports&) = default;
};

/// What a server needs to speak TLS.
struct tls {
  std::string certificate; ///< PEM file
  std::string key;         ///< PEM file

  friend bool operator==(const tls&, const tls&) = default;
};

/// A TCP port that takes raw MIDI; every client is a port of the hub.
struct tcp_listener {
  std::string name;                  ///< stands in port ids
  std::string address = "127.0.0.1"; ///< literal
  std::uint16_t port = 0;            ///< 0 picks a free one
  std::vector<address_range> allow;  ///< empty: everyone that reaches it
  std::uint32_t max_clients = 500;   ///< 1 to 65536; further ones are refused
  std::optional<config::tls> tls;    ///< clients must speak TLS

  friend bool operator==(const tcp_listener&, const tcp_listener&) = default;
};

/// An outgoing TCP connection, kept up with back-off.
struct tcp_target {
  std::string host;
  std::uint16_t port = 0;  ///< 1 to 65535
  std::string name;        ///< its name in port ids; empty: the host
  bool tls = false;        ///< speak TLS and verify the server
  std::string authorities; ///< PEM file of those that TLS trusts; empty: the system's

  friend bool operator==(const tcp_target&, const tcp_target&) = default;
};

struct tcp {
  std::vector<tcp_listener> listen;
  std::vector<tcp_target> connect;

  friend bool operator==(const tcp&, const tcp&) = default;
};

/// A cable of ipMIDI's kind: raw MIDI in UDP multicast, of which qmidinet and multimidicast speak.
struct multicast_cable {
  std::string name;                 ///< stands in port ids
  std::string group = "225.0.0.37"; ///< IPv4 multicast address
  std::uint16_t port = 21928;       ///< 1 to 65535; ipMIDI's cable n is 21927 + n
  std::string interface;            ///< empty: the system's choice

  friend bool operator==(const multicast_cable&, const multicast_cable&) = default;
};

enum class discovery_mode : std::uint8_t {
  automatic, ///< the daemon if one answers, else the embedded responder
  daemon,
  embedded,
  off,
};

enum class connect_when : std::uint8_t {
  never,
  always,    ///< as soon as it is seen
  on_demand, ///< when a rule names its port
};

/// Whether the hub invites a discovered service. The first rule that fits decides; none: never.
struct connect_rule {
  std::vector<name_pattern> service;    ///< empty: any
  std::vector<name_pattern> host;       ///< empty: any
  std::vector<address_range> addresses; ///< empty: any
  std::vector<name_pattern> except;     ///< services that are not meant after all
  connect_when when = connect_when::always;
  std::string session; ///< offered session it is invited into; empty: the first

  friend bool operator==(const connect_rule&, const connect_rule&) = default;
};

struct discovery {
  discovery_mode mode = discovery_mode::automatic;
  bool publish = true;
  bool browse = true;
  std::vector<std::string> interfaces; ///< empty: all
  std::vector<connect_rule> connect;

  friend bool operator==(const discovery&, const discovery&) = default;
};

enum class token_role : std::uint8_t { read, control };

/// Where a bearer token comes from; exactly one of the two is given.
struct token {
  std::string name; ///< for logs
  token_role role = token_role::control;
  std::string file;        ///< its first line is the token
  std::string environment; ///< name of the variable that holds the token

  friend bool operator==(const token&, const token&) = default;
};

/// The control API.
struct control {
  bool enabled = true;
  std::vector<host_port> listen{{"127.0.0.1", 8504},
                                {"::1", 8504}}; ///< literal addresses; port 0 picks a free one
  std::vector<token> tokens;
  bool without_token = false;       ///< serve addresses beyond loopback without tokens
  std::vector<std::string> hosts;   ///< names under which browsers may reach it
  std::vector<std::string> origins; ///< web pages of other origins that may use it
  std::optional<config::tls> tls;

  friend bool operator==(const control&, const control&) = default;
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
  /// Watch for loops outside the hub and cut them. Music is never held back: what is suspicious is
  /// tested by a probe, a short SysEx message that devices ignore.
  bool loop_guard = true;

  friend bool operator==(const limits&, const limits&) = default;
};

/// What the hub asks of the system for steady timing. What is not permitted is logged, not fatal.
struct real_time {
  std::uint8_t priority = 0; ///< SCHED_FIFO for the loop thread, 1 to 99; 0: ordinary scheduling
  bool lock_memory = false;  ///< memory is never paged out
  std::uint8_t dscp = 46;    ///< mark of MIDI packets, 0 to 63; 46 is Expedited Forwarding, 0 none

  friend bool operator==(const real_time&, const real_time&) = default;
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
  local_ports local;
  config::tcp tcp;
  std::vector<multicast_cable> multicast; ///< none by default
  config::discovery discovery;
  std::vector<rule> rules{default_rule()}; ///< in force with every scene
  std::vector<config::scene> scenes;
  std::string scene; ///< the one that is active at first; empty: none
  config::control control;
  config::limits limits;
  config::real_time real_time;
  config::log log;

  friend bool operator==(const settings&, const settings&) = default;
};

} // namespace tutti::config
