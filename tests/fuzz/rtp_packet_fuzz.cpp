// Any datagram as an RTP-MIDI packet.
// Holds: reading is total and stays inside the datagram; times never go back; commands have the
// data that their status takes; what was read is written and read again the same.
#include "protocol/event.hpp"
#include "protocol/rtp_packet.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/midi_list.hpp"

#include <algorithm>

using namespace tutti::protocol;
using namespace tutti::test;
using tutti::fuzz::require;

namespace {

constexpr std::uint32_t longest_delta = (1u << 28) - 1;

bool inside(byte_view part, byte_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_commands(const std::vector<midi_command>& commands, byte_view list) {
  std::uint32_t before = 0;
  for (auto& command : commands) {
    require(command.offset >= before, "times never go back");
    before = command.offset;
    require(command.status >= 0x80, "a command has a status");
    require(inside(command.data, list), "data lies in the list");
    require(std::none_of(command.data.begin(), command.data.end(),
                         [](std::uint8_t octet) { return octet >= 0x80; }),
            "data octets have no status bit");
    if (command.kind == command_kind::midi)
      require(command.data.size() + 1 == short_message_size(command.status),
              "a message has the data that its status takes");
  }
}

bool can_be_written(const std::vector<midi_command>& commands) {
  for (std::size_t i = 1; i < commands.size(); ++i)
    if (commands[i].offset - commands[i - 1].offset > longest_delta)
      return false;
  return true;
}

void check_rewriting(const rtp_packet& packet, const std::vector<midi_command>& commands) {
  auto first = commands.empty() ? 0 : commands.front().offset;
  auto list = write_list(commands);
  require(list.size() <= packet.list.size(), "a rewritten list is not longer");
  octets buffer(rtp_header_size + 2 + list.size() + packet.journal.size());
  byte_writer writer(buffer);
  auto header = packet.header;
  header.timestamp += first;
  encode_rtp_header(header, writer);
  encode_section_header(list.size(), packet.has_journal, writer);
  writer.bytes(list);
  writer.bytes(packet.journal);
  require(writer.ok(), "the packet fits");

  auto again = decode_rtp_packet(writer.written());
  require(bool(again), "what is written can be read");
  header.marker = false;
  require(again->header == header, "the header survives writing");
  require(to_hex(again->journal) == to_hex(packet.journal), "the journal survives writing");
  auto reread = read_list(again->list, again->first_delta);
  require(!reread.error && reread.commands.size() == commands.size(), "no command gets lost");
  for (std::size_t i = 0; i < commands.size(); ++i) {
    auto& command = reread.commands[i];
    require(command.kind == commands[i].kind && bytes_of(command) == bytes_of(commands[i]),
            "a command survives writing");
    require(command.offset + first == commands[i].offset, "its time survives writing");
  }
  require(write_list(reread.commands) == list, "what was written once stays as it is");
}

} // namespace

TUTTI_FUZZ_TARGET(rtp_packet, input) {
  auto packet = decode_rtp_packet(input);
  if (!packet)
    return;
  require(inside(packet->list, input), "the list lies in the datagram");
  require(inside(packet->journal, input), "the journal lies in the datagram");
  require(packet->has_journal || packet->journal.empty(), "without J there is no journal");
  require(packet->list.size() <= max_midi_list, "a list has a limit");
  auto list = read_list(packet->list, packet->first_delta);
  check_commands(list.commands, packet->list);
  if (can_be_written(list.commands))
    check_rewriting(*packet, list.commands);
}
