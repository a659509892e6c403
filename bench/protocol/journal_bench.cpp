// The recovery journal: nanoseconds and allocations per message recorded, per packet coded, per
// packet examined.
// Decides: the streams. Piano: one channel, feedback every second. Dense: 16 channels, all kinds of
// channel messages, 1,000 packets a second, feedback every second.
#include "bench/support/allocations.hpp"
#include "protocol/journal/journal_receiver.hpp"
#include "protocol/journal/journal_sender.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace {

using namespace tutti::protocol;
using namespace std::chrono_literals;
using tutti::bench::run_counted;

using packet = std::vector<ump>;
constexpr std::size_t room = 1300;

/// A second of packets, to be played again and again.
struct stream {
  std::vector<packet> packets;
  std::size_t messages = 0;
};

void add(stream& to, packet list) {
  to.messages += list.size();
  to.packets.push_back(std::move(list));
}

/// Five two-note chords a second, and the pedal.
stream piano() {
  stream second;
  std::mt19937 random(1);
  for (int chord = 0; chord < 5; ++chord) {
    auto low = static_cast<std::uint8_t>(40 + random() % 12);
    auto high = static_cast<std::uint8_t>(60 + random() % 24);
    add(second, {make_short(0x90, low, 80)});
    add(second, {make_short(0x90, high, 90)});
    if (chord % 2 == 0)
      add(second, {make_short(0xB0, 64, chord % 4 == 0 ? 127 : 0)});
    add(second, {make_short(0x80, low, 64)});
    add(second, {make_short(0x80, high, 64)});
  }
  return second;
}

/// Somebody plays on each channel, up to four notes at a time.
class orchestra {
public:
  ump next(std::uint8_t channel) {
    auto status = [=](unsigned high) { return static_cast<std::uint8_t>(high | channel); };
    auto& down = down_[channel];
    auto kind = random_() % 100;
    auto value = static_cast<std::uint8_t>(random_() % 128);
    if (kind < 70) {
      auto note = static_cast<std::uint8_t>(36 + random_() % 24);
      auto held = std::find(down.begin(), down.end(), note) != down.end();
      if (held || down.size() == 4 || (!down.empty() && kind < 30)) {
        note = held ? note : down.front();
        down.erase(std::find(down.begin(), down.end(), note));
        return make_short(status(0x80), note, 64);
      }
      down.push_back(note);
      return make_short(status(0x90), note, value | 1);
    }
    if (kind < 85)
      return make_short(status(0xB0), random_() % 2 == 0 ? 1 : 74, value);
    if (kind < 95)
      return make_short(status(0xE0), value, value);
    return make_short(status(0xD0), value);
  }

  /// Note Offs for all that is down, so that the stream can begin again.
  packet end() {
    packet list;
    for (std::uint8_t channel = 0; channel < 16; ++channel)
      for (auto note : down_[channel])
        list.push_back(make_short(static_cast<std::uint8_t>(0x80 | channel), note, 64));
    return list;
  }

private:
  std::mt19937 random_{2};
  std::array<std::vector<std::uint8_t>, 16> down_;
};

/// `per_packet` messages in each of 1,000 packets, the channels in turn.
stream dense(std::size_t per_packet) {
  stream second;
  orchestra players;
  std::uint8_t channel = 0;
  for (int i = 0; i < 1000; ++i) {
    packet list;
    for (std::size_t k = 0; k < per_packet; ++k)
      list.push_back(players.next(channel++ % 16));
    add(second, std::move(list));
  }
  add(second, players.end());
  return second;
}

/// Sends a stream round and round, and acknowledges it every second, a little late.
class player {
public:
  explicit player(const stream& second)
      : second_(second) {}

  std::size_t code() {
    now_ += 1'000'000'000ns / static_cast<std::int64_t>(second_.packets.size());
    return sender.encode(std::span(buffer).first(limit), sequence, now_);
  }
  void record() {
    for (const auto& message : second_.packets[position_])
      sender.record(message, sequence);
  }
  void next() {
    ++sequence;
    if (++position_ == second_.packets.size()) {
      position_ = 0;
      sender.acknowledge(sequence - second_.packets.size() / 20 - 1);
    }
  }

  std::array<std::uint8_t, room> buffer{};
  std::size_t limit = room;
  journal_sender sender;
  std::uint32_t sequence = 0x10000;

private:
  const stream& second_;
  std::size_t position_ = 0;
  hub_time now_{};
};

void send(benchmark::State& state, const stream& second, std::size_t limit = room) {
  player each(second);
  each.limit = limit;
  auto warm_up = 3 * second.packets.size();
  for (std::size_t i = 0; i < warm_up; ++i) {
    each.code();
    each.record();
    each.next();
  }
  auto before = each.sender.counters();
  run_counted(state, 1, [&] {
    benchmark::DoNotOptimize(each.code());
    each.record();
    each.next();
  });
  auto after = each.sender.counters();
  state.counters["octets"] = static_cast<double>(after.octets - before.octets) /
                             static_cast<double>(after.journals - before.journals);
  state.counters["heap"] = static_cast<double>(each.sender.memory());
}

