// What travels between actors: atoms (verbs) and message types.
// Decides: the vocabulary. Leaves: who says what to whom (interfaces.hpp).
// Batches, datagrams and sockets are shared in this process only; everything else could leave it.
// Thread: values.
#pragma once

#include "actors/admission.hpp"
#include "actors/batch.hpp"
#include "actors/routing/outcome.hpp"
#include "config/configuration.hpp"
#include "io/alsa_client.hpp"
#include "io/byte_stream.hpp"
#include "io/datagram_socket.hpp"
#include "io/http_message.hpp"
#include "io/jack_client.hpp"
#include "io/local_port.hpp"
#include "io/log.hpp"
#include "io/time_histogram.hpp"
#include "protocol/session/session_engine.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

// What io/mdns and io/name_lookup tell is passed on unread; only the discovery actor looks inside.
namespace tutti::io {
struct service_event;
struct publication_status;
struct name_result;
struct notice;
} // namespace tutti::io

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

/// The configuration, as the supervisor puts it in force.
using settings_ptr = std::shared_ptr<const config::settings>;

/// A JSON Patch (RFC 6902) of the configuration's document, or a document.
struct json_value {
  nlohmann::json content;
};

/// What the router needs of the configuration; never changed once it is sent.
struct routing_settings {
  std::vector<config::rule> rules{config::default_rule()};
  std::vector<config::scene> scenes;
  std::string first_scene;         ///< active at first; empty: none
  std::size_t routes = 262144;     ///< routes with filter or transforms
  bool loop_guard = false;         ///< see config::limits
  std::size_t delay_queue = 65536; ///< events per route that a delay may hold
};
using routing_settings_ptr = std::shared_ptr<const routing_settings>;

/// A live connection from one port to another.
struct route_info {
  port_key from_key = 0;
  port_key to_key = 0;
  std::size_t rule_index = 0; ///< among those in force
  std::string from;
  std::string to;
  std::string rule;             ///< name of the rule that made it; empty if it has none
  bool plain = true;            ///< without filter and transforms: events pass as they are
  std::uint64_t events_out = 0; ///< of routes that are not plain
};

/// Which live routes somebody wants to see. They are in order of source, destination and rule, and
/// there may be hundreds of thousands.
struct route_query {
  std::string from;        ///< id of a port; empty: any
  std::string to;          ///< the same
  port_key after_from = 0; ///< only those behind this one; 0: from the first
  port_key after_to = 0;
  std::size_t after_rule = 0;
  std::size_t limit = 1000;
};

/// A rule in force and what it has done.
struct rule_info {
  std::string scene;     ///< whose rule it is; empty: a common one
  std::size_t index = 0; ///< in the list that the configuration has there
  std::string name;
  bool enabled = true;
  std::uint64_t events = 0; ///< that its routes passed on, each once for each destination
};

/// Datagrams of one peer in a block: start at `first`, go on by slot::next.
struct datagram_chain {
  io::datagram_block_ptr block;
  std::uint16_t first = io::datagram_block::end;
};

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

/// What clients of the API may listen to.
enum class topic : std::uint8_t {
  ports,
  peers,
  routes,
  rules,
  invitations,
  services,
  log,
  midi,
  meters
};
inline constexpr std::size_t topic_count = 9;
constexpr const char* to_string(topic which) noexcept {
  switch (which) {
  case topic::ports: return "ports";
  case topic::peers: return "peers";
  case topic::routes: return "routes";
  case topic::rules: return "rules";
  case topic::invitations: return "invitations";
  case topic::services: return "services";
  case topic::log: return "log";
  case topic::midi: return "midi";
  case topic::meters: return "meters";
  }
  return "?";
}

/// A service of others on the network.
struct service_info {
  std::string name;
  std::string host;
  std::vector<io::endpoint> addresses;
  config::connect_when when = config::connect_when::never; ///< whether the hub invites it
  bool connected = false;                                  ///< by the hub's invitation
};

struct log_line {
  io::log_level level = io::log_level::info;
  std::string sentence;
};

/// Routes between two ports came, went or are others now.
struct route_event {
  routing::route_change::kind what = routing::route_change::kind::changed;
  std::string from;
  std::string to;
};

/// This scene is active now; empty: none.
struct scene_change {
  std::string scene;
};

