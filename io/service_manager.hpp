// What systemd, or whoever started the hub with NOTIFY_SOCKET set, is told: ready, stopping, alive.
// Decides: when the watchdog is fed: from the loop, at a third of the interval that was asked for,
// so that a loop that hangs is missed. Leaves: when the hub is ready (cli/serve). Spec:
// sd_notify(3), sd_watchdog_enabled(3). Without NOTIFY_SOCKET nothing happens. Thread: the loop's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <string>

namespace tutti::io {

class service_manager {
public:
  /// Feeds the watchdog from now on, if one is asked for.
  explicit service_manager(boost::asio::io_context& context);

  /// The hub serves; `status` is one line that `systemctl status` shows.
  void ready(const std::string& status);
  /// The configuration is being read again; ready() ends that.
  void reloading();
  /// The hub says goodbye and will end by itself.
  void stopping();

  /// How often the watchdog is fed; 0 if nobody asked for it.
  std::chrono::microseconds watchdog_period() const noexcept { return period_; }

private:
  void feed();

  boost::asio::steady_timer timer_;
  std::chrono::microseconds period_{0};
};

} // namespace tutti::io
