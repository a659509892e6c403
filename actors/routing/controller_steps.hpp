// Transforms of controllers, programs, pitch bend and pressure, and between notes and controllers.
// Decides: each one's arithmetic.
// Leaves: order and time (transform_chain).
// Thread: owned by one route. Steps as in note_steps.hpp.
#pragma once

#include "actors/routing/note_steps.hpp"

#include <algorithm>
#include <cmath>

namespace tutti::routing {

class controller_map_step {
public:
  explicit controller_map_step(const config::controller_map& map)
      : table_(map.to) {}

  void apply(const event& e, events& out, hub_time) const {
    if (is_controller(e.message))
      table_.apply(e, out);
    else
      out.push_back(e);
  }

private:
  number_table table_;
};

class controller_value_step {
public:
  explicit controller_value_step(const config::controller_value_map& map)
      : controllers_(map.controllers)
      , table_(make_value_table(map.value)) {}

  void apply(const event& e, events& out, hub_time) const {
    if (is_controller(e.message) && controllers_[e.message.data1()])
      append(e, with_data2(e.message, table_[e.message.data2()]), out);
    else
      out.push_back(e);
  }

private:
  config::value_set controllers_;
  value_table table_;
};

/// Poly pressure of these notes is dropped, for there is no note that it could concern.
class note_to_controller_step {
public:
  explicit note_to_controller_step(const config::note_to_controller& settings)
      : settings_(settings) {}

  void apply(const event& e, events& out, hub_time) const {
    const auto& m = e.message;
    if (!has_note(m) || !settings_.notes[m.data1()])
      out.push_back(e);
    else if (is_note_on(m))
      append(e, controller(m, settings_.on.value_or(m.data2())), out);
    else if (is_note_off(m) && settings_.off)
      append(e, controller(m, *settings_.off), out);
  }

private:
  ump controller(const ump& m, std::uint8_t value) const {
    return protocol::make_short(std::uint8_t(0xB0 | m.channel()), settings_.controller, value,
                                m.group());
  }

  config::note_to_controller settings_;
};

class controller_to_note_step {
public:
  explicit controller_to_note_step(const config::controller_to_note& settings)
      : settings_(settings) {}

  void apply(const event& e, events& out, hub_time) {
    const auto& m = e.message;
    if (!is_controller(m) || m.data1() != settings_.controller) {
      out.push_back(e);
      return;
    }
    bool on = m.data2() >= settings_.threshold;
    auto& channels = sounding_[m.group()];
    auto bit = static_cast<std::uint16_t>(1u << m.channel());
    if (on == ((channels & bit) != 0))
      return;
    channels = static_cast<std::uint16_t>(channels ^ bit);
    auto status = static_cast<std::uint8_t>((on ? 0x90 : 0x80) | m.channel());
    auto velocity = on ? settings_.velocity.value_or(m.data2()) : std::uint8_t(64);
    append(e, protocol::make_short(status, settings_.note, velocity, m.group()), out);
  }

private:
  config::controller_to_note settings_;
  std::array<std::uint16_t, 16> sounding_{}; ///< channels whose note is on, by group
};

class program_step {
public:
  explicit program_step(const config::program_map& map)
      : entries_(map.entries) {}

  void apply(const event& e, events& out, hub_time);

private:
  std::vector<config::program_map::entry> entries_;
  channel_rows<std::uint16_t, 1> banks_; ///< the bank that the source has selected
};

class bend_step {
public:
  explicit bend_step(const config::bend_range& range)
      : factor_(range.from / range.to) {}

  void apply(const event& e, events& out, hub_time) const {
    const auto& m = e.message;
    if (!m.is_channel_voice() || m.status() >> 4 != 0xE) {
      out.push_back(e);
      return;
    }
    auto bend = std::lround((bend_of(m) - bend_centre) * factor_) + bend_centre;
    append(e, make_bend(m.channel(), std::uint16_t(std::clamp(bend, 0l, 16383l)), m.group()), out);
  }

private:
  double factor_;
};

class pressure_to_controller_step {
public:
  explicit pressure_to_controller_step(const config::pressure_to_controller& settings)
      : controller_(settings.controller)
      , table_(make_value_table(settings.value)) {}

  void apply(const event& e, events& out, hub_time) const {
    const auto& m = e.message;
    if (m.is_channel_voice() && m.status() >> 4 == 0xD)
      append(e,
             protocol::make_short(std::uint8_t(0xB0 | m.channel()), controller_, table_[m.data1()],
                                  m.group()),
             out);
    else
      out.push_back(e);
  }

private:
  std::uint8_t controller_;
  value_table table_;
};

class controller_to_pressure_step {
public:
  explicit controller_to_pressure_step(const config::controller_to_pressure& settings)
      : controller_(settings.controller)
      , table_(make_value_table(settings.value)) {}

  void apply(const event& e, events& out, hub_time) const {
    const auto& m = e.message;
    if (is_controller(m) && m.data1() == controller_)
      append(
          e,
          protocol::make_short(std::uint8_t(0xD0 | m.channel()), table_[m.data2()], 0, m.group()),
          out);
    else
      out.push_back(e);
  }

private:
  std::uint8_t controller_;
  value_table table_;
};

} // namespace tutti::routing
