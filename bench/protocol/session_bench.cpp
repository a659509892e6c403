// The session engine: nanoseconds and allocations per message, in and out, journal included.
#include "bench/support/allocations.hpp"
#include "protocol/list_encoder.hpp"
#include "protocol/session/session_engine.hpp"

#include <vector>

namespace {

using namespace tutti::protocol;
using tutti::bench::run_counted;

/// Two engines that are connected; what one sends is handed to the other.
struct connected_pair {
  connected_pair() {
    now = hub_time(std::chrono::hours(1));
    a.invite(now, out_a);
    for (int i = 0; i < 8; ++i) {
      exchange(out_a, b, out_b);
      exchange(out_b, a, out_a);
    }
  }

  void exchange(session_output& from, session_engine& to, session_output& out) {
    for (const auto& item : from.datagrams.items()) {
      auto bytes = from.datagrams.view(item);
      auto command = decode_apple_command(bytes);
      auto received = command ? std::get_if<invitation>(&*command) : nullptr;
      if (received && received->kind == invitation_kind::invite)
        to.on_invited(*received, item.channel, now, out);
      else
        to.on_datagram(item.channel, bytes, now, out);
    }
    from.clear();
  }

  /// Deadlines of both, so that feedback trims the journals.
  void serve_deadlines() {
    a.on_deadline(now, out_a);
    b.on_deadline(now, out_b);
    exchange(out_a, b, out_b);
    exchange(out_b, a, out_a);
    out_a.clear();
    out_b.clear();
  }

  session_identity anna{"Anna", 0xA1A1A1A1}, bert{"Bert", 0xB2B2B2B2};
  session_timing timing;
  session_engine a{anna, timing, 1}, b{bert, timing, 2};
  session_output out_a, out_b;
  hub_time now;
};

std::vector<event> notes(std::size_t count, hub_time now, unsigned turn) {
  std::vector<event> events;
  for (std::size_t i = 0; i < count; ++i)
    events.push_back(
        {make_short(turn & 1 ? 0x80 : 0x90, static_cast<std::uint8_t>(36 + i), 100), now, i == 0});
  return events;
}

/// One packet of range(0) notes from engine to engine, feedback once a second.
void engine_to_engine(benchmark::State& state) {
  connected_pair pair;
  auto count = static_cast<std::size_t>(state.range(0));
  midi_lists lists;
  unsigned turn = 0;
  auto on = notes(count, pair.now, 0), off = notes(count, pair.now, 1);
  run_counted(state, count, [&] {
    const auto& events = turn & 1 ? off : on;
    lists.clear();
    encode_lists(events, lists);
    pair.a.on_events(lists, events, pair.now, pair.out_a);
    pair.exchange(pair.out_a, pair.b, pair.out_b);
    benchmark::DoNotOptimize(pair.out_b.events.data());
    pair.out_b.clear();
    pair.now += std::chrono::milliseconds(1);
    if (++turn % 256 == 0)
      pair.serve_deadlines();
  });
}

/// What each further destination of a batch costs: the list is encoded already.
void engine_sends(benchmark::State& state) {
  connected_pair pair;
  auto count = static_cast<std::size_t>(state.range(0));
  midi_lists lists;
  auto events = notes(count, pair.now, 0);
  encode_lists(events, lists);
  run_counted(state, count, [&] {
    pair.a.on_events(lists, events, pair.now, pair.out_a);
    benchmark::DoNotOptimize(pair.out_a.datagrams.items().data());
    pair.out_a.clear();
  });
}

} // namespace

BENCHMARK(engine_to_engine)->Arg(1)->Arg(8);
BENCHMARK(engine_sends)->Arg(1)->Arg(8);
