// An mDNS responder in this process (libavahi-core), for hosts and containers without avahi-daemon.
// Decides: the responder's host name and its address records, and when a failed start is tried
// again. Leaves: names and conflicts of services (publications), whether it runs at all (mdns).
// Spec: RFC 6762. Thread: the loop's. libavahi-core waits for nothing but its timers and sockets.
//
// An avahi-daemon may start at any time, and claims the machine's name and the reverse names of its
// addresses. If either is taken it renames the machine, again and again. So the embedded responder
// has a name of its own, and announces addresses itself, without the reverse names.
#pragma once

#include "io/mdns_responder.hpp"
#include "io/network_interface.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::io {

struct embedded_options {
  /// First label of the host name; characters that a host name cannot have are replaced. Empty
  /// takes the machine's name with "-tutti" after it: an avahi-daemon that starts later owns the
  /// plain name, and must not be driven to rename the machine.
  std::string host_label;
  /// Names of the interfaces to work on; empty is all.
  std::vector<std::string> interfaces;
};

class embedded_responder final : public mdns_responder {
public:
  embedded_responder(boost::asio::io_context& loop, embedded_options options,
                     const std::vector<network_interface>& interfaces, responder_sink sink);
  ~embedded_responder() override;

  /// The interfaces as they are now: the host name stands for their addresses.
  void set_interfaces(const std::vector<network_interface>& interfaces);

  void browse(query_id query, const std::string& type) override;
  void ask_server(query_id query, const std::string& instance, const std::string& type) override;
  void ask_addresses(query_id query, const std::string& host) override;
  void release(query_id query) override;
  void announce(registration_id id, const registration& service) override;
  void withdraw(registration_id id) override;

private:
  struct server;
  std::unique_ptr<server> server_;
};

/// `name` as the first label of a host name: letters, digits and hyphens, at most 58 octets.
std::string host_label_of(std::string_view name);

} // namespace tutti::io
