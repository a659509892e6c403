// The only way to make each actor. State types stay inside their .cpp files.
// Decides: what an actor needs to be born. Thread: the loop thread.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/session_ports.hpp"
#include "io/event_loop.hpp"
#include "io/http_server.hpp"
#include "protocol/session/handshake.hpp"
#include "protocol/session/timing.hpp"
#include "protocol/stream_queue.hpp"

#include <caf/fwd.hpp>

#include <memory>
#include <string>
#include <vector>

namespace tutti {

/// What a listener and all its peer sessions share; read-only once the listener runs.
struct session_context {
  protocol::session_identity identity;
  protocol::session_timing timing;
  std::shared_ptr<io::datagram_socket> control;
  std::shared_ptr<io::datagram_socket> data;
  std::size_t max_peers = 4096;
  config::invitations invitations;
  notice_sink notices;    ///< is told what happens; may be none
  std::string partner;    ///< id of the local port that the session is for; empty: rules decide
  std::uint64_t seed = 0; ///< for tokens, sequence numbers and jitter; tests fix it
  /// What an engine asks for, while its peer session performs it: one for all, since they never do
  /// so at the same time; empty in between.
  protocol::session_output scratch;
  io::time_histogram transit; ///< see session_info
};
using session_context_ptr = std::shared_ptr<session_context>;

/// What all TCP actors share; read-only once they run.
struct tcp_context {
  io::event_loop* loop = nullptr;
  router_actor router;
  std::size_t sysex_octets = 1u << 20; ///< longest SysEx taken from a stream
  protocol::stream_queue_limits queue; ///< towards each stream
  std::uint64_t seed = 0;              ///< for back-off; tests fix it
  int dscp = 46;                       ///< mark of the packets of all streams
};
using tcp_context_ptr = std::shared_ptr<const tcp_context>;

/// What the control actor needs of the others.
struct control_parts {
  std::shared_ptr<io::http_server> server; ///< bound, with the routes of api_routes
  io::event_loop* loop = nullptr;
  supervisor_actor supervisor;
  configuration_actor configuration;
  router_actor router;
  monitor_actor monitor;
  std::string version;
};

control_actor spawn_control(caf::actor_system& system, control_parts parts);

monitor_actor spawn_monitor(caf::actor_system& system);
/// What a port of this machine passes, and how fast.
struct local_port_options {
  bool clock = true;
  bool active_sensing = false;
  /// Octets per second that the device takes; 0: it says itself when it is full.
  std::uint32_t octets_per_second = 0;
  std::size_t sysex_octets = 1u << 20; ///< longest SysEx either way
};

/// What the actors of a sound system need.
struct local_context {
  io::event_loop* loop = nullptr;
  router_actor router;
  session_provider sessions;                ///< may be none: nothing is offered or invited then
  std::vector<config::remote_peer> remotes; ///< configured ones that are connected to on demand
  config::sound_system settings;
  std::size_t sysex_octets = 1u << 20;
};

/// What the hub is started with.
struct hub_start {
  io::event_loop* loop = nullptr;
  std::shared_ptr<config::configuration> configuration; ///< started
  std::vector<bound_session> bound; ///< sessions whose ports are open, so that mistakes were told
  std::shared_ptr<io::http_server> control; ///< bound like the sessions; none: there is no API
  std::string version;
};

supervisor_actor spawn_supervisor(caf::actor_system& system, hub_start start);

/// Where the keeper of the configuration runs: it waits for disks, so only tests have it on the
/// loop.
enum class config_thread : std::uint8_t { own, loop };
configuration_actor spawn_configuration(caf::actor_system& system,
                                        std::shared_ptr<config::configuration> kept,
                                        supervisor_actor supervisor,
                                        config_thread thread = config_thread::own);

/// `watcher`, if any, is told of every scene that becomes active, `notices` of all that happens.
router_actor spawn_router(caf::actor_system& system, routing_settings_ptr settings,
                          scene_sink watcher = {}, notice_sink notices = {});

listener_actor spawn_listener(caf::actor_system& system, session_context_ptr context,
                              router_actor router);

/// `partner` is the id of the local port that the peer is for; empty: the session's.
peer_session_actor spawn_peer_session(caf::actor_system& system, session_context_ptr context,
                                      port_key key, peer_address address, router_actor router,
                                      listener_actor listener, std::string partner = {});

tcp_port_actor spawn_tcp_port(caf::actor_system& system, tcp_context_ptr context, port_key key,
                              port_description description, io::byte_stream_ptr stream);

tcp_listener_actor spawn_tcp_listener(caf::actor_system& system, tcp_context_ptr context,
                                      config::tcp_listener settings);

tcp_target_actor spawn_tcp_target(caf::actor_system& system, tcp_context_ptr context,
                                  config::tcp_target settings);

local_port_actor spawn_local_port(caf::actor_system& system, router_actor router, port_key key,
                                  port_description description, io::local_port_ptr port,
                                  const local_port_options& options);

multicast_port_actor spawn_multicast_port(caf::actor_system& system, io::event_loop& loop,
                                          router_actor router, config::multicast_cable settings);

alsa_watch_actor spawn_alsa_watch(caf::actor_system& system, local_context context);

jack_watch_actor spawn_jack_watch(caf::actor_system& system, local_context context);

discovery_actor spawn_discovery(caf::actor_system& system, io::event_loop& loop,
                                config::discovery settings, router_actor router,
                                notice_sink notices);

} // namespace tutti
