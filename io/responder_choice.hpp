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

  responder_choice(mdns_mode mode, time_point now)
      : mode_(mode) {
    if (mode == mdns_mode::automatic)
      step_in_at_ = now + silence_limit;
    embedded_ = mode == mdns_mode::embedded;
  }

  bool wants_daemon() const noexcept {
    return mode_ == mdns_mode::automatic || mode_ == mdns_mode::daemon;
  }
  bool wants_embedded() const noexcept { return embedded_; }

  void on_daemon(responder_state state, time_point now) {
    if (mode_ != mdns_mode::automatic)
      return;
    if (state == responder_state::running) {
      embedded_ = false;
      was_running_ = true;
      step_in_at_.reset();
    } else if (state == responder_state::starting) {
      step_in_at_.reset(); // it is there; whoever works now goes on until it is ready
    } else if (!embedded_ && !std::exchange(absent_, true)) {
      step_in_at_ = was_running_ ? now + restart_grace : now;
    }
    if (state != responder_state::absent)
      absent_ = false;
    on_time(now);
  }

  void on_time(time_point now) {
    if (!step_in_at_ || now < *step_in_at_)
      return;
    embedded_ = true;
    step_in_at_.reset();
  }

  std::optional<time_point> next_deadline() const noexcept { return step_in_at_; }

private:
  mdns_mode mode_;
  bool embedded_ = false;
  bool was_running_ = false;
  bool absent_ = false; ///< as the daemon's last word
  std::optional<time_point> step_in_at_;
};

} // namespace tutti::io
