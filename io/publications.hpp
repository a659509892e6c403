// What this process announces, and under which names it stands.
// Decides: which records each service needs for the interfaces and families it listens on, what a
// name conflict leads to, and when something is announced anew.
// Leaves: announcing (the responders, through mdns).
// Spec: RFC 6762 section 9, RFC 6763 section 4.1.1 and appendix D. Thread: a value; now is an
// argument.
//
// A name that is taken gets a number: "Studio", "Studio #2", "Studio #3". The name that was found
// free is kept until the responder is another one or starts anew; then the wanted name is tried
// first.
#pragma once

#include "io/mdns_responder.hpp"
#include "io/network_interface.hpp"

#include <chrono>
#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::io {

/// A service to announce. An empty list restricts nothing.
struct announcement {
  std::string name; ///< instance name, UTF-8; cut to the 63 octets that DNS allows
  std::string type; ///< such as "_apple-midi._udp"
  std::uint16_t port = 0;
  std::vector<std::string> txt;                    ///< "key=value"; RTP-MIDI peers have none
  std::vector<std::string> interfaces;             ///< names of the interfaces it listens on
  ip_family family = ip_family::any;               ///< the family it listens on
  std::vector<boost::asio::ip::address> addresses; ///< the addresses it is bound to

  bool operator==(const announcement&) const = default;
};

enum class publication_state : std::uint8_t {
  waiting,     ///< for a responder, or for an interface with an address of the right family
  probing,     ///< the name is being claimed
  established, ///< announced
  failed,      ///< refused; tried again
};

struct publication_status {
  registration_id id = 0;
  std::string wanted;
  std::string name; ///< as it is announced, or tried
  publication_state state = publication_state::waiting;
  std::string reason; ///< if failed

  bool operator==(const publication_status&) const = default;
};

/// What a service is announced from.
struct announcing_host {
  std::string name; ///< the responder's host name, with its domain; empty while there is none
  std::vector<std::string> restricted_to; ///< interfaces that the responder works on; empty is all
  std::vector<network_interface> interfaces;
};

struct service_name {
  std::string type;
  std::string name;

  auto operator<=>(const service_name&) const = default;
};

/// For the responder, in this order.
struct publication_command {
  enum class kind : std::uint8_t { announce, withdraw };
  kind what = kind::announce;
  registration_id id = 0;
  registration service; ///< not for withdraw
};

class publications {
public:
  using clock = std::chrono::steady_clock;
  using time_point = clock::time_point;

  /// Ids of the registrations that publications makes for addresses; the owner's are below.
  static constexpr registration_id first_address = 0x8000'0000;
  /// Names tried in a row before giving up until the next retry.
  static constexpr unsigned max_renames = 64;
  static constexpr auto retry_time = std::chrono::seconds(10);

  /// Announces a service, or changes one. A change is a goodbye and an announcement: those who see
  /// it keep a withdrawn name for a second, which is longer than announcing takes.
  void publish(registration_id id, announcement service);
  void withdraw(registration_id id);

  /// `host` is the responder's host name, or empty when there is no running responder any more.
  void on_responder(const std::string& host, std::vector<std::string> restricted_to = {});
  void on_result(const registration_result& result, time_point now);
  void on_interfaces(std::vector<network_interface> interfaces);
  /// Services of other hosts that stand. Whoever is probing for one of these names takes the next:
  /// a host that has just answered for it does not do so again within the time of the probes (RFC
  /// 6762 section 6), and would lose the name that it has.
  void avoid(const std::set<service_name>& taken);
  void on_time(time_point now);
  std::optional<time_point> next_deadline() const;

  std::vector<publication_command> take_commands() { return std::exchange(commands_, {}); }
  /// Each status that has changed since the last call, once.
  std::vector<publication_status> take_changes();
  std::vector<publication_status> list() const;

private:
  struct publication {
    announcement wanted;
    std::string name; ///< in use or tried
    unsigned renames = 0;
    unsigned host_number = 1; ///< of the host name that it points to, if that is one of its own
    publication_state state = publication_state::waiting;
    std::string reason;
    std::optional<registration> registered; ///< what the responder was told last
    /// The addresses of that host name: each a registration, so that one can come and go alone.
    std::map<registration_id, registration> addresses;
    std::optional<time_point> retry_at;
    std::optional<publication_status> told;
  };
  using publication_map = std::map<registration_id, publication>;

  void start(publication_map::iterator place);
  void start_addresses(publication_map::iterator place, const std::string& host,
                       const std::vector<host_record>& records);
  void take_back(publication_map::iterator place);
  static void take_next_name(publication& entry);
  void fail(publication& entry, std::string reason, time_point now);
  publication_status status(registration_id id, const publication& entry) const;

  publication_map entries_;
  std::map<registration_id, registration_id> address_owners_; ///< of address registrations
  registration_id next_address_ = first_address;
  announcing_host host_;
  std::vector<publication_command> commands_;
};

/// The records for a service; no interfaces if there is none to announce it on. `host_number` above
/// 1 gives another host name to a service that needs one of its own. Avahi 0.8 says goodbye for a
/// record on one interface only if it was added on several by index; a service that is announced on
/// all, or on one, is always withdrawn properly.
registration plan_registration(const announcement& service, const std::string& name,
                               const announcing_host& host, unsigned host_number = 1);

/// The longest beginning of `name` that DNS takes for a label: 63 octets of whole UTF-8 characters,
/// no control characters. Never empty.
std::string fit_service_name(std::string_view name);

} // namespace tutti::io
