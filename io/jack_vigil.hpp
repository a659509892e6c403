// The loop is up before JACK's events come.
// Decides: while JACK plays to the hub, when the loop gets up, how long it stays awake, and when
// that is given up.
// Leaves: when JACK asks (jack_cycle), being awake (event_loop), the way of events (jack_client).
// Thread: the loop thread only.
//
// The process callback waits for the loop's answer, and a sleeping loop takes longer to wake up
// than to answer; but JACK is clockwork, so it is known when it will ask. And a way that was last
// gone a period ago takes longer, as the core's caches have forgotten it: it is gone once with
// empty hands before.
#pragma once

#include "io/event_loop.hpp"
#include "io/jack_cycle.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

namespace tutti::io {

class jack_vigil {
public:
  /// `forecast` is asked while the vigil lives; a length of 0 says that nothing waits.
  /// `rehearse` goes the way of the expected events, as far as it may.
  jack_vigil(event_loop& loop, std::function<jack_forecast()> forecast,
             std::function<void()> rehearse);

  /// Events came from JACK: more are expected for a while.
  void on_events();
  /// What they led to is on its way: time to set the alarm.
  void on_answered();

private:
  using clock = std::chrono::steady_clock;

  void set_alarm(clock::time_point begin);
  void on_alarm();

  event_loop& loop_;
  std::function<jack_forecast()> forecast_;
  std::function<void()> rehearse_;
  boost::asio::steady_timer alarm_;
  clock::time_point music_until_{};
  bool music_ = false;
  bool alarm_set_ = false;
  std::shared_ptr<void> alive_ = std::make_shared<char>(); ///< for the alarm's handler
};

} // namespace tutti::io
