// UMP messages from and to the MIDI 1.0 bytes that vectors are written in. Plain and slow, and no
// code of the hub, so that a test does not check it against itself.
#pragma once

#include "protocol/event.hpp"
#include "tests/support/hex.hpp"

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tutti::test {

/// Whole messages with status octets; SysEx from F0 to F7.
inline std::vector<protocol::ump> messages_of(const octets& bytes) {
  using namespace protocol;
  std::vector<ump> out;
  for (std::size_t i = 0; i < bytes.size();) {
    auto status = bytes[i];
    if (status == 0xF0) {
      std::size_t end = i + 1;
      while (bytes.at(end) != 0xF7)
        ++end;
      std::span data(bytes.data() + i + 1, end - i - 1);
      for (std::size_t from = 0; from == 0 || from < data.size(); from += 6) {
        auto chunk = data.subspan(from, std::min<std::size_t>(6, data.size() - from));
        auto last = from + 6 >= data.size();
        auto form = from == 0 ? (last ? sysex_form::complete : sysex_form::start)
                              : (last ? sysex_form::end : sysex_form::proceed);
        out.push_back(make_sysex(form, chunk));
      }
      i = end + 1;
      continue;
    }
    auto size = short_message_size(status);
    if (size == 0 || i + size > bytes.size())
      throw std::invalid_argument("messages_of: no whole message");
    out.push_back(make_short(status, size > 1 ? bytes[i + 1] : 0, size > 2 ? bytes[i + 2] : 0));
    i += size;
  }
  return out;
}

/// One string of hex for each message; a SysEx in chunks is one message.
inline std::vector<std::string> bytes_of(std::span<const protocol::event> events) {
  using namespace protocol;
  std::vector<std::string> out;
  octets sysex;
  for (const auto& event : events) {
    const auto& message = event.message;
    if (!message.is_sysex()) {
      octets bytes = {message.status(), message.data1(), message.data2()};
      bytes.resize(short_message_size(message.status()));
      out.push_back(to_hex(bytes));
      continue;
    }
    auto form = message.form();
    if (form == sysex_form::cancelled) {
      out.push_back("cancelled");
      sysex.clear();
      continue;
    }
    if (form == sysex_form::start || form == sysex_form::complete)
      sysex = {0xF0};
    for (unsigned i = 0; i < message.sysex_size(); ++i)
      sysex.push_back(message.sysex_octet(i));
    if (form == sysex_form::end || form == sysex_form::complete) {
      sysex.push_back(0xF7);
      out.push_back(to_hex(sysex));
    }
  }
  return out;
}

} // namespace tutti::test
