// Seeded MIDI traffic of every kind: what several players, sequencers and editors send at once.
#pragma once

#include "protocol/event.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <vector>

namespace tutti::test {

class random_performance {
public:
  explicit random_performance(std::uint64_t seed)
      : random_(seed) {
    channels_ = 1 + below(16);
    wild_ = chance(0.3);
  }

  /// On all channels, and with numbers of the whole range.
  void be_dense() {
    channels_ = 16;
    wild_ = true;
  }

  bool chance(double probability) {
    return std::uniform_real_distribution<>(0, 1)(random_) < probability;
  }
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

  /// The messages of one packet.
  std::vector<protocol::ump> next_packet() {
    out_.clear();
    auto wanted = 1 + below(chance(0.1) ? 20 : 3);
    while (out_.size() < wanted)
      add();
    return out_;
  }

private:
  std::uint8_t data() { return static_cast<std::uint8_t>(below(128)); }
  std::uint8_t few(std::uint32_t limit) { return static_cast<std::uint8_t>(below(limit)); }

  void put(unsigned status, std::uint8_t data1 = 0, std::uint8_t data2 = 0) {
    out_.push_back(protocol::make_short(static_cast<std::uint8_t>(status), data1, data2));
  }
  void control(std::uint8_t number, std::uint8_t value) { put(0xB0u | channel_, number, value); }

  void add() {
    if (sysex_left_ > 0) { // only real-time and its own segments may come inside a SysEx
      if (chance(0.2))
        put(0xF8);
      else
        continue_sysex();
      return;
    }
    channel_ = few(channels_);
    auto kind = below(1000);
    if (kind < 420)
      note();
    else if (kind < 560)
      controller();
    else if (kind < 590)
      program();
    else if (kind < 650)
      put(0xE0u | channel_, data(), data());
    else if (kind < 680)
      put(0xD0u | channel_, data());
    else if (kind < 730)
      put(0xA0u | channel_, few(wild_ ? 128 : 12), data());
    else if (kind < 800)
      parameter();
    else if (kind < 812)
      mode();
    else if (kind < 900)
      transport();
    else if (kind < 960)
      time_code();
    else if (kind < 980)
      sysex();
    else
      rare();
  }

  void note() {
    auto number = static_cast<std::uint8_t>(wild_ ? data() : 40 + below(24));
    auto velocity = static_cast<std::uint8_t>(1 + below(127));
    if (chance(0.5))
      put(0x90u | channel_, number, velocity);
    else if (chance(0.3))
      put(0x90u | channel_, number, 0);
    else
      put(0x80u | channel_, number, chance(0.5) ? 64 : data());
  }

  void controller() {
    static constexpr std::array<std::uint8_t, 14> usual = {1,  2,  7,  10, 11, 64, 64,
                                                           64, 65, 66, 67, 69, 74, 91};
    auto number = wild_ ? few(120) : usual[below(usual.size())];
    control(number, chance(0.3) ? static_cast<std::uint8_t>(chance(0.5) ? 127 : 0) : data());
  }

  void program() {
    if (chance(0.6))
      control(0, few(3));
    if (chance(0.6))
      control(32, few(3));
    if (chance(0.1))
      control(0, few(3));
    put(0xC0u | channel_, few(wild_ ? 128 : 5));
  }

  void parameter() {
    std::uint8_t base = chance(0.7) ? 100 : 98;
    auto msb = static_cast<std::uint8_t>(chance(0.05) ? 127 : below(3));
    auto lsb = static_cast<std::uint8_t>(chance(0.05) ? 127 : below(4));
    switch (below(wild_ ? 8 : 4)) {
    case 0:
    case 1: // a whole transaction, usually closed
      control(base + 1, msb);
      control(base, lsb);
      control(6, data());
      if (chance(0.5))
        control(38, data());
      if (chance(0.6)) {
        control(base + 1, 127);
        control(base, 127);
      }
      break;
    case 2: // LSB first, as some sequencers have it
      control(base, lsb);
      control(base + 1, msb);
      control(6, data());
      break;
    case 3: // buttons
      control(base + 1, msb);
      control(base, lsb);
      for (auto presses = 1 + below(5); presses > 0; --presses)
        control(chance(0.7) ? 96 : 97, 0);
      break;
    case 4: control(base + 1, msb); break;
    case 5: control(base, lsb); break;
    case 6: control(6, data()); break;
    default: control(static_cast<std::uint8_t>(chance(0.5) ? 38 : 96 + below(2)), data()); break;
    }
  }

