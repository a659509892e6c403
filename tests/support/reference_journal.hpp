// A recovery journal straight from the definitions of RFC 6295: from the list of all commands ever
// sent, with no state kept, no matter how slow. In the words of the RFC and the JSON of the
// vectors. Parameter controllers, transport, time code and SysEx are not in it; they have tests of
// their own.
#pragma once

#include "protocol/event.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tutti::test {

using nlohmann::json;

class reference_journal {
public:
  /// `checkpoint`: as it was when the command was sent.
  void add(std::uint32_t packet, const protocol::ump& message, std::uint32_t checkpoint) {
    commands_.push_back({packet, checkpoint, message.status(), message.data1(), message.data2()});
  }

  /// The journal of packet `packet` with this checkpoint, as journal_json() shows it; null if there
  /// is nothing to say. All Note Ons are taken to be recent (Y=1).
  json journal(std::uint32_t checkpoint, std::uint32_t packet) const {
    moment at{checkpoint, packet - 1, commands_.size()};
    json system = system_journal(at);
    json channels = json::array();
    for (std::uint8_t channel = 0; channel < 16; ++channel)
      if (auto part = channel_journal(channel, at); !part.is_null())
        channels.push_back(part);
    if (system.is_null() && channels.empty())
      return json();
    json out = {{"Y", system.is_null() ? 0 : 1},
                {"A", channels.empty() ? 0 : 1},
                {"H", 0},
                {"totchan", channels.empty() ? 0 : channels.size() - 1},
                {"checkpoint", checkpoint & 0xFFFF}};
    int s = 1;
    if (!system.is_null()) {
      s &= system["S"].get<int>();
      out["system"] = system;
    }
    for (const auto& part : channels)
      s &= part["S"].get<int>();
    if (!channels.empty())
      out["channels"] = channels;
    out["S"] = s;
    return out;
  }

private:
  struct command {
    std::uint32_t packet;
    std::uint32_t checkpoint;
    std::uint8_t status, data1, data2;
    bool is(std::uint8_t kind, std::uint8_t channel) const { return status == (kind | channel); }
    bool is_control(std::uint8_t channel, std::uint8_t number) const {
      return is(0xB0, channel) && data1 == number;
    }
    bool ends_notes(std::uint8_t channel) const {
      return is(0xB0, channel) && (data1 == 120 || data1 >= 123);
    }
    bool is_note_off(std::uint8_t channel) const {
      return is(0x80, channel) || (is(0x90, channel) && data2 == 0);
    }
    bool is_note_on(std::uint8_t channel) const { return is(0x90, channel) && data2 > 0; }
    std::uint8_t release() const { return status < 0x90 ? data2 : 64; }
  };
  struct moment {
    std::uint32_t checkpoint;
    std::uint32_t previous; ///< packet I-1
    std::size_t end;
  };

  bool in_history(std::size_t i, const moment& at) const {
    return commands_[i].packet >= at.checkpoint;
  }
  int s_of(std::size_t i, const moment& at) const {
    return commands_[i].packet == at.previous ? 0 : 1;
  }

  /// One past the last command for which `condition` holds; 0 if there is none.
  template <class Condition>
  std::size_t after_last(Condition condition, std::size_t end) const {
    for (auto i = end; i > 0; --i)
      if (condition(commands_[i - 1]))
        return i;
    return 0;
  }
  std::size_t active_from(const moment& at) const {
    return after_last([](const command& c) { return c.status == 0xFF; }, at.end);
  }
  std::size_t n_active_from(std::uint8_t channel, const moment& at) const {
    auto ends = after_last([=](const command& c) { return c.ends_notes(channel); }, at.end);
    return std::max(active_from(at), ends);
  }
  std::size_t c_active_from(std::uint8_t channel, const moment& at) const {
    auto reset = after_last([=](const command& c) { return c.is_control(channel, 121); }, at.end);
    return std::max(active_from(at), reset);
  }
  /// Index of the last command in [from, end) of the history for which `condition` holds.
  template <class Condition>
  std::optional<std::size_t> latest(std::size_t from, const moment& at, Condition condition) const {
    auto found = after_last(condition, at.end);
    if (found <= from || !in_history(found - 1, at))
      return std::nullopt;
    return found - 1;
  }

