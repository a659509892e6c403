// The only way to make each actor. State types stay inside their .cpp files.
// Decides: what an actor needs to be born. Thread: the loop thread.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/session_ports.hpp"
#include "io/event_loop.hpp"
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
  std::uint64_t seed = 0; ///< for tokens, sequence numbers and jitter; tests fix it
  /// What an engine asks for, while its peer session performs it: one for all, since they never do
  /// so at the same time; empty in between.
  protocol::session_output scratch;
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

/// What the hub is started with.
struct hub_start {
  io::event_loop* loop = nullptr;
  std::shared_ptr<config::configuration> configuration; ///< started
  std::vector<bound_session> bound; ///< sessions whose ports are open, so that mistakes were told
};

supervisor_actor spawn_supervisor(caf::actor_system& system, hub_start start);

/// Where the keeper of the configuration runs: it waits for disks, so only tests have it on the
/// loop.
enum class config_thread : std::uint8_t { own, loop };
configuration_actor spawn_configuration(caf::actor_system& system,
                                        std::shared_ptr<config::configuration> kept,
                                        supervisor_actor supervisor,
                                        config_thread thread = config_thread::own);

/// `watcher`, if any, is told of every scene that becomes active.
router_actor spawn_router(caf::actor_system& system, routing_settings_ptr settings,
                          scene_sink watcher = {});

listener_actor spawn_listener(caf::actor_system& system, session_context_ptr context,
                              router_actor router);

peer_session_actor spawn_peer_session(caf::actor_system& system, session_context_ptr context,
                                      port_key key, peer_address address, router_actor router,
                                      listener_actor listener);

tcp_port_actor spawn_tcp_port(caf::actor_system& system, tcp_context_ptr context, port_key key,
                              port_description description, io::byte_stream_ptr stream);

tcp_listener_actor spawn_tcp_listener(caf::actor_system& system, tcp_context_ptr context,
                                      config::tcp_listener settings);

tcp_target_actor spawn_tcp_target(caf::actor_system& system, tcp_context_ptr context,
                                  config::tcp_target settings);

discovery_actor spawn_discovery(caf::actor_system& system, io::event_loop& loop,
                                config::discovery settings, router_actor router);

} // namespace tutti
