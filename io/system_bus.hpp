// The machine's D-Bus system bus on the loop (sd-bus).
// Decides: when the loop looks at the bus, and how many messages it takes in a turn.
// Leaves: what is said on it (daemon_responder), and when a lost bus is tried again.
// Spec: sd-bus(3). Thread: the loop's. Nothing here waits: connecting, its handshake and every call
// are queued and answered later.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <systemd/sd-bus.h>

namespace tutti::io {

struct bus_message_deleter {
  void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
};
using bus_message = std::unique_ptr<sd_bus_message, bus_message_deleter>;

class system_bus {
public:
  /// Messages taken in one turn of the loop; the rest waits for the next.
  static constexpr int max_messages_per_turn = 64;
  /// A call that is not answered by then gets an error as its reply.
  static constexpr auto call_limit = std::chrono::seconds(5);

  using signal_handler = std::function<void(sd_bus_message*)>;
  using loss_handler = std::function<void(const std::string& reason)>;
  using reply_handler = std::function<void(sd_bus_message*)>;

  /// The handlers are called from the loop, never from inside a call, and must not destroy the bus.
  system_bus(boost::asio::io_context& loop, signal_handler on_signal, loss_handler on_loss);
  ~system_bus();
  system_bus(const system_bus&) = delete;
  system_bus& operator=(const system_bus&) = delete;

  /// Connects to the bus at DBUS_SYSTEM_BUS_ADDRESS, or where it usually is. Gives the reason if
  /// that fails at once; on_loss tells if it fails later.
  std::optional<std::string> open();
  void close();

  /// Asks for the signals that a match rule describes (D-Bus specification, "Match Rules").
  void add_match(const std::string& rule);

  /// A call to be filled by sd_bus_message_append() and sent; null if the bus is not open.
  bus_message new_call(const char* destination, const std::string& path, const char* interface,
                       const char* member);
  /// False if the bus does not take it; then there is no reply. Without a handler, none is asked
  /// for.
  bool send(bus_message call, reply_handler on_reply = {});

private:
  void pump();
  void arm();
  void wait(boost::asio::posix::stream_descriptor::wait_type direction, bool& pending);
  void lose(int error);

  boost::asio::io_context& loop_;
  signal_handler on_signal_;
  loss_handler on_loss_;
  sd_bus* bus_ = nullptr;
  boost::asio::posix::stream_descriptor descriptor_; ///< a duplicate of the bus's own
  boost::asio::steady_timer timer_;
  bool reading_ = false;
  bool writing_ = false;
  unsigned generation_ = 0; ///< counts opened buses: waits of an earlier one are void
  std::shared_ptr<char> life_ = std::make_shared<char>();
};

} // namespace tutti::io
