// The avahi-daemon of this machine, over D-Bus (libavahi-client).
// Decides: when the daemon is there, and when a bus that is absent is tried again.
// Leaves: names and conflicts of services (publications), whether it runs at all (mdns).
// Thread: the loop's. libavahi-client waits for the daemon's answer in almost every call, for up to
// 25 s if daemon or bus hang, so it lives on a thread of its own; questions and events pass by
// message.
#pragma once

#include "io/mdns_responder.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <thread>

namespace tutti::io {

class daemon_responder final : public mdns_responder {
public:
  daemon_responder(boost::asio::io_context& loop, responder_sink sink);

  /// Waits at most `end_limit` for a call that hangs; then the thread is left to end by itself. The
  /// daemon says goodbye for a client that is gone, however it went.
  ~daemon_responder() override;

  void browse(query_id query, const std::string& type) override;
  void ask_server(query_id query, const std::string& instance, const std::string& type) override;
  void ask_addresses(query_id query, const std::string& host) override;
  void release(query_id query) override;
  void announce(registration_id id, const registration& service) override;
  void update(registration_id id, const registration& service) override;
  void withdraw(registration_id id) override;

private:
  struct client;

  template <class Command>
  void send(Command command);

  std::shared_ptr<client> client_;
  /// Counts the daemon's starts as the owner of this object has heard of them: what was meant for
  /// an earlier one is not done by the next.
  std::shared_ptr<unsigned> heard_;
  std::thread thread_;
};

} // namespace tutti::io
