#include "io/service_manager.hpp"

#include <systemd/sd-daemon.h>

#include <ctime>

namespace tutti::io {

service_manager::service_manager(boost::asio::io_context& context)
    : timer_(context) {
  std::uint64_t interval = 0;
  if (::sd_watchdog_enabled(0, &interval) > 0) {
    period_ = std::chrono::microseconds(interval / 3);
    feed();
  }
}

void service_manager::ready(const std::string& status) {
  ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

// The time lets systemd tell this reload from an earlier one.
void service_manager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  auto microseconds = std::uint64_t(now.tv_sec) * 1'000'000 + std::uint64_t(now.tv_nsec) / 1000;
  ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void service_manager::stopping() {
  ::sd_notify(0, "STOPPING=1\nSTATUS=Saying goodbye to all peers.");
}

void service_manager::feed() {
  ::sd_notify(0, "WATCHDOG=1");
  timer_.expires_after(period_);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled)
      feed();
  });
}

} // namespace tutti::io
