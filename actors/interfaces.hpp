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

/// Whoever wants to know what happens.
using notice_sink = caf::typed_actor<
    // Something happened.
    caf::reacts_to<atom::tell, notice>>;

/// Whoever wants to see what passes.
using tap_sink = caf::typed_actor<
    // This passed between these ports (0: from or into the hub).
    caf::reacts_to<atom::tap, port_key, port_key, batch_ptr>>;

/// Ports, rules, routes, and the state of each destination.
using router_actor = caf::typed_actor<
    // The port played these events.
    caf::reacts_to<atom::midi, port_key, batch_ptr>,
    // A port is up; what is routed to it goes to this sink.
    caf::reacts_to<atom::attach, port_key, port_description, midi_sink>,
    // The port is away; what it left sounding is released at its destinations.
    caf::reacts_to<atom::detach, port_key>,
    // This port may come; until then it is listed as away.
    caf::reacts_to<atom::expect, port_description>,
    // Tell this actor of every port that is up, and of all that come and go.
    caf::reacts_to<atom::subscribe, port_listener>,
    // The port lives on but starts anew: release what it left sounding.
    caf::reacts_to<atom::release, port_key>,
    // Put these rules and scenes in force; routes that stay the same are not touched.
    caf::reacts_to<atom::configure, routing_settings_ptr>,
    // Switch to this scene, or to none if the name is empty; false if there is no such scene.
    caf::replies_to<atom::scene, std::string>::with<bool>,
    // Own heartbeat for stalled SysEx, delays and loops; late ones are harmless.
    caf::reacts_to<atom::tick>,
    // Live routes, as many as asked for.
    caf::replies_to<atom::routes, route_query>::with<std::vector<route_info>>,
    // From now on tell (or do not) which routes come and go.
    caf::reacts_to<atom::routes, bool>,
    // The active scene; empty: none.
    caf::replies_to<atom::scene>::with<std::string>,
    // Every rule in force, those of the active scene after the common ones.
    caf::replies_to<atom::rules>::with<std::vector<rule_info>>,
    // Every known port, up or away.
    caf::replies_to<atom::status>::with<std::vector<port_info>>,
    // From now on show what comes from the first and what goes to the second ports.
    caf::reacts_to<atom::tap, tap_sink, std::vector<port_key>, std::vector<port_key>>,
    // What each port that is up has moved so far.
    caf::replies_to<atom::meters>::with<std::vector<port_activity>>,
    // Play these events to the port with this id (true: as if it had played them). False if it is
    // not up or does not take them.
    caf::replies_to<atom::play, std::string, bool, batch_ptr>::with<bool>,
    // Silence the port with this id, or all (empty); how many were told.
    caf::replies_to<atom::panic, std::string>::with<std::uint32_t>,
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
    // This block, from `first` to its end: an invitation, and whatever came behind it.
    caf::reacts_to<atom::datagram, protocol::channel, datagram_chain>,
    // The network reports that nobody listens at this address.
    caf::reacts_to<atom::nobody, io::endpoint>,
    // This was decided before the hub started.
    caf::reacts_to<atom::decide, std::vector<admission_decision>>,
    // Own heartbeat while somebody waits to be admitted.
    caf::reacts_to<atom::tick>,
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
    caf::replies_to<atom::status>::with<session_info>,
    // Say goodbye to this peer for good; false if there is none.
    caf::replies_to<atom::leave, port_key>::with<bool>,
    // Admit (true) or refuse who waits under this id; false if nobody does.
    caf::replies_to<atom::decide, std::uint64_t, bool, decision_term>::with<bool>,
    // Forget what was decided about this host and name; false if nothing was.
    caf::replies_to<atom::forget, std::string, std::string>::with<bool>>;

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

/// One cable of UDP multicast.
using multicast_port_actor = midi_sink::extend<
    // Datagrams have arrived.
    caf::reacts_to<atom::ready>,
    // Own: the turn's events are in; send them.
    caf::reacts_to<atom::flush>,
    // Own: try again to join the group.
    caf::reacts_to<atom::tick>,
    // Leave the group and end.
    caf::reacts_to<atom::leave>>;

