// Which peers the hub wants to be connected to, and where they are reached.
// Decides: what a rule means for a service that comes, changes and goes; in which order the
// addresses of a peer are tried; that what is configured by address is wanted for ever.
// Leaves: finding services and addresses (io), inviting and recognising peers (listener).
// Thread: a value of the discovery actor.
#pragma once

#include "actors/peer_info.hpp"
#include "io/mdns.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tutti {

class connect_plan {
public:
  struct command {
    enum class kind : std::uint8_t { invite, abandon };
    kind what = kind::invite;
    std::string session; ///< as the rule names it; empty: the first
    invitation_target target;
    farewell how = farewell::later; ///< abandon
  };

  explicit connect_plan(std::vector<config::connect_rule> rules)
      : rules_(std::move(rules)) {}

  void on_service(const io::service_event& event);
  /// Whether a route wants this service; matters only to rules that connect on demand.
  void on_wanted(const std::string& service, bool wanted);
  /// The interfaces as they are now: what is near is tried first, and everything is tried anew.
  void on_interfaces(std::vector<io::network_interface> interfaces);

  /// A peer that the operator names; it is known as the answer. Added again, it is invited as soon
  /// as its name has been looked up.
  std::string add_peer(const config::remote_peer& peer);
  /// It is not wanted any more.
  void remove_peer(const config::remote_peer& peer);
  /// Where it is reached, as its name was looked up; it is invited if that is news.
  void on_resolved(const std::string& key,
                   const std::vector<boost::asio::ip::udp::endpoint>& endpoints);
  /// The peer of this key, if the operator has named it.
  const config::remote_peer* peer(const std::string& key) const;

  /// Invites all that are wanted in this session, as if they were wanted only now.
  void renew(const std::string& session);

  /// What is to be done, in this order.
  std::vector<command> take_commands() { return std::exchange(commands_, {}); }

  struct known_service {
    io::discovered_service service;
    const config::connect_rule* rule = nullptr; ///< that it falls under
    bool wanted = false;                        ///< by a route
    bool invited = false;
    std::vector<io::endpoint> candidates; ///< as last told
  };
  const std::map<std::string, known_service>& services() const noexcept { return services_; }

  /// The best first, as far as the interfaces tell.
  std::vector<io::endpoint>
  ranked(const std::vector<boost::asio::ip::udp::endpoint>& endpoints) const;

  static std::string service_key(const std::string& service) { return "service/" + service; }
  /// The service whose key this is, if it is one's.
  static std::optional<std::string> service_of(const std::string& key);

private:
  static std::string peer_key(const config::remote_peer& peer);
  struct named_peer {
    config::remote_peer peer;
    std::vector<boost::asio::ip::udp::endpoint> endpoints;
  };

  void judge(known_service& entry, bool news);
  void invite(const std::string& session, std::string key, std::string name,
              std::vector<io::endpoint> candidates);

  std::vector<config::connect_rule> rules_;
  std::vector<io::network_interface> interfaces_;
  std::map<std::string, known_service> services_; ///< by name
  std::map<std::string, named_peer> peers_;       ///< by key
  std::vector<command> commands_;
};

/// The same address as the sockets know it.
io::endpoint to_endpoint(const boost::asio::ip::udp::endpoint& where);

} // namespace tutti
