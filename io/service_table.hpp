// The services of one type that are on the network: one entry for each name.
// Decides: how records of all interfaces, families and announcements merge into entries, which
// questions are worth asking, which entries are ours, and what counts as appearing and vanishing.
// Leaves: asking (mdns), connecting (the discovery actor).
// Spec: RFC 6763 section 4. Thread: a value; now is an argument.
//
// An instance (PTR) is followed: its host and port (SRV) and its host's addresses (A, AAAA) are
// asked for, and stay asked for, because a change of any of them comes as a new answer. It is an
// entry as soon as it has one address that is not ours. Changes are told once they have settled for
// a moment, so that a burst of records, or a withdrawal that is taken back at once, is one event or
// none.
//
// An announcement says it all, so the answer for a service that has just appeared is there before
// the question is on the network. It is taken back then, and asked for good once the service has
// stayed for a while: services that come and go all the time cause no traffic.
#pragma once

#include "io/mdns_responder.hpp"
#include "io/network_interface.hpp"

#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::io {

struct discovered_service {
  std::string name; ///< instance name, UTF-8
  std::string type;
  std::string host; ///< with its domain
  /// All its addresses with the port; link-local IPv6 with its scope. Never empty; sorted, not
  /// ranked.
  std::vector<boost::asio::ip::udp::endpoint> endpoints;

  bool operator==(const discovered_service&) const = default;
};

struct service_event {
  enum class kind : std::uint8_t { added, changed, removed };
  kind what = kind::added;
  discovered_service service; ///< as it is now; as it last was if removed
};

/// A question that the table wants asked of the responder for as long as it is not released.
struct service_question {
  enum class kind : std::uint8_t { server, addresses };
  kind what = kind::server;
  std::string name; ///< instance name, or host name with its domain

  auto operator<=>(const service_question&) const = default;
};

struct question_change {
  bool asked = true; ///< or released
  service_question question;
};

/// What is ours, and where we look.
struct local_host {
  std::vector<network_interface> interfaces;
  /// Names of the interfaces whose records count; empty is all.
  std::vector<std::string> chosen_interfaces;
  /// Names under which the responders announce this host.
  std::vector<std::string> host_names;
  /// Ports that this process listens on, announced or not.
  std::vector<std::uint16_t> ports;
};

class service_table {
public:
  using clock = std::chrono::steady_clock;
  using time_point = clock::time_point;

  /// Bounds against hostile or broken announcers; what is beyond them is not taken, and counted.
  static constexpr std::size_t max_instances = 2048;
  static constexpr std::size_t max_servers_of_instance = 32;
  static constexpr std::size_t max_addresses_of_host = 64;
  static constexpr std::size_t max_endpoints = 16;
  /// Three questions for each; avahi-daemon allows a client 1024 objects (objects-per-client-max).
  /// Beyond it, the instance that has been followed longest is left as it was last seen.
  static constexpr std::size_t max_followed = 300;
  /// An instance without an answer may be given up for another one after this time.
  static constexpr auto patience = std::chrono::seconds(10);
  /// How often instances that wait for a place are looked at if nothing else happens.
  static constexpr auto waiting_interval = std::chrono::seconds(1);

  static constexpr auto settle_time = std::chrono::milliseconds(20);
  /// For how long a service that has appeared must stay until changes of its host or port are
  /// watched for; until then they are not seen. (RFC 6762 section 10.1 keeps a withdrawn record for
  /// a second, so a service that comes and goes faster than this is hardly one.)
  static constexpr auto probation = std::chrono::seconds(4);
  /// What no answer has confirmed by then after asking again was withdrawn meanwhile.
  static constexpr auto confirm_time = std::chrono::seconds(1);
  /// How long entries survive the loss of the responder that saw them.
  static constexpr auto hold_time = std::chrono::seconds(8);

  explicit service_table(std::string type)
      : type_(std::move(type)) {}

  const std::string& type() const noexcept { return type_; }

  void on_instance(const std::string& name, sighting where, time_point now);
  void on_server(const std::string& instance, sighting where, const std::string& host,
                 std::uint16_t port, time_point now);
  void on_address(const std::string& host, sighting where, const boost::asio::ip::address& address,
                  time_point now);
  /// The responder refuses the question: the instance stays as it was last seen.
  void on_question_failed(const service_question& question, time_point now);
  /// Nothing that was seen counts any more and no question is under way. Entries stay until they
  /// are seen again, or hold_time has passed.
  void on_responder_lost(time_point now);

