// The system's own filter over loopback: what it drops, and that nobody else's is among it.
#include "io/flood_filter.hpp"
#include "tests/io/udp_test.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::io;
using namespace tutti::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t own_ssrc = 0x0A0B0C0D;
const auto own = hex("8061 0001 00000001 0A0B0C0D 03 90 3C 64");
const auto foreign = hex("8061 0001 00000001 0A0B0C0E 03 90 3C 64");
const auto command = hex("FFFF 434B 0A0B0C0E 00000000");

} // namespace

TEST_CASE("a flooding address is heard under its own SSRC only, all others as before",
          "[io][flood_filter]") {
  auto family = GENERATE(AF_INET, AF_INET6);
  auto where = GENERATE_COPY(values({any(), family == AF_INET ? v4() : v6()}));
  event_loop loop;
  listening server(loop, where);
  auto to = (family == AF_INET ? v4() : v6()).with_port(server.socket->local().port);
  plain_socket flooding(family);
  plain_socket other(family);
  for (int i = 0; i < 5; ++i) // others that flood as well
    server.socket->drop_foreign(v4(static_cast<std::uint16_t>(i + 1)), 1, 1h);
  server.socket->drop_foreign(flooding.local, own_ssrc, 1h);

  flooding.send(to, foreign);
  flooding.send(to, own);
  flooding.send(to, command);
  flooding.send(to, hex("80"));
  other.send(to, foreign);
  turn_until(loop, [&] { return server.received.size() >= 3; });
  turn_for(loop, 5ms);
  CHECK(server.received == std::vector{own, command, foreign});
  CHECK(server.socket->counters().system_drops == 2);

  server.socket->drop_foreign(flooding.local, 0, 0ms);
  flooding.send(to, foreign);
  turn_until(loop, [&] { return server.received.size() >= 4; });
  CHECK(server.received.back() == foreign);
  CHECK(server.received.size() == 4);
}

TEST_CASE("what is dropped is dropped for the time that was asked for", "[io][flood_filter]") {
  event_loop loop;
  listening server(loop);
  plain_socket flooding;
  server.socket->drop_foreign(flooding.local, own_ssrc, 20ms);
  flooding.send(server.socket->local(), foreign);
  turn_for(loop, 40ms);
  CHECK(server.received.empty());
  flooding.send(server.socket->local(), foreign);
  CHECK(turn_until(loop, [&] { return server.received.size() == 1; }));
  CHECK(server.socket->counters().system_drops == 1);
  // A socket that closes while it filters leaves nothing behind.
  server.socket->drop_foreign(flooding.local, own_ssrc, 20ms);
  server.socket->close();
  server.socket->drop_foreign(flooding.local, own_ssrc, 20ms);
  turn_for(loop, 40ms);
  CHECK(server.socket->counters().system_drops == 1);
}

TEST_CASE("datagrams for which the system's buffer had no room are counted", "[io][flood_filter]") {
  event_loop loop;
  udp_options small;
  small.buffer_octets = 4096;
  listening server(loop, v4(), small);
  plain_socket client;
  constexpr unsigned count = 1000;
  for (unsigned i = 0; i < count; ++i)
    client.send(server.socket->local(), numbered(i, 100));
  turn_for(loop, 5ms);
  CHECK(server.received.size() < count);
  CHECK(server.received.size() + server.socket->counters().system_drops == count);
}

TEST_CASE("the filter names a bounded number of addresses; what ends first gives way",
          "[io][flood_filter]") {
  flood_filter filter;
  flood_filter::time_point begin{};
  constexpr auto most = flood_filter::max_sources;
  for (std::size_t i = 0; i <= most; ++i)
    filter.add(v6(static_cast<std::uint16_t>(i + 1)), own_ssrc, begin + (i + 1) * 1s);
  CHECK(filter.program().size() < BPF_MAXINSNS);
  CHECK_FALSE(filter.remove(v6(1)));
  CHECK(filter.next_expiry() == begin + 2s);
  CHECK_FALSE(filter.expire(begin + 1s));
  CHECK(filter.expire(begin + most * 1s));
  CHECK_FALSE(filter.empty());
  CHECK(filter.remove(v6(most + 1)));
  CHECK(filter.empty());
  CHECK(filter.next_expiry() == flood_filter::time_point::max());
}
