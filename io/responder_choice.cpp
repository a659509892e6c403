#include "io/responder_choice.hpp"

namespace tutti::io {

responder_choice::responder_choice(mdns_mode mode, time_point now)
    : mode_(mode)
    , embedded_(mode == mdns_mode::embedded) {
  if (mode == mdns_mode::automatic)
    step_in_at_ = now + silence_limit;
}

void responder_choice::on_daemon(responder_state state, time_point now) {
  if (mode_ != mdns_mode::automatic)
    return;
  switch (state) {
  case responder_state::running:
    embedded_ = false;
    was_running_ = true;
    step_in_at_.reset();
    break;
  case responder_state::starting:
    step_in_at_.reset(); // it is there; whoever works now goes on until it is ready
    break;
  case responder_state::absent:
    if (!embedded_ && !absent_)
      step_in_at_ = was_running_ ? now + restart_grace : now;
    break;
  }
  absent_ = state == responder_state::absent;
  on_time(now);
}

void responder_choice::on_time(time_point now) {
  if (!step_in_at_ || now < *step_in_at_)
    return;
  embedded_ = true;
  step_in_at_.reset();
}

} // namespace tutti::io
