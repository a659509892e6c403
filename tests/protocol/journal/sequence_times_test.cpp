#include "protocol/journal/sequence_times.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;
using namespace std::chrono_literals;

TEST_CASE("packets are young for about as long as asked", "[protocol][journal][sequence_times]") {
  sequence_times times;
  constexpr auto age = 200ms;
  for (std::uint32_t packet = 0; packet < 5000; ++packet) {
    times.on_packet(packet, hub_time(packet * 1ms), age);
    auto oldest = packet - times.young_from(); // ms, as there is one packet each
    REQUIRE(oldest <= 200);
    if (packet > 200)
      REQUIRE(oldest >= 200 - 200 / 8 - 1);
  }
}

TEST_CASE("after a pause only the newest packet is young", "[protocol][journal][sequence_times]") {
  sequence_times times;
  for (std::uint32_t packet = 0; packet < 10; ++packet)
    times.on_packet(packet, hub_time(packet * 50ms), 200ms);
  times.on_packet(10, hub_time(1h), 200ms);
  CHECK(times.young_from() == 10);
}