/// Recording and coding together: what a packet costs its sender.
void journal_piano(benchmark::State& state) {
  send(state, piano());
}
BENCHMARK(journal_piano);

void journal_dense(benchmark::State& state) {
  send(state, dense(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(journal_dense)->Arg(1)->Arg(4)->Arg(16);

/// With so little room that each journal is a choice.
void journal_dense_cramped(benchmark::State& state) {
  send(state, dense(static_cast<std::size_t>(state.range(0))), 200);
}
BENCHMARK(journal_dense_cramped)->Arg(1)->Arg(4);

/// Coding alone, with the packet before it recorded.
void journal_encode_dense(benchmark::State& state) {
  auto second = dense(static_cast<std::size_t>(state.range(0)));
  player each(second);
  for (std::size_t i = 0; i < 2 * second.packets.size() + 900; ++i) {
    each.code();
    each.record();
    each.next();
  }
  // The same packet again and again.
  run_counted(state, 1, [&] { benchmark::DoNotOptimize(each.code()); });
}
BENCHMARK(journal_encode_dense)->Arg(1)->Arg(4)->Arg(16);

/// A guard or a packet of another kind while the history does not change.
void journal_encode_unchanged(benchmark::State& state) {
  auto second = dense(1);
  player each(second);
  for (std::size_t i = 0; i < 900; ++i) {
    each.code();
    each.record();
    each.next();
  }
  run_counted(state, 1, [&] {
    benchmark::DoNotOptimize(each.sender.encode(each.buffer, ++each.sequence, hub_time(2s)));
  });
}
BENCHMARK(journal_encode_unchanged);

void journal_encode_empty(benchmark::State& state) {
  auto second = dense(1);
  player each(second);
  for (std::size_t i = 0; i < 900; ++i) {
    each.code();
    each.record();
    each.next();
  }
  each.sender.acknowledge(each.sequence);
  run_counted(state, 1, [&] {
    benchmark::DoNotOptimize(each.sender.encode(each.buffer, ++each.sequence, hub_time(2s)));
  });
}
BENCHMARK(journal_encode_empty);

/// One message to the journals of as many peers.
void journal_record(benchmark::State& state) {
  auto peers = static_cast<std::size_t>(state.range(0));
  std::vector<journal_sender> senders(peers);
  orchestra players;
  std::vector<ump> messages;
  for (int i = 0; i < 4096; ++i)
    messages.push_back(players.next(static_cast<std::uint8_t>(i % 4)));
  std::uint32_t sequence = 0x10000;
  auto step = [&] {
    ++sequence;
    for (auto& sender : senders) {
      sender.record(messages[sequence % messages.size()], sequence);
      if (sequence % 256 == 0)
        sender.acknowledge(sequence - 10);
    }
  };
  for (int i = 0; i < 8192; ++i)
    step();
  run_counted(state, peers, step);
}
BENCHMARK(journal_record)->Arg(1)->Arg(64);

/// What each message costs the receiver while nothing is lost.
void journal_deliver(benchmark::State& state) {
  auto second = dense(1);
  journal_receiver receiver;
  std::size_t i = 0;
  std::uint32_t sequence = 0x10000;
  auto step = [&] {
    receiver.deliver(second.packets[i][0], ++sequence);
    i = (i + 1) % second.packets.size();
  };
  for (std::size_t n = 0; n < second.packets.size(); ++n)
    step();
  run_counted(state, 1, step);
}
BENCHMARK(journal_deliver);

/// A journal of the dense stream: looked at in passing, after a single loss, after many.
void journal_repair(benchmark::State& state) {
  auto second = dense(1);
  player each(second);
  journal_receiver receiver;
  std::size_t octets = 0;
  for (std::size_t i = 0; i < 900; ++i) {
    octets = each.code();
    each.record();
    each.next();
    for (const auto& message : second.packets[i])
      receiver.deliver(message, each.sequence - 1);
  }
  octets = each.code();
  auto lost = static_cast<std::uint32_t>(state.range(0));
  packet_arrival arrival{lost > 0 ? arrival_kind::gap : arrival_kind::next, each.sequence, lost};
  std::vector<event> repairs;
  repair_counters counters;
  decode_error_counters errors{};
  run_counted(state, 1, [&] {
    receiver.repair(byte_view(each.buffer).first(octets), arrival, false, hub_time(2s), repairs,
                    counters, errors);
    repairs.clear();
  });
  state.counters["octets"] = static_cast<double>(octets);
}
BENCHMARK(journal_repair)->Arg(0)->Arg(1)->Arg(20);

} // namespace