/// Something happened that somebody may want to know at once.
struct notice {
  topic about = topic::ports;
  std::string what; ///< a verb: "up", "away", "connected" ...
  std::variant<std::monostate, port_info, peer_info, std::vector<route_event>, scene_change,
               pending_invitation, service_info, log_line>
      subject;
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

using service_event_ptr = std::shared_ptr<const io::service_event>;
using offer_status_ptr = std::shared_ptr<const io::publication_status>;
using name_result_ptr = std::shared_ptr<const io::name_result>;
using mdns_notice_ptr = std::shared_ptr<const io::notice>;

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

} // namespace tutti

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::alsa_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::alsa_notice_kind)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::local_offer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::local_import)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::local_port_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::local_port_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::jack_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::jack_notice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::io::jack_port_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::jack_transport_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::farewell)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::offer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::invitation_target)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::discovery_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::service_event_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::offer_status_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::name_result_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::mdns_notice_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::byte_stream_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::tcp_port_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::tcp_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::batch_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::routing_settings_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::settings_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::json_value)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::config::configuration_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::config::change_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::config::session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::route_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::route_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::route_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::rule_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::datagram_chain)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::peer_address)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::port_description)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::port_description>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::port_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::port_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::peer_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::session_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::session_info>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::protocol::channel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::protocol::invitation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::endpoint)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::io::http_exchange_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::config::remote_peer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::decision_term)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::admission_decision>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tutti::notice)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::port_key>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::port_activity>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<tutti::io::endpoint>)

namespace tutti {
namespace atom {
using midi = caf::atom_constant<caf::atom("midi")>;
constexpr midi midi_v{};
} // namespace atom

/// Anything that can be played to: a peer session, a local port, a TCP port, a test. Stands here
/// and not in interfaces.hpp because messages carry it.
using midi_sink = caf::typed_actor<
    // Play these events now; the batch is shared and must not be changed.
    caf::reacts_to<atom::midi, batch_ptr>>;

namespace atom {
using noticed = caf::atom_constant<caf::atom("noticed")>;
using attached = caf::atom_constant<caf::atom("attached")>;
using detached = caf::atom_constant<caf::atom("detached")>;
using known = caf::atom_constant<caf::atom("known")>;
using lost = caf::atom_constant<caf::atom("lost")>;
using reached = caf::atom_constant<caf::atom("reached")>;
using failed = caf::atom_constant<caf::atom("failed")>;
} // namespace atom

/// Whoever wants to know of remote sessions that are connected to on demand.
using remote_listener = caf::typed_actor<
    // There is this one, with its name and address, or it has another address now.
    caf::reacts_to<atom::known, config::remote_peer>,
    // The one of this name has gone.
    caf::reacts_to<atom::lost, std::string>>;

/// Whoever wants to know which ports are up; stands here for the same reason.
using port_listener = caf::typed_actor<
    // The port is up and has this id.
    caf::reacts_to<atom::attached, port_key, std::string, port_description>,
    // The port is away.
    caf::reacts_to<atom::detached, port_key>>;

/// Whoever wants to hear of JACK's graph; stands here for the same reason.
using graph_listener = caf::typed_actor<
    // This happened in JACK's graph.
    caf::reacts_to<atom::noticed, io::jack_notice>>;

/// Whoever wants a peer invited; stands here for the same reason.
using target_watcher = caf::typed_actor<
    // The target of this key is in session.
    caf::reacts_to<atom::reached, std::string>,
    // It is not, or not any more.
    caf::reacts_to<atom::failed, std::string>>;
} // namespace tutti

