// The supervisor's inside. Leaves: see supervisor.cpp, and supervisor_parts, supervisor_discovery
// and supervisor_local for what each member does. Thread: owned by one supervisor actor.
#pragma once

#include "actors/part_list.hpp"
#include "actors/spawn.hpp"
#include "io/interface_watcher.hpp"
#include "io/name_lookup.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tutti {

/// What cannot be started, as its port is taken, is tried again this often.
inline constexpr std::chrono::seconds retry_wait{5};

/// An offered session whose ports are open; they stay so while its listener is replaced.
struct offered_session {
  bound_session bound;
  listener_actor listener;
};

/// What a local port is offered as. Its settings name the first session's addresses and any free
/// ports.
struct local_session {
  config::session settings;
  std::string port; ///< id of the local port
  caf::actor_addr owner;
};

struct supervisor_state {
  explicit supervisor_state(supervisor_actor::pointer pointer)
      : self(pointer) {}

  void start(hub_start given);
  void configure(const settings_ptr& settings);
  void reload();
  void on_scene(const std::string& scene);
  void restart();
  void leave();
  caf::result<std::vector<session_info>> status();
  bool invite(const config::remote_peer& peer);
  caf::result<discovery_info> seen();
  /// Hands a question on to the listener of this session; false if there is none.
  template <class... Question>
  caf::result<bool> ask_listener(const std::string& session, const Question&... question) {
    auto found = find_session(session);
    if (!found || !found->listener)
      return false;
    return self->delegate(found->listener, question...);
  }
  void offer_port(const local_offer& wanted, const caf::actor_addr& owner);
  void withdraw_port(const std::string& port, const caf::actor_addr& owner);
  caf::result<bool> import(const local_import& wanted);
  void dismiss(const local_import& wanted);

  static inline const char* name = "supervisor";

private:
  // What runs beside the router.
  std::vector<part> wanted_parts();
  void want_configuration(std::vector<part>& parts);
  void want_control(std::vector<part>& parts);
  void want_sessions(std::vector<part>& parts);
  part wanted_session(const config::session& session);
  void want_tcp(std::vector<part>& parts);
  void want_discovery(std::vector<part>& parts);
  void want_local(std::vector<part>& parts);
  void apply();
  void start_parts();
  void start_router();
  caf::actor start_listener(const config::session& session);
  void remind_of_decisions(const std::string& session, const listener_actor& listener);
  tcp_context_ptr make_tcp_context() const;
  routing_settings_ptr make_routing() const;

  void keep_scene();
  // Sessions for local ports.
  local_context make_local(const config::sound_system& settings) const;
  template <class Watch>
  caf::actor introduce_watch(Watch& known, const Watch& started);
  std::vector<config::remote_peer> peers_on_demand(bool wanted) const;
  const local_session* find_local(const std::string& session) const;
  std::string free_name(const std::string& wanted) const;
  listener_actor listener_for(const std::string& wanted) const;
  // What discovery is told.
  caf::actor start_discovery();
  void tell_discovery();
  void introduce(const offered_session& session);
  void watch_interfaces();
  void follow_interfaces();
  std::vector<offer> offers() const;
  offer web_offer() const;

  void on_down(const caf::down_msg& down);
  void end_if_alone();
  bool is_offered(const offered_session& session) const;
  /// The offered session of this name; nullptr if there is none.
  const offered_session* find_session(const std::string& wanted) const;

  supervisor_actor::pointer self;
  io::event_loop* loop_ = nullptr;
  std::shared_ptr<config::configuration> kept_;
  settings_ptr settings_;
  configuration_actor configuration_;
  std::shared_ptr<io::http_server> server_;
  std::string version_;
  control_actor control_;
  monitor_actor monitor_; ///< first of all, since the others tell it what happens
  router_actor router_;
  part_list parts_; ///< the router comes before them all
  std::vector<std::unique_ptr<offered_session>> sessions_;
  std::vector<local_session> local_sessions_;
  discovery_actor discovery_;
  alsa_watch_actor alsa_watch_;
  jack_watch_actor jack_watch_;
  std::unique_ptr<io::name_lookup> names_;              ///< for peers of local ports
  std::unique_ptr<io::interface_watcher> interfaces_;   ///< for sessions on some addresses only
  std::chrono::steady_clock::time_point next_follow_{}; ///< when addresses are missing
  std::vector<offer> told_offers_;                      ///< to discovery
  std::vector<config::remote_peer> told_peers_;
  std::vector<config::remote_peer> invited_; ///< by the API, until the hub ends
  std::string scene_;                        ///< active at the router
  std::string kept_scene_;                   ///< what the configuration knows of it
  bool keeping_scene_ = false;               ///< and is being told
  bool leaving_ = false;
};

} // namespace tutti