  void mode() {
    static constexpr std::array<std::uint8_t, 8> modes = {120, 121, 122, 123, 124, 125, 126, 127};
    auto number = modes[below(modes.size())];
    control(number, number == 126 ? few(4) : number == 122 ? (chance(0.5) ? 127 : 0) : 0);
  }

  void transport() {
    auto kind = below(100);
    if (kind < 75)
      put(0xF8);
    else if (kind < 82)
      put(0xFA);
    else if (kind < 88)
      put(0xFB);
    else if (kind < 95)
      put(0xFC);
    else
      put(0xF2, data(), few(20));
  }

  void time_code() {
    if (chance(0.03)) {
      const std::uint8_t frame[] = {
          0x7F,    0x7F,    1,      1, static_cast<std::uint8_t>(few(4) << 5 | few(24)),
          few(60), few(60), few(24)};
      put_sysex(frame);
      piece_ = 0;
      return;
    }
    if (chance(0.02)) {
      piece_ = few(8); // an illegal jump, or a change of direction
      backwards_ = chance(0.5);
    }
    for (auto count = 1 + below(3); count > 0; --count) {
      put(0xF1, static_cast<std::uint8_t>(piece_ << 4 | (piece_ == 7 ? 2 + few(2) : few(3))));
      piece_ = static_cast<std::uint8_t>((piece_ + (backwards_ ? 7 : 1)) % 8);
    }
  }

  void put_sysex(std::span<const std::uint8_t> data) {
    for (std::size_t from = 0; from == 0 || from < data.size(); from += 6) {
      auto last = from + 6 >= data.size();
      auto form = from == 0 ? (last ? protocol::sysex_form::complete : protocol::sysex_form::start)
                            : (last ? protocol::sysex_form::end : protocol::sysex_form::proceed);
      out_.push_back(protocol::make_sysex(
          form, data.subspan(from, std::min<std::size_t>(6, data.size() - from))));
    }
  }

  void sysex() {
    std::vector<std::uint8_t> data = {0x7D, static_cast<std::uint8_t>(serial_ & 0x7F),
                                      static_cast<std::uint8_t>(serial_ >> 7 & 0x7F)};
    ++serial_;
    if (chance(0.7)) {
      data.resize(3 + below(chance(0.1) ? 400 : 40), 0x11);
      put_sysex(data);
      return;
    }
    out_.push_back(protocol::make_sysex(protocol::sysex_form::start, data));
    sysex_left_ = 1 + below(8); // its segments follow, some in later packets
  }

  void continue_sysex() {
    const std::uint8_t data[] = {0x22, 0x22, 0x22, 0x22};
    --sysex_left_;
    auto form = sysex_left_ > 0 ? protocol::sysex_form::proceed
                : chance(0.2)   ? protocol::sysex_form::cancelled
                                : protocol::sysex_form::end;
    if (form == protocol::sysex_form::cancelled)
      out_.push_back(protocol::make_sysex(form, {}));
    else
      out_.push_back(protocol::make_sysex(form, data));
  }

  void rare() {
    switch (below(8)) {
    case 0: {
      const std::uint8_t on[] = {0x7E, 0x7F, 0x09, static_cast<std::uint8_t>(chance(0.5) ? 1 : 3)};
      put_sysex(on);
      break;
    }
    case 1:
      if (chance(0.5))
        put(0xFF);
      break;
    case 2:
    case 3: put(0xF3, data()); break;
    case 4: put(0xF6); break;
    default: put(0xFE); break;
    }
  }

  std::mt19937_64 random_;
  std::vector<protocol::ump> out_;
  std::uint32_t channels_ = 1;
  bool wild_ = false;
  std::uint8_t channel_ = 0;
  std::uint8_t piece_ = 0;
  bool backwards_ = false;
  std::uint32_t sysex_left_ = 0;
  std::uint32_t serial_ = 0;
};

} // namespace tutti::test