  void set_local_host(local_host local, time_point now);
  /// Asks for the entry again if it is one that is left as it was last seen, or on probation.
  void refresh(const std::string& name, time_point now);

  /// Events that are due. Call it at next_deadline().
  std::vector<service_event> take_events(time_point now);
  std::optional<time_point> next_deadline() const;

  /// What to ask and to release since the last call, in this order.
  std::vector<question_change> take_questions();

  std::vector<discovered_service> services() const;
  std::size_t instance_count() const noexcept { return instances_.size(); }
  std::size_t followed_count() const noexcept { return followed_.size(); }
  /// Instances and records beyond the bounds.
  std::uint64_t dropped() const noexcept { return dropped_; }

private:
  struct place {
    unsigned interface = 0;
    ip_family family = ip_family::any;
    auto operator<=>(const place&) const = default;
  };
  struct server {
    place where;
    std::string host;
    std::uint16_t port = 0;
    auto operator<=>(const server&) const = default;
  };
  struct host_address {
    place where;
    boost::asio::ip::address address;
    auto operator<=>(const host_address& other) const {
      if (where != other.where)
        return where <=> other.where;
      return address < other.address   ? std::strong_ordering::less
             : other.address < address ? std::strong_ordering::greater
                                       : std::strong_ordering::equal;
    }
    bool operator==(const host_address& other) const = default;
  };
  /// Followed, left as it was last told, or waiting for a place to be followed.
  struct instance {
    std::set<place> seen;
    std::set<server> servers;
    std::set<server> unconfirmed; ///< seen before the question was asked again, and not since
    bool followed = false;
    bool asked = false; ///< while followed: the question is under way; not on probation
    bool left = false;
    bool dirty = false;
    bool held = false;        ///< not seen since the responder was lost
    std::uint64_t serial = 0; ///< while followed: its key in followed_
    time_point since{};       ///< while followed
    std::optional<discovered_service> told;
  };
  /// What is to be done for a followed instance; forgotten when it no longer is.
  struct appointment {
    time_point when;
    std::uint64_t serial;
  };
  struct host {
    std::size_t users = 0;
    std::set<host_address> addresses;
  };
  using instance_map = std::map<std::string, instance, std::less<>>;

  void want(instance_map::iterator entry, time_point now);
  void want_later(instance_map::iterator entry, time_point now);
  void follow_waiting(time_point now);
  bool make_room(time_point now);
  void follow(instance_map::iterator entry, time_point now);
  void unfollow(instance_map::iterator entry);
  void put_on_probation(instance_map::iterator entry, time_point now);
  void end_probation(instance_map::iterator entry, time_point now);
  void drop_unconfirmed(instance_map::iterator entry, time_point now);
  void keep_appointments(time_point now);
  void remove_server(instance_map::iterator entry, const server& record);
  void use_host(const std::string& name);
  void drop_host(const std::string& name);
  void touch(instance_map::iterator entry, time_point now);
  void touch_users(const std::string& host_name, time_point now);

  std::optional<discovered_service> view(const std::string& name, const instance& entry) const;
  bool counts(unsigned interface) const;
  bool is_ours(const boost::asio::ip::udp::endpoint& endpoint) const;
  std::optional<boost::asio::ip::address> usable(const host_address& candidate) const;
  void add_endpoints(discovered_service& service, const std::string& of_host,
                     std::uint16_t port) const;
  void evaluate(instance_map::iterator found, time_point now, std::vector<service_event>& events);

  std::string type_;
  instance_map instances_;
  std::map<std::string, host, std::less<>> hosts_;
  std::set<std::pair<std::string, std::string>> users_; ///< (host, instance)
  std::map<std::uint64_t, std::string> followed_;       ///< oldest first
  std::uint64_t next_serial_ = 1;
  std::set<std::string> waiting_;
  std::optional<time_point> waiting_until_;
  std::deque<appointment> on_probation_; ///< by time, as is the next
  std::deque<appointment> to_confirm_;
  std::deque<std::pair<time_point, std::string>>
      settling_; ///< by time; one for each dirty instance
  std::optional<time_point> held_until_;
  std::vector<question_change> changes_;
  std::uint64_t dropped_ = 0;

  std::set<boost::asio::ip::address> own_addresses_;
  std::set<std::string> own_hosts_;
  std::set<std::uint16_t> own_ports_;
  std::set<unsigned> loopback_;
  std::optional<std::set<unsigned>> chosen_;
};

} // namespace tutti::io
