// Codecs: nanoseconds and allocations per packet and per message.
// Decides: packets of the sizes that play: one note, eight notes, 1,024 octets of SysEx, the
// session commands that come most often.
#include "bench/support/allocations.hpp"
#include "protocol/apple_command.hpp"
#include "protocol/midi_stream.hpp"
#include "protocol/rtp_packet.hpp"

#include <array>
#include <vector>

namespace {

using namespace tutti::protocol;
using tutti::bench::run_counted;

using buffer = std::array<std::uint8_t, 1400>;

constexpr rtp_header header{.sequence = 7, .timestamp = 123'456, .ssrc = 0xA1B2C3D4};

/// The list of `messages` Note On commands, delta times of 0.
std::vector<std::uint8_t> note_list(std::size_t messages) {
  std::vector<std::uint8_t> list;
  for (std::size_t i = 0; i < messages; ++i) {
    if (i > 0)
      list.push_back(0);
    list.insert(list.end(), {0x90, static_cast<std::uint8_t>(36 + i), 100});
  }
  return list;
}

std::vector<std::uint8_t> sysex_list(std::size_t data_octets) {
  std::vector<std::uint8_t> list(data_octets + 2, 0x42);
  list.front() = 0xF0;
  list.back() = 0xF7;
  return list;
}

byte_view write_packet(byte_view list, buffer& storage) {
  byte_writer writer(storage);
  encode_rtp_header(header, writer);
  encode_section_header(list.size(), false, writer);
  writer.bytes(list);
  return writer.written();
}

void read_packets(benchmark::State& state, const std::vector<std::uint8_t>& list,
                  std::size_t messages) {
  buffer storage;
  auto datagram = write_packet(list, storage);
  run_counted(state, messages, [&] {
    auto packet = decode_rtp_packet(datagram);
    command_list_reader reader(packet->list, packet->first_delta);
    for (midi_command command; reader.next(command);)
      benchmark::DoNotOptimize(command);
  });
}

void decode_notes(benchmark::State& state) {
  auto messages = static_cast<std::size_t>(state.range(0));
  read_packets(state, note_list(messages), messages);
}
BENCHMARK(decode_notes)->Arg(1)->Arg(8)->Arg(64);

void decode_sysex(benchmark::State& state) {
  read_packets(state, sysex_list(static_cast<std::size_t>(state.range(0))), 1);
}
BENCHMARK(decode_sysex)->Arg(16)->Arg(1024);

void encode_notes(benchmark::State& state) {
  auto messages = static_cast<std::size_t>(state.range(0));
  buffer storage;
  buffer list_storage;
  run_counted(state, messages, [&] {
    byte_writer list(list_storage);
    for (std::size_t i = 0; i < messages; ++i) {
      if (i > 0)
        encode_delta_time(static_cast<std::uint32_t>(i), list);
      list.u24(0x903C64);
    }
    benchmark::DoNotOptimize(write_packet(list.written(), storage));
    benchmark::ClobberMemory();
  });
}
BENCHMARK(encode_notes)->Arg(1)->Arg(8)->Arg(64);

/// One command written once and read again and again.
void read_commands(benchmark::State& state, const apple_command& command) {
  buffer storage;
  byte_writer writer(storage);
  encode_apple_command(command, writer);
  run_counted(state, 1, [&] { benchmark::DoNotOptimize(decode_apple_command(writer.written())); });
}

void decode_invitation(benchmark::State& state) {
  read_commands(state, invitation{invitation_kind::invite, 1, 2, "Studio keyboard, upper manual"});
}
BENCHMARK(decode_invitation);

void decode_clock(benchmark::State& state) {
  read_commands(state, clock_exchange{2, 0, {1, 0, 0}});
}
BENCHMARK(decode_clock);

void encode_clock(benchmark::State& state) {
  buffer storage;
  apple_command command = clock_exchange{2, 1, {1, 2, 0}};
  run_counted(state, 1, [&] {
    byte_writer writer(storage);
    encode_apple_command(command, writer);
    benchmark::ClobberMemory();
  });
}
BENCHMARK(encode_clock);

/// A byte stream as a cable or a TCP connection brings it: a chord with running status and a clock.
void parse_stream(benchmark::State& state) {
  constexpr std::array<std::uint8_t, 10> bytes = {0x90, 60, 100, 64, 100, 0xF8, 67, 100, 72, 100};
  constexpr std::size_t messages = 5;
  midi_stream_parser parser;
  std::vector<ump> out;
  out.reserve(messages);
  run_counted(state, messages, [&] {
    out.clear();
    parser.parse(bytes, out);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK(parse_stream);

void write_stream(benchmark::State& state) {
  const auto message = make_short(0x90, 60, 100);
  midi_stream_writer writer;
  std::vector<std::uint8_t> out;
  out.reserve(3);
  run_counted(state, 1, [&] {
    out.clear();
    writer.write(message, out);
    benchmark::DoNotOptimize(out.data());
  });
}
BENCHMARK(write_stream);

} // namespace
