#include "io/name_lookup.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace tutti::io;
namespace ip = boost::asio::ip;

namespace {

struct fixture {
  boost::asio::io_context loop;
  std::vector<name_result> results;

  name_lookup::handler keep() {
    return [this](name_result result) { results.push_back(std::move(result)); };
  }
  void wait_for(std::size_t count) {
    auto work = boost::asio::make_work_guard(loop);
    for (int i = 0; i < 1000 && results.size() < count; ++i)
      loop.run_one_for(10ms);
    REQUIRE(results.size() == count);
  }
};

} // namespace

TEST_CASE("an address is its own result, told on the next turn", "[io][name_lookup]") {
  fixture f;
  name_lookup names(f.loop);
  names.find("10.0.0.7", 5004, f.keep());
  names.find("fd00::7", 5006, f.keep());
  CHECK(f.results.empty());
  f.wait_for(2);
  CHECK(f.results[0].endpoints ==
        std::vector<ip::udp::endpoint>{{ip::make_address("10.0.0.7"), 5004}});
  CHECK(f.results[1].endpoints ==
        std::vector<ip::udp::endpoint>{{ip::make_address("fd00::7"), 5006}});
}

TEST_CASE("a name of this machine is found off the loop", "[io][name_lookup]") {
  fixture f;
  name_lookup names(f.loop);
  names.find("localhost", 5004, f.keep());
  f.wait_for(1);
  REQUIRE_FALSE(f.results[0].endpoints.empty());
  for (const auto& endpoint : f.results[0].endpoints) {
    CHECK(endpoint.address().is_loopback());
    CHECK(endpoint.port() == 5004);
  }
}

TEST_CASE("a name that cannot be is an error with a reason", "[io][name_lookup]") {
  fixture f;
  name_lookup names(f.loop);
  names.find("not a name", 5004, f.keep());
  names.find("", 5004, f.keep());
  f.wait_for(2);
  for (const auto& result : f.results) {
    CHECK(result.endpoints.empty());
    CHECK_FALSE(result.error.empty());
  }
}

TEST_CASE("names beyond the limit are refused, all others answered", "[io][name_lookup]") {
  fixture f;
  name_lookup names(f.loop);
  const auto count = name_lookup::max_waiting + name_lookup::max_threads + 100;
  for (std::size_t i = 0; i < count; ++i)
    names.find("localhost", 5004, f.keep());
  f.wait_for(count);
}

TEST_CASE("no handler is called after the lookup is destroyed", "[io][name_lookup]") {
  fixture f;
  {
    name_lookup names(f.loop);
    for (int i = 0; i < 8; ++i)
      names.find("localhost", 5004, f.keep());
    names.find("10.0.0.7", 5004, f.keep());
  }
  f.loop.run_for(50ms);
  CHECK(f.results.empty());
}
