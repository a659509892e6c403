// MIDI as tests write it: "90 3c 40 | b0 07 10", several messages apart by bars, F0 .. F7 as well.
// Numbers are hex; "2:90 3c 40" is group 2. The empty text is no message.
#pragma once

#include "protocol/event.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::test {

using event_list = std::vector<protocol::event>;

inline void append_message(const std::string& text, protocol::hub_time at, event_list& out) {
  std::string body = text;
  std::uint8_t group = 0;
  if (auto colon = body.find(':'); colon != body.npos) {
    group = static_cast<std::uint8_t>(std::stoi(body));
    body.erase(0, colon + 1);
  }
  std::istringstream words(body);
  std::vector<std::uint8_t> octets;
  for (std::string word; words >> word;)
    octets.push_back(static_cast<std::uint8_t>(std::stoi(word, nullptr, 16)));
  if (octets.empty())
    return;
  if (octets[0] != 0xF0) {
    octets.resize(3);
    out.push_back({protocol::make_short(octets[0], octets[1], octets[2], group), at});
    return;
  }
  if (octets.back() != 0xF7)
    throw std::invalid_argument("midi_text: F0 without F7");
  std::span rest(octets.data() + 1, octets.size() - 2);
  auto form = rest.size() <= 6 ? protocol::sysex_form::complete : protocol::sysex_form::start;
  for (;;) {
    out.push_back({protocol::make_sysex(form, rest, group), at});
    rest = rest.subspan(std::min<std::size_t>(6, rest.size()));
    if (rest.empty())
      return;
    form = rest.size() <= 6 ? protocol::sysex_form::end : protocol::sysex_form::proceed;
  }
}

inline event_list midi(std::string_view text, protocol::hub_time at = {}) {
  event_list out;
  std::istringstream parts{std::string(text)};
  for (std::string part; std::getline(parts, part, '|');)
    append_message(part, at, out);
  return out;
}

inline std::string to_text(std::span<const protocol::event> events) {
  std::string text;
  char buffer[16];
  bool inside = false; // a SysEx that goes on in the next chunk
  for (const auto& [m, at, starts] : events) {
    (void)at, (void)starts;
    auto put = [&](unsigned octet) {
      std::snprintf(buffer, sizeof buffer, text.empty() || text.back() == ':' ? "%02x" : " %02x",
                    octet);
      text += buffer;
    };
    if (!inside && !text.empty())
      text += " |";
    if (!inside && m.group() != 0)
      text += (text.empty() ? "" : " ") + std::to_string(m.group()) + ":";
    if (!m.is_sysex()) {
      put(m.status());
      auto size = protocol::short_message_size(m.status());
      if (size > 1)
        put(m.data1());
      if (size > 2)
        put(m.data2());
      continue;
    }
    auto form = m.form();
    if (form == protocol::sysex_form::start || form == protocol::sysex_form::complete)
      put(0xF0);
    for (unsigned i = 0; i < m.sysex_size(); ++i)
      put(m.sysex_octet(i));
    inside = form == protocol::sysex_form::start || form == protocol::sysex_form::proceed;
    if (form == protocol::sysex_form::cancelled)
      text += " cancelled";
    else if (!inside)
      put(0xF7);
  }
  return text;
}

} // namespace tutti::test