  json channel_journal(std::uint8_t channel, const moment& at) const {
    json chapters = json::object();
    std::string contents;
    int s = 1;
    std::size_t length = 3;
    auto add = [&](const char* letter, json chapter, std::size_t size, const char* s_key = "S") {
      if (chapter.is_null())
        return;
      contents += letter;
      s &= chapter[s_key].get<int>();
      if (chapter.contains("logs"))
        for (const auto& log : chapter["logs"])
          s &= log["S"].get<int>();
      chapters[letter] = std::move(chapter);
      length += size;
    };
    add("P", program(channel, at), 3);
    auto c = controllers(channel, at);
    add("C", c, c.is_null() ? 0 : 1 + 2 * c["logs"].size());
    add("W", wheel(channel, at), 2);
    std::size_t note_octets = 0;
    auto [n, e] = notes(channel, at, note_octets);
    add("N", n, note_octets, "B");
    add("E", e, e.is_null() ? 0 : 1 + 2 * e["logs"].size());
    add("T", pressure(channel, at), 1);
    auto a = note_pressures(channel, at);
    add("A", a, a.is_null() ? 0 : 1 + 2 * a["logs"].size());
    if (contents.empty())
      return json();
    return {{"S", s},           {"channel", channel}, {"H", 0},
            {"length", length}, {"toc", contents},    {"chapters", chapters}};
  }

  json program(std::uint8_t channel, const moment& at) const {
    auto active = active_from(at);
    auto change = latest(active, at, [=](const command& c) { return c.is(0xC0, channel); });
    if (!change)
      return json();
    auto msb = after_last([=](const command& c) { return c.is_control(channel, 0); }, *change);
    auto has_bank = msb > active;
    int lsb_value = 0;
    int reset_between = 0;
    for (auto i = msb; has_bank && i < *change; ++i) {
      if (commands_[i].is_control(channel, 32))
        lsb_value = commands_[i].data2;
      if (commands_[i].is_control(channel, 121))
        reset_between = 1;
    }
    return {{"S", s_of(*change, at)}, {"program", commands_[*change].data1},
            {"B", has_bank ? 1 : 0},  {"bank_msb", has_bank ? commands_[msb - 1].data2 : 0},
            {"X", reset_between},     {"bank_lsb", lsb_value}};
  }

  /// Our choice of tools: count for the mode messages, value with toggle for 64, 66 and 69, value
  /// for the rest. After CC 121 there are no logs for what it resets, but the toggle counts of 64
  /// and 66 if it changed them, or if a log of them was to be told.
  json controllers(std::uint8_t channel, const moment& at) const {
    auto active = active_from(at);
    std::map<std::size_t, std::vector<json>> by_recency;
    auto reset = after_last([=](const command& c) { return c.is_control(channel, 121); }, at.end);
    auto log = [](int s, int number, const char* tool, int value) {
      return json{{"S", s}, {"number", number}, {"tool", tool}, {"value", value}};
    };
    for (int number = 0; number < 128; ++number) {
      auto of_number = [=](const command& c) {
        return c.is_control(channel, static_cast<std::uint8_t>(number));
      };
      auto found = latest(active, at, of_number);
      auto is_mode = number >= 120 && number != 122;
      auto is_pedal = number == 64 || number == 66 || number == 69;
      auto is_reset = number == 1 || number == 11 || (number >= 64 && number <= 67);
      auto reset_since =
          is_reset && reset > active && in_history(reset - 1, at) && (!found || *found < reset);
      if (is_pedal && reset_since) {
        auto was_on = pedal_was_on(channel, number, active, reset - 1);
        if (was_on || was_told(channel, number, active, reset - 1))
          by_recency[reset - 1].push_back(
              log(s_of(reset - 1, at), number, "toggle", toggles(channel, number, active, at.end)));
        continue;
      }
      if (!found || (is_reset && *found < reset))
        continue;
      auto& logs = by_recency[*found];
      auto s = s_of(*found, at);
      if (is_mode) {
        int count = 0;
        for (auto i = active; i < at.end; ++i)
          count += of_number(commands_[i]);
        logs.push_back(log(s, number, "count", count % 64));
        if (commands_[*found].data2 != 0)
          logs.push_back(log(s, number, "value", commands_[*found].data2));
        continue;
      }
      logs.push_back(log(s, number, "value", commands_[*found].data2));
      if (is_pedal)
        logs.push_back(log(s, number, "toggle", toggles(channel, number, active, at.end)));
    }
    json logs = json::array();
    int s = 1;
    for (const auto& [index, group] : by_recency)
      for (const auto& each : group) {
        s &= each["S"].get<int>();
        logs.push_back(each);
      }
    return logs.empty() ? json() : json{{"S", s}, {"logs", logs}};
  }

