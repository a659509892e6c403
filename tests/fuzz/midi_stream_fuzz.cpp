// Any octets as a MIDI 1.0 stream. The first octet sets how the stream is cut into reads, the
// second the SysEx limit.
// Holds: cutting changes nothing; what is written parses to the same messages, breaks no rule, and
// means the same to mido, which knows less than we do.
#include "protocol/midi_stream.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/midi_messages.hpp"

#include <algorithm>

using namespace tutti::protocol;
using namespace tutti::test;
using tutti::fuzz::require;

namespace {

std::vector<ump> parse(byte_view stream, std::size_t limit, std::size_t step) {
  midi_stream_parser parser(limit);
  std::vector<ump> packets;
  while (!stream.empty()) {
    auto size = std::min(step, stream.size());
    parser.parse(stream.first(size), packets);
    stream = stream.subspan(size);
  }
  parser.reset(packets);
  return packets;
}

} // namespace

TUTTI_FUZZ_TARGET(midi_stream, input) {
  if (input.size() < 2)
    return;
  std::size_t step = 1u + input[0];
  std::size_t limit = input[1];
  auto stream = input.subspan(2);
  auto packets = parse(stream, limit, stream.size() + 1);
  require(parse(stream, limit, step) == packets, "how a stream is cut changes nothing");

  midi_stream_writer writer;
  octets bytes;
  for (auto& packet : packets)
    writer.write(packet, bytes);
  require(!writer.in_sysex(), "a parser that was reset leaves no SysEx open");
  // A cancelled SysEx cannot be taken back from a stream: it ends where it was cancelled.
  auto messages = messages_of(packets, cancelled_sysex::end);
  require(read_as_mido(bytes) == messages, "mido reads what was written");

  midi_stream_parser second(limit);
  std::vector<ump> again;
  second.parse(bytes, again);
  require(messages_of(again) == messages, "what is written parses to the same messages");
  auto& counters = second.counters();
  require(counters.stray_data + counters.undefined_status + counters.unfinished_message +
                  counters.cancelled_sysex + counters.oversize_sysex ==
              0,
          "what is written breaks no rule");
}
