// The avahi-daemon of this machine, over D-Bus.
// Decides: when the daemon is there, and when a bus or a daemon that is not is looked for again.
// Leaves: names and conflicts of services (publications), whether it runs at all (mdns).
// Spec: Avahi's D-Bus interfaces (/usr/share/dbus-1/interfaces/org.freedesktop.Avahi.*.xml).
// Thread: the loop's; nothing waits for the daemon.
//
// Why not libavahi-client: nearly all of its calls wait for the daemon's answer, for up to 25 s if
// it hangs; and it cannot be in one process with libavahi-core, which the embedded responder needs:
// both export avahi_entry_group_free, and the one loaded first is called by both (seen with 0.8).
#pragma once

#include "io/mdns_responder.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace tutti::io {

class daemon_responder final : public mdns_responder {
public:
  daemon_responder(boost::asio::io_context& loop, responder_sink sink);
  ~daemon_responder() override;

  void browse(query_id query, const std::string& type) override;
  void ask_server(query_id query, const std::string& instance, const std::string& type) override;
  void ask_addresses(query_id query, const std::string& host) override;
  void release(query_id query) override;
  void announce(registration_id id, const registration& service) override;
  void withdraw(registration_id id) override;

private:
  struct client;
  std::unique_ptr<client> client_;
};

} // namespace tutti::io
