#include "io/jack_vigil.hpp"

#include <algorithm>
#include <utility>

namespace tutti::io {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

// After the last event, in which more are expected.
constexpr auto music_goes_on = 1s;
// The alarm is set to this long before the period begins: getting up takes a sleeping core as long.
constexpr nanoseconds head_start = 100us;
// Events may come later than last time by half of the time they took, or by this.
constexpr nanoseconds least_margin = 50us;
// The vigil takes no larger part of a period than one in this many: short ones do without. A core
// that is needed so often does not sleep deeply anyway.
constexpr int smallest_part = 10;

nanoseconds patience(const jack_forecast& next) {
  return next.delay + std::max(next.delay / 2, least_margin);
}

bool pays(const jack_forecast& next) {
  return next.length.count() > 0 && head_start + patience(next) <= next.length / smallest_part;
}

} // namespace

jack_vigil::jack_vigil(event_loop& loop, std::function<jack_forecast()> forecast,
                       std::function<void()> rehearse)
    : loop_(loop)
    , forecast_(std::move(forecast))
    , rehearse_(std::move(rehearse))
    , alarm_(loop.context()) {
}

void jack_vigil::on_events() {
  music_ = true;
  music_until_ = clock::now() + music_goes_on;
  loop_.stay_awake_until({});
}

void jack_vigil::on_answered() {
  if (!music_ || alarm_set_)
    return;
  auto next = forecast_();
  music_ = pays(next);
  if (music_)
    set_alarm(clock::time_point(next.begin));
}

void jack_vigil::set_alarm(clock::time_point begin) {
  alarm_set_ = true;
  alarm_.expires_at(begin - head_start);
  alarm_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired())
      on_alarm();
  });
}

// A period that has begun is left alone. The alarm for the one after this is set by what is known
// of this one; when it goes off, JACK has told better.
void jack_vigil::on_alarm() {
  alarm_set_ = false;
  auto now = clock::now();
  auto next = forecast_();
  music_ = now < music_until_ && pays(next);
  if (!music_)
    return;
  clock::time_point begin(next.begin);
  while (begin < now)
    begin += next.length;
  loop_.stay_awake_until(begin + patience(next));
  set_alarm(begin + next.length);
  rehearse_();
}

} // namespace tutti::io
