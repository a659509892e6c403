// MIDI lists as tests want them: read into a vector, written back, shown as bytes.
// Written from RFC 6295 section 3 apart from the code under test.
#pragma once

#include "protocol/rtp_packet.hpp"
#include "tests/support/hex.hpp"

#include <optional>
#include <vector>

namespace tutti::test {

/// A MIDI list read to its end. The commands point into the list.
struct command_list {
  std::vector<protocol::midi_command> commands;
  std::optional<protocol::decode_error> error;
};

inline command_list read_list(protocol::byte_view list, bool first_delta = false) {
  command_list result;
  protocol::command_list_reader reader(list, first_delta);
  for (protocol::midi_command command; reader.next(command);)
    result.commands.push_back(command);
  if (reader.failed())
    result.error = reader.error();
  return result;
}

/// The octet that ends a SysEx segment or an undefined command; 0 for commands that have none.
inline std::uint8_t tail_of(const protocol::midi_command& command) {
  using protocol::command_kind;
  switch (command.kind) {
  case command_kind::midi: return 0;
  case command_kind::sysex:
  case command_kind::sysex_last: return command.dropped_f7 ? 0xF5 : 0xF7;
  case command_kind::sysex_first:
  case command_kind::sysex_middle: return 0xF0;
  case command_kind::sysex_cancel: return 0xF4;
  case command_kind::undefined: return command.status < 0xF8 ? 0xF7 : 0;
  }
  return 0;
}

/// The command's octets with its status filled in.
inline octets bytes_of(const protocol::midi_command& command) {
  octets bytes{command.status};
  bytes.insert(bytes.end(), command.data.begin(), command.data.end());
  if (auto tail = tail_of(command))
    bytes.push_back(tail);
  return bytes;
}

/// A list with Z=0 of these commands, the first at time 0, the others as far apart as they were.
/// Status octets are left out where they were left out.
inline octets write_list(const std::vector<protocol::midi_command>& commands) {
  octets list;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (i > 0) {
      std::uint8_t delta[4];
      protocol::byte_writer writer(delta);
      protocol::encode_delta_time(commands[i].offset - commands[i - 1].offset, writer);
      list.insert(list.end(), writer.written().begin(), writer.written().end());
    }
    auto bytes = bytes_of(commands[i]);
    list.insert(list.end(), bytes.begin() + (commands[i].running ? 1 : 0), bytes.end());
  }
  return list;
}

} // namespace tutti::test