/// One port of this machine: a device, or a virtual port that programs connect to.
using local_port_actor = midi_sink::extend<
    // Something has arrived, or the device takes more.
    caf::reacts_to<atom::ready>,
    // Own: the device may be given more by now.
    caf::reacts_to<atom::tick>,
    // Close the port and end.
    caf::reacts_to<atom::leave>,
    // Counters.
    caf::replies_to<atom::status>::with<local_port_info>>;

/// Whoever has sessions for local ports: the supervisor, a test.
using session_provider = caf::typed_actor<
    // Offer a session for this local port, as long as the sender, a part of the hub, lives.
    caf::reacts_to<atom::offer, local_offer>,
    // The sessions that the sender wanted for the port with this id are not offered any more.
    caf::reacts_to<atom::withdraw, std::string>,
    // Invite a remote session for a local port, and keep at it; false if its host is not known.
    caf::replies_to<atom::invite, local_import>::with<bool>,
    // Say goodbye to the peer that was invited in this way.
    caf::reacts_to<atom::withdraw, local_import>>;

/// JACK: its server, the ports that the rules open, and the virtual ports.
using jack_watch_actor = port_listener::extend_with<remote_listener>::extend<
    // Own: see whether a server is there.
    caf::reacts_to<atom::tick>,
    // Opening the client ended with this failure, or none.
    caf::reacts_to<atom::opened, std::string>,
    // Something happened in the graph.
    caf::reacts_to<atom::noticed, io::jack_notice>,
    // Own: see which ports are there.
    caf::reacts_to<atom::list>,
    // These ports are there now.
    caf::reacts_to<atom::listed, std::vector<io::jack_port_info>>,
    // The port that stands for this name is open, or it failed for this reason.
    caf::reacts_to<atom::added, std::string, io::local_port_ptr, std::string>,
    // Tell this actor what happens in the graph from now on.
    caf::reacts_to<atom::subscribe, graph_listener>,
    // Close everything and end.
    caf::reacts_to<atom::leave>,
    // The server and what is open.
    caf::replies_to<atom::status>::with<jack_info>,
    // All ports whose name fits the regular expression; MIDI ports only, or all.
    caf::replies_to<atom::list, std::string, bool>::with<std::vector<io::jack_port_info>>,
    // Connect two ports of whatever client; answers why it could not be done, or nothing.
    caf::replies_to<atom::connect, std::string, std::string>::with<std::string>,
    // The same for disconnecting.
    caf::replies_to<atom::disconnect, std::string, std::string>::with<std::string>,
    // State, position and tempo.
    caf::replies_to<atom::transport>::with<io::jack_transport_info>,
    // Start (true) or stop the transport; answers like connect.
    caf::replies_to<atom::transport, bool>::with<std::string>,
    // Move the transport to this frame.
    caf::replies_to<atom::locate, std::uint32_t>::with<std::string>>;

/// ALSA's sequencer: the ports that the rules open, and the virtual ports.
using alsa_watch_actor = port_listener::extend_with<remote_listener>::extend<
    // Own: see whether a sequencer is there.
    caf::reacts_to<atom::tick>,
    // Opening the client ended with this failure, or none.
    caf::reacts_to<atom::opened, std::string>,
    // Something happened in the sequencer.
    caf::reacts_to<atom::noticed, io::alsa_notice_kind>,
    // Own: see which ports are there.
    caf::reacts_to<atom::list>,
    // Close everything and end.
    caf::reacts_to<atom::leave>,
    // What is open.
    caf::replies_to<atom::status>::with<alsa_info>>;

/// Whoever wants to know which scene is active.
using scene_sink = caf::typed_actor<
    // This scene became active, or none if the name is empty.
    caf::reacts_to<atom::scene, std::string>>;

