// What travels between actors: atoms (verbs) and message types; the larger of these have headers of
// their own (port_info, route_info, peer_info, notice), which need no CAF.
// Decides: the vocabulary. Leaves: who says what to whom (interfaces.hpp).
// Batches, datagrams and sockets are shared in this process only; everything else could leave it.
// Thread: values.
#pragma once

#include "actors/batch.hpp"
#include "actors/notice.hpp"
#include "actors/peer_info.hpp"
#include "actors/port_info.hpp"
#include "actors/route_info.hpp"
#include "config/configuration.hpp"
#include "io/alsa_client.hpp"
#include "io/byte_stream.hpp"
#include "io/datagram_socket.hpp"
#include "io/http_message.hpp"
#include "io/jack_client.hpp"
#include "io/local_port.hpp"
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
#include <vector>

// What io/mdns and io/name_lookup tell is passed on unread; only the discovery actor looks inside.
namespace tutti::io {
struct service_event;
struct publication_status;
struct name_result;
struct notice;
} // namespace tutti::io

namespace tutti {

/// The configuration, as the supervisor puts it in force.
using settings_ptr = std::shared_ptr<const config::settings>;

/// A JSON Patch (RFC 6902) of the configuration's document, or a document.
struct json_value {
  nlohmann::json content;
};

/// Datagrams of one peer in a block: start at `first`, go on by slot::next.
struct datagram_chain {
  io::datagram_block_ptr block;
  std::uint16_t first = io::datagram_block::end;
};

using service_event_ptr = std::shared_ptr<const io::service_event>;
using offer_status_ptr = std::shared_ptr<const io::publication_status>;
using name_result_ptr = std::shared_ptr<const io::name_result>;
using mdns_notice_ptr = std::shared_ptr<const io::notice>;

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