  /// The log of the pedal was in the history when CC 121, command `reset`, was sent, or an earlier
  /// CC 121 had left it there.
  bool was_told(std::uint8_t channel, int number, std::size_t from, std::size_t reset) const {
    for (auto i = reset; i > from && commands_[i - 1].packet >= commands_[reset].checkpoint; --i) {
      if (commands_[i - 1].is_control(channel, static_cast<std::uint8_t>(number)))
        return true;
      if (commands_[i - 1].is_control(channel, 121))
        return pedal_was_on(channel, number, from, i - 1) || was_told(channel, number, from, i - 1);
    }
    return false;
  }

  bool pedal_was_on(std::uint8_t channel, int number, std::size_t from, std::size_t end) const {
    auto on = false;
    for (auto i = from; i < end; ++i) {
      if (commands_[i].is_control(channel, static_cast<std::uint8_t>(number)))
        on = commands_[i].data2 >= 64;
      if (commands_[i].is_control(channel, 121) && number != 69)
        on = false;
    }
    return on;
  }
  int toggles(std::uint8_t channel, int number, std::size_t from, std::size_t end) const {
    auto on = false;
    int changes = 0;
    for (auto i = from; i < end; ++i) {
      auto now = pedal_was_on(channel, number, from, i + 1);
      changes += now != on;
      on = now;
    }
    return changes % 64;
  }

  json wheel(std::uint8_t channel, const moment& at) const {
    auto found = latest(c_active_from(channel, at), at,
                        [=](const command& c) { return c.is(0xE0, channel); });
    if (!found)
      return json();
    const auto& c = commands_[*found];
    return {{"S", s_of(*found, at)},
            {"first", c.data1},
            {"second", c.data2},
            {"value14", c.data2 * 128 + c.data1}};
  }

  json pressure(std::uint8_t channel, const moment& at) const {
    auto from = std::max(c_active_from(channel, at), n_active_from(channel, at));
    auto found = latest(from, at, [=](const command& c) { return c.is(0xD0, channel); });
    if (!found)
      return json();
    return {{"S", s_of(*found, at)}, {"pressure", commands_[*found].data1}};
  }

  json note_pressures(std::uint8_t channel, const moment& at) const {
    std::map<std::size_t, json> by_recency;
    for (int note = 0; note < 128; ++note)
      if (auto found = latest(c_active_from(channel, at), at, [=](const command& c) {
            return c.is(0xA0, channel) && c.data1 == note;
          }))
        by_recency[*found] = {{"S", s_of(*found, at)},
                              {"note", note},
                              {"X", *found < n_active_from(channel, at) ? 1 : 0},
                              {"pressure", commands_[*found].data2}};
    return list_chapter(by_recency);
  }

  static json list_chapter(const std::map<std::size_t, json>& by_recency) {
    if (by_recency.empty())
      return json();
    json logs = json::array();
    int s = 1;
    for (const auto& [index, log] : by_recency) {
      s &= log["S"].get<int>();
      logs.push_back(log);
    }
    return {{"S", s}, {"logs", logs}};
  }