/// Wants to know what is in force.
using configuration_sink = caf::typed_actor<
    // This is in force from now on.
    caf::reacts_to<atom::configure, config::configuration_ptr>>;

/// Keeps the configuration. Runs on a thread of its own, since it reads and writes files.
/// Every change goes this way: it is judged as a whole, put in force by the supervisor, kept on
/// disk, and only then answered. Scenes are switched at the router instead.
using configuration_actor = caf::typed_actor<
    // What is in force.
    caf::replies_to<atom::status>::with<config::configuration_ptr>,
    // Tell this one now, and before any change is answered.
    caf::reacts_to<atom::attach, configuration_sink>,
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
    // Tell this actor of services that are connected to on demand, now and when they come and go.
    caf::reacts_to<atom::subscribe, remote_listener>,
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
using supervisor_actor = scene_sink::extend_with<session_provider>::extend<
    // Put this configuration in force; what it does not change is not touched.
    caf::reacts_to<atom::configure, settings_ptr>,
    // Read the configuration file again; the log tells what comes of it.
    caf::reacts_to<atom::reload>,
    // Stop everything and end.
    caf::reacts_to<atom::leave>,
    // Start again what failed.
    caf::reacts_to<atom::restart>,
    // Every session with its peers.
    caf::replies_to<atom::status>::with<std::vector<session_info>>,
    // What is announced on the network and seen there.
    caf::replies_to<atom::seen>::with<discovery_info>,
    // Invite this remote session into one of ours, and keep at it; false if ours is not known.
    caf::replies_to<atom::invite, config::remote_peer>::with<bool>,
    // For the session of this name: see listener.
    caf::replies_to<atom::leave, std::string, port_key>::with<bool>,
    caf::replies_to<atom::decide, std::string, std::uint64_t, bool, decision_term>::with<bool>,
    caf::replies_to<atom::forget, std::string, std::string, std::string>::with<bool>>;

/// The API: HTTP requests become questions to the other actors, their answers responses.
using control_actor = configuration_sink::extend<
    // A client asks this.
    caf::reacts_to<atom::serve, io::http_exchange_ptr>,
    // What was answered before may not be true any more.
    caf::reacts_to<atom::changed>,
    // This keeps the configuration from now on.
    caf::reacts_to<atom::attach, configuration_actor>,
    // Let all clients go and end.
    caf::reacts_to<atom::leave>>;

/// Live events for the API's clients: fans out what happens; taps and meters on request.
using monitor_actor = notice_sink::extend_with<tap_sink>::extend<
    // Ask this router for taps and meters.
    caf::reacts_to<atom::attach, router_actor>,
    // Tell this one when answers of before are not true any more.
    caf::reacts_to<atom::attach, control_actor>,
    // The client of this request wants to listen.
    caf::reacts_to<atom::listen, io::http_exchange_ptr>,
    // The client with this number wants to listen to this (JSON).
    caf::reacts_to<atom::listen, std::uint64_t, std::string>,
    // The client with this number is gone.
    caf::reacts_to<atom::forget, std::uint64_t>,
    // Own heartbeat while taps or meters are wanted.
    caf::reacts_to<atom::tick>,
    // Let all clients go and end.
    caf::reacts_to<atom::leave>>;

} // namespace tutti

// Handles that messages carry.
CAF_BEGIN_TYPE_ID_BLOCK(tutti_actors, caf::id_block::tutti_messages::end)
CAF_ADD_TYPE_ID(tutti_actors, (tutti::tap_sink))
CAF_ADD_TYPE_ID(tutti_actors, (tutti::router_actor))
CAF_ADD_TYPE_ID(tutti_actors, (tutti::control_actor))
CAF_ADD_TYPE_ID(tutti_actors, (tutti::configuration_actor))
CAF_ADD_TYPE_ID(tutti_actors, (tutti::configuration_sink))
CAF_ADD_TYPE_ID(tutti_actors, (tutti::listener_actor))
CAF_END_TYPE_ID_BLOCK(tutti_actors)