CAF_BEGIN_TYPE_ID_BLOCK(tutti_messages, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(tutti_messages, (tutti::midi_sink))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::target_watcher))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::batch_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::routing_settings_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::route_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::route_query))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::route_info>))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::rule_info>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::settings_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::json_value))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::config::configuration_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::config::change_result))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::config::session))
CAF_ADD_ATOM(tutti_messages, tutti::atom, check, "check")
CAF_ADD_ATOM(tutti_messages, tutti::atom, configure, "configure")
CAF_ADD_ATOM(tutti_messages, tutti::atom, edit, "edit")
CAF_ADD_ATOM(tutti_messages, tutti::atom, note, "note")
CAF_ADD_ATOM(tutti_messages, tutti::atom, reload, "reload")
CAF_ADD_ATOM(tutti_messages, tutti::atom, scene, "scene")
CAF_ADD_ATOM(tutti_messages, tutti::atom, routes, "routes")
CAF_ADD_ATOM(tutti_messages, tutti::atom, rules, "rules")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::datagram_chain))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::peer_address))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::port_description))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::port_description>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::port_info))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::port_info>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::peer_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::session_info))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::session_info>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::protocol::channel))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::protocol::invitation))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::endpoint))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::http_exchange_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::config::remote_peer))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::decision_term))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::admission_decision>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::notice))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::port_key>))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::port_activity>))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::io::endpoint>))
CAF_ADD_ATOM(tutti_messages, tutti::atom, datagram, "datagram")
CAF_ADD_ATOM(tutti_messages, tutti::atom, invite, "invite")
CAF_ADD_ATOM(tutti_messages, tutti::atom, invited, "invited")
CAF_ADD_ATOM(tutti_messages, tutti::atom, nobody, "nobody")
CAF_ADD_ATOM(tutti_messages, tutti::atom, restart, "restart")
CAF_ADD_ATOM(tutti_messages, tutti::atom, attach, "attach")
CAF_ADD_ATOM(tutti_messages, tutti::atom, detach, "detach")
CAF_ADD_ATOM(tutti_messages, tutti::atom, release, "release")
CAF_ADD_ATOM(tutti_messages, tutti::atom, leave, "leave")
CAF_ADD_ATOM(tutti_messages, tutti::atom, tick, "tick")
CAF_ADD_ATOM(tutti_messages, tutti::atom, status, "status")
CAF_ADD_ATOM(tutti_messages, tutti::atom, changed, "changed")
CAF_ADD_ATOM(tutti_messages, tutti::atom, decide, "decide")
CAF_ADD_ATOM(tutti_messages, tutti::atom, forget, "forget")
CAF_ADD_ATOM(tutti_messages, tutti::atom, listen, "listen")
CAF_ADD_ATOM(tutti_messages, tutti::atom, meters, "meters")
CAF_ADD_ATOM(tutti_messages, tutti::atom, panic, "panic")
CAF_ADD_ATOM(tutti_messages, tutti::atom, play, "play")
CAF_ADD_ATOM(tutti_messages, tutti::atom, serve, "serve")
CAF_ADD_ATOM(tutti_messages, tutti::atom, tap, "tap")
CAF_ADD_ATOM(tutti_messages, tutti::atom, tell, "tell")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::farewell))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::offer))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::invitation_target))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::discovery_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::service_event_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::offer_status_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::name_result_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::mdns_notice_ptr))
CAF_ADD_ATOM(tutti_messages, tutti::atom, named, "named")
CAF_ADD_ATOM(tutti_messages, tutti::atom, publish, "publish")
CAF_ADD_ATOM(tutti_messages, tutti::atom, withdraw, "withdraw")
CAF_ADD_ATOM(tutti_messages, tutti::atom, seen, "seen")
CAF_ADD_ATOM(tutti_messages, tutti::atom, announced, "announced")
CAF_ADD_ATOM(tutti_messages, tutti::atom, resolved, "resolved")
CAF_ADD_ATOM(tutti_messages, tutti::atom, noted, "noted")
CAF_ADD_ATOM(tutti_messages, tutti::atom, abandon, "abandon")
CAF_ADD_ATOM(tutti_messages, tutti::atom, reached, "reached")
CAF_ADD_ATOM(tutti_messages, tutti::atom, failed, "failed")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::byte_stream_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::tcp_port_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::tcp_info))
CAF_ADD_ATOM(tutti_messages, tutti::atom, accepted, "accepted")
CAF_ADD_ATOM(tutti_messages, tutti::atom, connected, "connected")
CAF_ADD_ATOM(tutti_messages, tutti::atom, ready, "ready")
CAF_ADD_ATOM(tutti_messages, tutti::atom, flush, "flush")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::local_port_ptr))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::local_port_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::alsa_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::alsa_notice_kind))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::local_offer))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::local_import))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::port_listener))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::jack_info))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::jack_notice))
CAF_ADD_TYPE_ID(tutti_messages, (std::vector<tutti::io::jack_port_info>))
CAF_ADD_TYPE_ID(tutti_messages, (tutti::io::jack_transport_info))
CAF_ADD_ATOM(tutti_messages, tutti::atom, attached, "attached")
CAF_ADD_ATOM(tutti_messages, tutti::atom, detached, "detached")
CAF_ADD_ATOM(tutti_messages, tutti::atom, known, "known")
CAF_ADD_ATOM(tutti_messages, tutti::atom, lost, "lost")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::remote_listener))
CAF_ADD_ATOM(tutti_messages, tutti::atom, expect, "expect")
CAF_ADD_ATOM(tutti_messages, tutti::atom, offer, "offer")
CAF_ADD_ATOM(tutti_messages, tutti::atom, opened, "opened")
CAF_ADD_ATOM(tutti_messages, tutti::atom, noticed, "noticed")
CAF_ADD_ATOM(tutti_messages, tutti::atom, listed, "listed")
CAF_ADD_ATOM(tutti_messages, tutti::atom, added, "added")
CAF_ADD_ATOM(tutti_messages, tutti::atom, list, "list")
CAF_ADD_ATOM(tutti_messages, tutti::atom, connect, "connect")
CAF_ADD_ATOM(tutti_messages, tutti::atom, disconnect, "disconnect")
CAF_ADD_ATOM(tutti_messages, tutti::atom, transport, "transport")
CAF_ADD_ATOM(tutti_messages, tutti::atom, locate, "locate")
CAF_ADD_ATOM(tutti_messages, tutti::atom, subscribe, "subscribe")
CAF_ADD_TYPE_ID(tutti_messages, (tutti::graph_listener))
CAF_END_TYPE_ID_BLOCK(tutti_messages)
