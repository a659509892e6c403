#include "actors/routing/route.hpp"

namespace tutti::routing {
namespace {

/// What a filter passed on to the transforms; one for all, as no route runs inside another.
thread_local events filtered;

} // namespace

void route::process(std::span<const event> in, hub_time now, events& out) {
  auto first = out.size();
  if (!waiting_) {
    run(in, now, out);
  } else {
    for (const auto& e : in)
      if (waiting_->is_let_go_by(e.message)) {
        run(std::span(&e, 1), now, out);
        waiting_->track(e.message);
      }
  }
  track(out, first);
}

void route::run(std::span<const event> in, hub_time now, events& out) {
  if (!effect_) {
    out.insert(out.end(), in.begin(), in.end());
  } else if (chain_.empty()) {
    filter_.process(in, out);
  } else {
    filtered.clear();
    filter_.process(in, filtered);
    if (!filtered.empty())
      chain_.process(filtered, out, now);
  }
}

bool route::lets_pass(const ump& message) const {
  // The end of a System Exclusive message is judged by its beginning, which is gone.
  bool is_tail = message.is_sysex() && message.form() != protocol::sysex_form::complete &&
                 message.form() != protocol::sysex_form::start;
  if (is_tail)
    return true;
  auto asked = filter_;
  events passed;
  event one{message, {}};
  asked.process(std::span(&one, 1), passed);
  return !passed.empty();
}

void route::track(const events& out, std::size_t first) {
  events_out_ += out.size() - first;
  if (counters_)
    counters_->events += out.size() - first;
  for (std::size_t i = first; i < out.size(); ++i)
    sounding_.track(out[i].message);
}

void route::on_deadline(hub_time now, events& out) {
  auto first = out.size();
  chain_.on_deadline(now, out);
  track(out, first);
}

void route::retire(const protocol::sounding& held, hub_time now, events& out) {
  waiting_ = std::make_unique<protocol::sounding>(held);
  sounding_.release_bends(now, out);
}

} // namespace tutti::routing
