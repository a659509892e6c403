// Every actor of the hub and every message it takes. Read this file first.
// The first of them, midi_sink, stands in messages.hpp, since messages carry it.
// Hot path: datagram_sink, router and midi_sink, in this order. They never reply.
// Thread: handles are safe anywhere; all actors run on the loop thread.
#pragma once

#include "actors/messages.hpp"

#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

namespace tutti {

/// Ports, rules, routes, and the state of each destination.
using router_actor = caf::typed_actor<
    // The port played these events.
    caf::reacts_to<atom::midi, port_key, batch_ptr>,
    // A port is up; what is routed to it goes to this sink.
    caf::reacts_to<atom::attach, port_key, port_description, midi_sink>,
    // The port is away; what it left sounding is released at its destinations.
    caf::reacts_to<atom::detach, port_key>,
    // The port lives on but starts anew: release what it left sounding.
    caf::reacts_to<atom::release, port_key>,
    // Put these rules and scenes in force; routes that stay the same are not touched.
    caf::reacts_to<atom::configure, routing_settings_ptr>,
    // Switch to this scene, or to none if the name is empty; false if there is no such scene.
    caf::replies_to<atom::scene, std::string>::with<bool>,
    // Own heartbeat for stalled SysEx, delays and loops; late ones are harmless.
    caf::reacts_to<atom::tick>,
    // Every live route.
    caf::replies_to<atom::routes>::with<std::vector<route_info>>,
    // Every rule in force, those of the active scene after the common ones.
    caf::replies_to<atom::rules>::with<std::vector<rule_info>>,
    // Every known port, up or away.
    caf::replies_to<atom::status>::with<std::vector<port_info>>,
    // Which of these ports, up or not, the rules in force name.
    caf::replies_to<atom::named,
                    std::vector<port_description>>::with<std::vector<port_description>>>;

/// One remote participant of a session.
using peer_session_actor = midi_sink::extend<
    // Datagrams from this peer arrived on the session's control or data port.
    caf::reacts_to<atom::datagram, protocol::channel, datagram_chain>,
    // The peer sent this IN from this address, and the policy admits it.
    caf::reacts_to<atom::invited, protocol::invitation, protocol::channel, io::endpoint>,
    // Invite the peer at one of these control addresses, the best first, and keep at it. Told
    // again: they are these now, or there is reason to try at once.
    caf::reacts_to<atom::invite, std::vector<io::endpoint>>,
    // Do not invite the peer any more, and end like this.
    caf::reacts_to<atom::abandon, farewell>,
    // It is the only session with this participant: its port is up.
    caf::reacts_to<atom::attach>,
    // The network reports that nobody listens at this address.
    caf::reacts_to<atom::nobody, io::endpoint>,
    // Own heartbeat; late ones are harmless.
    caf::reacts_to<atom::tick>,
    // Say goodbye to the peer and end.
    caf::reacts_to<atom::leave>,
    // Counters, clock and state.
    caf::replies_to<atom::status>::with<peer_info>>;

/// One offered session: its UDP pair, who may come in, who is in.
using listener_actor = caf::typed_actor<
    // Datagrams arrived on the control or data port.
    caf::reacts_to<atom::datagram, protocol::channel, datagram_chain>,
    // The network reports that nobody listens at this address.
    caf::reacts_to<atom::nobody, io::endpoint>,
    // Who may join is decided by these settings from now on; who is in stays.
    caf::reacts_to<atom::configure, config::session>,
    // Invite this peer, keep at it, and tell how it goes. Told again: its addresses are these now,
    // or there is reason to try at once.
    caf::reacts_to<atom::invite, invitation_target, target_watcher>,
    // The target of this key is not wanted any more.
    caf::reacts_to<atom::abandon, std::string, farewell>,
    // This peer's session stands, with this SSRC and name and at this address.
    caf::reacts_to<atom::reached, port_key, std::uint32_t, std::string, peer_address>,
    // This peer's session has ended, or an invitation has failed.
    caf::reacts_to<atom::failed, port_key>,
    // Say goodbye to everybody, close the ports and end.
    caf::reacts_to<atom::leave>,
    // The session and its peers.
    caf::replies_to<atom::status>::with<session_info>>;

/// One TCP connection that carries MIDI.
using tcp_port_actor = midi_sink::extend<
    // Reading or writing may go on, or the stream has ended.
    caf::reacts_to<atom::ready>,
    // Own: the turn's events are in; send them.
    caf::reacts_to<atom::flush>,
    // Own: a stream that is not established by now never will be.
    caf::reacts_to<atom::tick>,
    // Close the connection and end.
    caf::reacts_to<atom::leave>,
    // Counters.
    caf::replies_to<atom::status>::with<tcp_port_info>>;

/// A listening TCP socket, whose clients are ports.
using tcp_listener_actor = caf::typed_actor<
    // A client has connected.
    caf::reacts_to<atom::accepted, io::byte_stream_ptr>,
    // Own: try again to listen.
    caf::reacts_to<atom::tick>,
    // Close everything and end.
    caf::reacts_to<atom::leave>,
    // Its address and clients.
    caf::replies_to<atom::status>::with<tcp_info>>;

/// An outgoing TCP connection that is kept up.
using tcp_target_actor = caf::typed_actor<
    // Connect now; own, when it is time to try again.
    caf::reacts_to<atom::invite>,
    // The attempt gave this stream, or none and the reason why.
    caf::reacts_to<atom::connected, io::byte_stream_ptr, std::string>,
    // Close the connection and end.
    caf::reacts_to<atom::leave>,
    // Its state and port.
    caf::replies_to<atom::status>::with<tcp_info>>;

/// Whoever wants to know which scene is active.
using scene_sink = caf::typed_actor<
    // This scene became active, or none if the name is empty.
    caf::reacts_to<atom::scene, std::string>>;

/// Keeps the configuration. Runs on a thread of its own, since it reads and writes files.
/// Every change goes this way: it is judged as a whole, put in force by the supervisor, kept on
/// disk, and only then answered. Scenes are switched at the router instead.
using configuration_actor = caf::typed_actor<
    // What is in force.
    caf::replies_to<atom::status>::with<config::configuration_ptr>,
    // Read the file again.
    caf::replies_to<atom::reload>::with<config::change_result>,
    // Change the document in force by this JSON Patch, if it still has this revision (empty:
    // whatever it has). Any list or object of it may be edited, or the whole replaced (path "").
    caf::replies_to<atom::edit, json_value, std::string>::with<config::change_result>,
    // Only tell what would become of this document.
    caf::replies_to<atom::check, json_value>::with<config::change_result>,
    // This scene is active (empty: none); false if it is not known.
    caf::replies_to<atom::scene, std::string>::with<bool>,
    // What was remembered under this key; null if nothing was.
    caf::replies_to<atom::note, std::string>::with<json_value>,
    // Remember this under a key; null forgets.
    caf::replies_to<atom::note, std::string, json_value>::with<config::change_result>,
    // End.
    caf::reacts_to<atom::leave>>;

/// What is announced on the network, what is seen there, and which peers are invited.
using discovery_actor = target_watcher::extend<
    // Announce this, instead of what was announced under its name and type.
    caf::reacts_to<atom::publish, offer>,
    // Announce what has this name and type no more.
    caf::reacts_to<atom::withdraw, std::string, std::string>,
    // This is the listener of the session of this name; the first one told is the first session.
    caf::reacts_to<atom::attach, std::string, listener_actor>,
    // The session of this name is offered no more.
    caf::reacts_to<atom::detach, std::string>,
    // Do not invite this peer any more, and say goodbye to it.
    caf::reacts_to<atom::abandon, config::remote_peer>,
    // Invite this peer for ever; false if there is no such session.
    caf::replies_to<atom::invite, config::remote_peer>::with<bool>,
    // Own: this service has come, changed or gone.
    caf::reacts_to<atom::seen, service_event_ptr>,
    // Own: this became of an offer.
    caf::reacts_to<atom::announced, offer_status_ptr>,
    // Own: the name of this peer was looked up.
    caf::reacts_to<atom::resolved, std::string, name_result_ptr>,
    // Own: something for the log.
    caf::reacts_to<atom::noted, mdns_notice_ptr>,
    // Own: look up the name of this peer again.
    caf::reacts_to<atom::tick, std::string>,
    // Own: see which services the rules ask for.
    caf::reacts_to<atom::tick>,
    // Say goodbye for everything that is announced, and end.
    caf::reacts_to<atom::leave>,
    // What is announced and what is seen.
    caf::replies_to<atom::status>::with<discovery_info>>;

/// Starts everything in order, restarts what failed, stops in reverse.
using supervisor_actor = scene_sink::extend<
    // Put this configuration in force; what it does not change is not touched.
    caf::reacts_to<atom::configure, settings_ptr>,
    // Read the configuration file again; the log tells what comes of it.
    caf::reacts_to<atom::reload>,
    // Stop everything and end.
    caf::reacts_to<atom::leave>,
    // Start again what failed.
    caf::reacts_to<atom::restart>,
    // Every session with its peers.
    caf::replies_to<atom::status>::with<std::vector<session_info>>>;

} // namespace tutti

// Handles that messages carry.
CAF_BEGIN_TYPE_ID_BLOCK(tutti_actors, caf::id_block::tutti_messages::end)
CAF_ADD_TYPE_ID(tutti_actors, (tutti::listener_actor))
CAF_END_TYPE_ID_BLOCK(tutti_actors)
