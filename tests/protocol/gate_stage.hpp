// A gate with its output, and short words for what goes in.
#pragma once

#include "protocol/sysex_gate.hpp"

#include <chrono>
#include <initializer_list>
#include <utility>
#include <vector>

namespace tutti::test::gates {

using namespace protocol;
using namespace std::chrono_literals;

using octets = std::vector<std::uint8_t>;

constexpr hub_time at(std::chrono::nanoseconds time) {
  return hub_time(time);
}

inline event of(const ump& message) {
  return {message, {}, true};
}
inline event chunk(sysex_form form, octets data) {
  return of(make_sysex(form, data));
}
inline event start(octets data = {1}) {
  return chunk(sysex_form::start, std::move(data));
}
inline event proceed(octets data = {2}) {
  return chunk(sysex_form::proceed, std::move(data));
}
inline event end(octets data = {3}) {
  return chunk(sysex_form::end, std::move(data));
}
inline event complete(octets data = {4}) {
  return chunk(sysex_form::complete, std::move(data));
}
inline event cancelled() {
  return chunk(sysex_form::cancelled, {});
}
inline event note_on(std::uint8_t note) {
  return of(make_short(0x90, note, 100));
}
inline event note_off(std::uint8_t note) {
  return of(make_short(0x80, note, 64));
}
inline const event clock_tick_event = of(make_short(0xF8));

/// A gate with its output, and time in milliseconds.
struct gate_under_test {
  explicit gate_under_test(const sysex_gate_limits& limits = {})
      : gate(limits) {}

  void accept(sysex_gate::source_id source, const std::vector<event>& events,
              std::chrono::nanoseconds now = 0ns) {
    gate.accept(source, events, at(now), out);
  }
  std::vector<ump> take() {
    std::vector<ump> messages;
    for (const auto& e : out)
      messages.push_back(e.message);
    out.clear();
    return messages;
  }

  sysex_gate gate;
  std::vector<event> out;
};

inline std::vector<ump> messages(std::initializer_list<event> events) {
  std::vector<ump> out;
  for (const auto& e : events)
    out.push_back(e.message);
  return out;
}

/// Reads a stream as a MIDI 1.0 receiver does. `illegal` names the first broken rule.
class stream_checker {
public:
  void take(const ump& message) {
    if (message.is_real_time())
      return;
    if (!message.is_sysex()) {
      if (open_)
        illegal = "a message inside a SysEx";
      others.push_back(message);
      return;
    }
    auto form = message.form();
    auto begins = form == sysex_form::start || form == sysex_form::complete;
    if (begins == open_)
      illegal = begins ? "a SysEx inside a SysEx" : "a chunk of no SysEx";
    if (begins)
      body_.clear();
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      body_.push_back(message.sysex_octet(i));
    open_ = form == sysex_form::start || form == sysex_form::proceed;
    if (form == sysex_form::cancelled)
      cancelled.push_back(body_);
    else if (!open_)
      whole.push_back(body_);
  }
  bool open() const { return open_; }

  const char* illegal = nullptr;
  std::vector<ump> others; ///< neither SysEx nor real-time
  std::vector<octets> whole;
  std::vector<octets> cancelled;

private:
  bool open_ = false;
  octets body_;
};

} // namespace tutti::test::gates
