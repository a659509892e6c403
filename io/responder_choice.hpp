// Which responder works: the machine's avahi-daemon, the one in this process, or none.
// Decides: when the embedded responder steps in and when it steps back.
// Leaves: making and destroying them (mdns).
// Thread: a value; now is an argument.
//
//   auto:  the daemon if it runs. While it does not, the embedded responder: at once if there never
//          was one, after a grace if there was (restarting takes a daemon a second or two), and
//          also if the bus says nothing at all.
#pragma once

#include "io/mdns_responder.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace tutti::io {

enum class mdns_mode : std::uint8_t { automatic, daemon, embedded, off };

constexpr std::string_view to_string(mdns_mode mode) noexcept {
  switch (mode) {
  case mdns_mode::automatic: return "auto";
  case mdns_mode::daemon: return "daemon";
  case mdns_mode::embedded: return "embedded";
  case mdns_mode::off: return "off";
  }
  return "unknown";
}

class responder_choice {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr auto restart_grace = std::chrono::seconds(3);
  static constexpr auto silence_limit = std::chrono::seconds(2);

  responder_choice(mdns_mode mode, time_point now);

  bool wants_daemon() const noexcept {
    return mode_ == mdns_mode::automatic || mode_ == mdns_mode::daemon;
  }
  bool wants_embedded() const noexcept { return embedded_; }

  /// What the daemon's responder reports.
  void on_daemon(responder_state state, time_point now);
  /// To be called at next_deadline().
  void on_time(time_point now);
  std::optional<time_point> next_deadline() const noexcept { return step_in_at_; }

private:
  mdns_mode mode_;
  bool embedded_ = false;
  bool was_running_ = false;
  bool absent_ = false; ///< as the daemon's last word
  std::optional<time_point> step_in_at_;
};

} // namespace tutti::io
