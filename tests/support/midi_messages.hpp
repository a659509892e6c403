// MIDI 1.0 messages as hex text, gathered from UMP or read from bytes as mido would.
#pragma once

#include "protocol/event.hpp"
#include "tests/support/hex.hpp"

#include <string>
#include <vector>

namespace tutti::test {

/// What to make of a SysEx that was cancelled after a part of it went out.
enum class cancelled_sysex { leave_out, end };

/// The messages in `packets`, in the order in which they are complete; SysEx whole, with F0 and F7.
inline std::vector<std::string>
messages_of(const std::vector<protocol::ump>& packets,
            cancelled_sysex cancelled = cancelled_sysex::leave_out) {
  using protocol::sysex_form;
  std::vector<std::string> messages;
  octets sysex;
  for (auto& packet : packets) {
    if (!packet.is_sysex()) {
      octets bytes{packet.status(), packet.data1(), packet.data2()};
      bytes.resize(protocol::short_message_size(packet.status()));
      messages.push_back(to_hex(bytes));
      continue;
    }
    auto form = packet.form();
    if (form == sysex_form::complete || form == sysex_form::start)
      sysex = {0xF0};
    for (unsigned i = 0; i < packet.sysex_size(); ++i)
      sysex.push_back(packet.sysex_octet(i));
    if (form == sysex_form::complete || form == sysex_form::end ||
        (form == sysex_form::cancelled && cancelled == cancelled_sysex::end)) {
      sysex.push_back(0xF7);
      messages.push_back(to_hex(sysex));
    }
  }
  return messages;
}

/// What a peer that runs mido (its socket server, say) makes of a byte stream: no running status,
/// a real-time octet destroys a half-read message, F4 and F5 are as if absent. Seen in mido 1.2.10.
inline std::vector<std::string> read_as_mido(std::span<const std::uint8_t> stream) {
  std::vector<std::string> messages;
  octets pending;
  auto in_sysex = [&] { return !pending.empty() && pending[0] == 0xF0; };
  for (auto octet : stream) {
    if (octet == 0xF4 || octet == 0xF5)
      continue;
    if (octet >= 0xF8) {
      if (octet != 0xF9 && octet != 0xFD)
        messages.push_back(to_hex({&octet, 1}));
      if (!in_sysex())
        pending.clear();
      continue;
    }
    if (octet == 0xF7) {
      if (in_sysex()) {
        pending.push_back(octet);
        messages.push_back(to_hex(pending));
      }
      pending.clear();
      continue;
    }
    if (octet >= 0x80)
      pending = {octet};
    else if (!pending.empty())
      pending.push_back(octet);
    if (!pending.empty() && pending.size() == protocol::short_message_size(pending[0])) {
      messages.push_back(to_hex(pending));
      pending.clear();
    }
  }
  return messages;
}

} // namespace tutti::test
