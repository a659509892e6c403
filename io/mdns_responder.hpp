// What an mDNS responder takes and says. Two exist: avahi-daemon over D-Bus, and one in this
// process. Decides: the questions, the registrations and the events that both have in common.
// Leaves: merging what is seen (service_table), names and conflicts (publications), and which of
// the two runs (mdns). Spec: RFC 6762, RFC 6763. Thread: the loop's; events never come from inside
// a call.
#pragma once

#include "io/notice.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace tutti::io {

/// Address family that something is restricted to.
enum class ip_family : std::uint8_t { any, ipv4, ipv6 };

/// Chosen by the asker, never used twice for one responder.
using query_id = std::uint32_t;
using registration_id = std::uint32_t;

/// An address record for a registration that does not point to the responder's own host name.
struct host_record {
  unsigned interface = 0;
  boost::asio::ip::address address;

  bool operator==(const host_record&) const = default;
};

/// A service as it goes onto the network.
struct registration {
  std::string name; ///< instance name, UTF-8, 1 to 63 octets
  std::string type; ///< such as "_apple-midi._udp"
  std::uint16_t port = 0;
  std::vector<std::string> txt; ///< "key=value"; none gives the empty TXT record
  /// Indices of the interfaces to announce it on, over both families; 0 is all. (Restricting the
  /// family that mDNS is spoken over costs the goodbye: Avahi 0.8 sends none for such records.)
  std::vector<unsigned> interfaces;
  std::string host; ///< with its domain; empty is the responder's own
  std::vector<host_record> host_records;

  bool operator==(const registration&) const = default;
};

/// Where a record was seen, and whether it came or went.
struct sighting {
  unsigned interface = 0;
  ip_family family = ip_family::any;
  bool present = true;
};

/// A service instance of a browsed type (PTR).
struct instance_seen {
  query_id query = 0;
  sighting where;
  std::string name;
};

/// Host and port of an instance (SRV).
struct server_seen {
  query_id query = 0;
  sighting where;
  std::string host; ///< with its domain
  std::uint16_t port = 0;
};

/// An address of a host (A, AAAA).
struct address_seen {
  query_id query = 0;
  sighting where;
  boost::asio::ip::address address; ///< without a scope
};

/// The question is not being asked any more; nothing more comes for it.
struct query_failed {
  query_id query = 0;
  std::string reason;
};

enum class registration_outcome : std::uint8_t { established, collision, failed };

/// What became of a registration. After a collision or failure nothing of it is announced.
struct registration_result {
  registration_id id = 0;
  registration_outcome outcome = registration_outcome::failed;
  std::string reason; ///< for a failure
};

enum class responder_state : std::uint8_t {
  absent,   ///< there is none, or it failed; it is tried again
  starting, ///< establishing its host name
  running,  ///< takes questions and registrations
};

/// Whatever was asked or registered before is forgotten whenever the state changes.
struct responder_changed {
  responder_state state = responder_state::absent;
  std::string host;   ///< while running: the host name with its domain
  std::string reason; ///< while absent: why, as a part of a sentence
};

using responder_event = std::variant<responder_changed, instance_seen, server_seen, address_seen,
                                     query_failed, registration_result, notice>;
using responder_sink = std::function<void(responder_event)>;

/// Starts working when constructed and reports its state first. Destroying it withdraws everything
/// with a goodbye; nothing is called after.
class mdns_responder {
public:
  virtual ~mdns_responder() = default;

  /// Asks for the instances of a type, for their host and port, for the addresses of a host; until
  /// released. Ignored unless the state that was last reported is `running`.
  virtual void browse(query_id query, const std::string& type) = 0;
  virtual void ask_server(query_id query, const std::string& instance, const std::string& type) = 0;
  virtual void ask_addresses(query_id query, const std::string& host) = 0;
  virtual void release(query_id query) = 0;

  /// Announces a service after probing for its name, instead of what the id stood for before; one
  /// result follows, and maybe a later collision.
  virtual void announce(registration_id id, const registration& service) = 0;
  virtual void withdraw(registration_id id) = 0;
};

} // namespace tutti::io
