// Discovery's inside. What each member does: discovery.cpp for mDNS and what it shows,
// discovery_offers.cpp for what the hub announces, discovery_peers.cpp for whom it invites.
// Thread: owned by one discovery actor.
#pragma once

#include "actors/connect_plan.hpp"
#include "actors/log_budget.hpp"
#include "actors/spawn.hpp"
#include "io/interface_watcher.hpp"
#include "io/mdns.hpp"
#include "io/name_lookup.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tutti {

inline constexpr const char* rtp_midi_type = "_apple-midi._udp";

struct discovery_state {
  explicit discovery_state(discovery_actor::pointer pointer)
      : self(pointer) {}

  void start(io::event_loop& loop, config::discovery settings, router_actor router,
             notice_sink notices);
  void publish(const offer& what);
  void withdraw(const std::string& who, const std::string& type);
  void attach(const std::string& session, const listener_actor& listener);
  void detach(const std::string& session);
  bool invite(const config::remote_peer& peer);
  void abandon(const config::remote_peer& peer);
  void on_service(const io::service_event& event);
  void on_offer(const io::publication_status& status);
  void on_resolved(const std::string& key, const io::name_result& result);
  void on_notice(const io::notice& notice);
  void on_reached(const std::string& key);
  void on_failed(const std::string& key);
  void look_up(const std::string& key);
  void on_look_up_due(const std::string& key);
  void subscribe(const remote_listener& listener);
  void on_down(const caf::actor_addr& gone);
  void ask_for_demand();
  void leave();
  discovery_info status() const;

  static inline const char* name = "discovery";

private:
  struct published {
    offer what;
    io::registration_id id = 0;
    io::publication_status status;
  };
  struct named_session {
    std::string name;
    listener_actor listener;
  };

  void start_mdns(io::event_loop& loop);
  void watch_interfaces(io::event_loop& loop);
  void plan_look_up(const std::string& key, std::chrono::seconds wait);
  published* find(const std::string& who, const std::string& type);
  void tell_ports();
  void perform();
  std::optional<config::remote_peer> remote_of(const std::string& service) const;
  void tell_of_remote(const std::string& service);
  void tell(const io::service_event& event);
  service_info describe(const io::discovered_service& service,
                        const config::connect_rule* rule) const;
  const std::string& session_name(const std::string& given) const;
  const listener_actor* listener_for(const std::string& session) const;

  discovery_actor::pointer self;
  config::discovery settings_;
  router_actor router_;
  notice_sink notices_;
  std::unique_ptr<connect_plan> plan_;
  std::vector<published> published_;
  std::vector<named_session> sessions_;
  std::set<std::string> reached_; ///< keys of targets that are in session
  std::set<std::string>
      looked_up_;                 ///< keys of peers whose name is being looked up, or soon will be
  std::set<std::string> unknown_; ///< keys of peers whose name led nowhere; logged once
  std::vector<remote_listener> listeners_;
  std::map<std::string, config::remote_peer> remotes_; ///< as last told to them, by name
  log_budget budget_;
  std::unique_ptr<io::name_lookup> names_;
  std::unique_ptr<io::interface_watcher> interfaces_;
  std::unique_ptr<io::mdns> mdns_;
};

} // namespace tutti
