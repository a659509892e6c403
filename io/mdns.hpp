// Multicast DNS for the hub: announces its services, and tells which others are on the network.
// Decides: how the parts work together: which responder runs (responder_choice), what it announces
// (publications), what it sees (service_table); and hands over between responders.
// Leaves: the network's interfaces (interface_watcher), connecting, logging (the discovery actor).
// Spec: RFC 6762, RFC 6763. Thread: the loop's; handlers are called from the loop, never from
// inside a call. A handler may call everything here but must not destroy the object.
#pragma once

#include "io/daemon_responder.hpp"
#include "io/embedded_responder.hpp"
#include "io/network_interface.hpp"
#include "io/notice.hpp"
#include "io/publications.hpp"
#include "io/responder_choice.hpp"
#include "io/service_table.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tutti::io {

struct mdns_options {
  mdns_mode mode = mdns_mode::automatic;
  /// First label of the embedded responder's host name; empty is the machine's with "-tutti" added.
  std::string host_label;
  /// Names of the interfaces that services are looked for on, and that the embedded responder works
  /// on; empty is all.
  std::vector<std::string> interfaces;
};

struct mdns_handlers {
  std::function<void(const service_event&)> on_service;
  std::function<void(const publication_status&)> on_publication;
  std::function<void(const notice&)> on_notice;
};

/// For the API's status page.
struct mdns_status {
  enum class responder : std::uint8_t { none, daemon, embedded };
  mdns_mode mode = mdns_mode::automatic;
  responder active = responder::none;
  std::string host;          ///< its host name, empty unless active
  std::uint64_t dropped = 0; ///< instances and records beyond the bounds
};

class mdns {
public:
  /// Starts at once. All handlers must be set.
  mdns(boost::asio::io_context& loop, mdns_options options, mdns_handlers handlers);

  /// Says goodbye for everything that is announced.
  ~mdns();
  mdns(const mdns&) = delete;
  mdns& operator=(const mdns&) = delete;

  /// Announces a service; its status comes by on_publication, whatever happens and goes on
  /// happening.
  registration_id publish(announcement service);
  void update(registration_id id, announcement service);
  void withdraw(registration_id id);

  /// Looks for services of a type, for good. They come by on_service.
  void browse(const std::string& type);

  /// Asks again about a service that could not be reached.
  void refresh(const std::string& type, const std::string& name);

  /// The interfaces as they are now; to be called with each change (interface_watcher).
  void set_interfaces(std::vector<network_interface> interfaces);

  /// Ports that this process listens on; with our addresses and host names, they tell which
  /// services on the network are our own.
  void set_listening_ports(std::vector<std::uint16_t> ports);

  std::vector<discovered_service> services() const;
  std::vector<publication_status> published() const { return publications_.list(); }
  mdns_status status() const;

private:
  enum class source : std::uint8_t { daemon, embedded };

  /// A question under way at the active responder; browsing for a type has no service_question.
  struct asked {
    service_table* table;
    std::optional<service_question> question;
  };

  void on_event(source from, responder_event event);
  void on_changed(source from, const responder_changed& change);
  void on_answer(responder_event& event);
  void tell_absence(source from, const std::string& reason);

  void choose();
  void activate(source next, const std::string& host);
  void deactivate();
  void browse_with_active(service_table& table);
  void change_question(service_table& table, const question_change& change);

  void schedule();
  void settle();
  void arm_timer();
  void deliver(const std::vector<service_event>& seen);
  void tell(severity level, std::string text) { notices_.push_back({level, std::move(text)}); }
  void tell_tables();

  boost::asio::io_context& loop_;
  mdns_options options_;
  mdns_handlers handlers_;
  responder_choice choice_;
  publications publications_;
  std::set<service_name> others_;               ///< services that are seen
  std::map<std::string, service_table> tables_; ///< by type
  local_host local_;
  std::vector<std::uint16_t> announced_ports_; ///< also of services that are withdrawn

  std::unique_ptr<daemon_responder> daemon_;
  std::unique_ptr<embedded_responder> embedded_;
  mdns_responder* active_ = nullptr; ///< the one that is running and in use
  source active_source_ = source::daemon;
  std::string host_;                         ///< its host name
  std::map<source, std::string> host_names_; ///< under which each responder worked last
  bool daemon_was_active_ = false;
  std::set<source> told_absent_;

  std::map<query_id, asked> questions_;
  std::map<std::pair<service_table*, service_question>, query_id> question_ids_;
  query_id next_query_ = 1;
  registration_id next_registration_ = 1;

  std::vector<notice> notices_;
  bool scheduled_ = false;
  boost::asio::steady_timer timer_;
  bool timer_armed_ = false;
  std::shared_ptr<char> life_ = std::make_shared<char>(); ///< for handlers that outlive this object
};

} // namespace tutti::io
