#include "actors/knock_limit.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace std::chrono_literals;

namespace {

const auto anna = *io::parse_address("10.0.0.1", 5004);
const auto bert = *io::parse_address("10.0.0.2", 5004);
const protocol::hub_time begin(1000s);

int takes(knock_limit& limit, const io::endpoint& from, protocol::hub_time now, int tries = 8192) {
  int taken = 0;
  for (int i = 0; i < tries; ++i)
    taken += limit.take(from.with_port(static_cast<std::uint16_t>(1024 + i)), now);
  return taken;
}

} // namespace

TEST_CASE("a host that knocks too often is not heard for a while", "[actors][admission]") {
  knock_limit limit;
  CHECK(takes(limit, anna, begin) == knock_limit::burst);
  CHECK(takes(limit, anna, begin + 1s) == knock_limit::per_second);
  CHECK(takes(limit, anna, begin + 1h) == knock_limit::burst);
}

TEST_CASE("who knocks every second is always heard, and others' noise is not his",
          "[actors][admission]") {
  knock_limit limit;
  takes(limit, bert, begin);
  for (int second = 0; second < 1000; ++second)
    CHECK(takes(limit, anna, begin + std::chrono::seconds(second), 1) == 1);
}

TEST_CASE("invitations that led to a session do not count", "[actors][admission]") {
  knock_limit limit;
  for (int i = 0; i < 10000; ++i) {
    CHECK(takes(limit, anna, begin, 1) == 1);
    limit.give_back(anna);
  }
}