  std::pair<json, json> notes(std::uint8_t channel, const moment& at, std::size_t& size) const {
    auto from = n_active_from(channel, at);
    std::map<std::size_t, json> logs;
    std::map<std::size_t, json> extras; // by twice the index, the velocity after the count
    std::array<bool, 128> off{};
    int b = 1;
    for (int note = 0; note < 128; ++note) {
      auto found = latest(from, at, [=](const command& c) {
        return (c.is_note_on(channel) || c.is_note_off(channel)) && c.data1 == note;
      });
      if (!found)
        continue;
      int down = 0;
      for (auto i = from; i < at.end; ++i)
        if (commands_[i].data1 == note)
          down = commands_[i].is_note_on(channel)    ? down + 1
                 : commands_[i].is_note_off(channel) ? std::max(down - 1, 0)
                                                     : down;
      const auto& c = commands_[*found];
      auto s = s_of(*found, at);
      auto is_off = c.is_note_off(channel);
      if (is_off) {
        off[static_cast<std::size_t>(note)] = true;
        b &= s;
      } else {
        logs[*found] = {{"S", s}, {"note", note}, {"Y", 1}, {"velocity", c.data2}};
      }
      if (down > (is_off ? 0 : 1))
        extras[2 * *found] = {{"S", s}, {"note", note}, {"ref_count", std::min(down, 127)}};
      if (is_off && c.release() != 64)
        extras[2 * *found + 1] = {{"S", s}, {"note", note}, {"release_velocity", c.release()}};
    }
    json off_notes = json::array();
    int low = 15;
    int high = 1;
    for (int note = 0; note < 128; ++note)
      if (off[static_cast<std::size_t>(note)]) {
        low = off_notes.empty() ? note / 8 : low;
        high = note / 8;
        off_notes.push_back(note);
      }
    if (logs.empty() && off_notes.empty())
      return {json(), json()};
    if (logs.size() == 128)
      high = 0;
    size = 2 + 2 * logs.size() + (off_notes.empty() ? 0 : static_cast<std::size_t>(high - low + 1));
    json all = json::array();
    for (const auto& [index, log] : logs)
      all.push_back(log);
    return {json{{"B", b}, {"low", low}, {"high", high}, {"logs", all}, {"off_notes", off_notes}},
            list_chapter(extras)};
  }

  json system_journal(const moment& at) const {
    json chapters = json::object();
    std::string contents;
    int s = 1;
    std::size_t length = 2;
    json d = {{"S", 1}};
    auto tally = [&](std::uint8_t status, const char* name) {
      auto found = latest(0, at, [=](const command& c) { return c.status == status; });
      if (!found)
        return;
      auto count = std::count_if(commands_.begin(), commands_.end(),
                                 [=](const command& c) { return c.status == status; });
      d[name] = count % 128;
      d[name + std::string("_S")] = s_of(*found, at);
      d["S"] = d["S"].get<int>() & s_of(*found, at);
      ++length;
    };
    tally(0xFF, "reset_count");
    tally(0xF6, "tune_count");
    if (auto song =
            latest(active_from(at), at, [](const command& c) { return c.status == 0xF3; })) {
      d["song"] = commands_[*song].data1;
      d["song_S"] = s_of(*song, at);
      d["S"] = d["S"].get<int>() & s_of(*song, at);
      ++length;
    }
    if (d.size() > 1) {
      contents += "D";
      s &= d["S"].get<int>();
      chapters["D"] = d;
      ++length;
    }
    if (auto sensing = latest(0, at, [](const command& c) { return c.status == 0xFE; })) {
      auto count = std::count_if(commands_.begin(), commands_.end(),
                                 [](const command& c) { return c.status == 0xFE; });
      contents += "V";
      s &= s_of(*sensing, at);
      chapters["V"] = {{"S", s_of(*sensing, at)}, {"count", count % 128}};
      ++length;
    }
    if (contents.empty())
      return json();
    return {{"S", s}, {"length", length}, {"toc", contents}, {"chapters", chapters}};
  }

  std::vector<command> commands_;
};

} // namespace tutti::test
