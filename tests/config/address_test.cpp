// Hosts with ports and networks, as people write them.
#include "config/address.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;

TEST_CASE("hosts are read with and without a port", "[config][address]") {
  struct row {
    const char* text;
    const char* host;
    unsigned port;
  };
  for (auto [text, host, port] :
       {row{"mac.local", "mac.local", 5004}, row{"mac:1", "mac", 1},
        row{"10.0.0.2:65535", "10.0.0.2", 65535}, row{"::1", "::1", 5004},
        row{"fe80::1%eth0", "fe80::1%eth0", 5004}, row{"[::1]", "::1", 5004},
        row{"[fe80::1%eth0]:7", "fe80::1%eth0", 7},
        row{"Anna’s-Mac.local:5006", "Anna’s-Mac.local", 5006}}) {
    INFO(text);
    auto read = parse_host_port(text, 5004);
    REQUIRE(read);
    CHECK(read->host == host);
    CHECK(read->port == port);
  }
}

TEST_CASE("what is no host is refused", "[config][address]") {
  for (auto text : {"", ":5004", "mac:", "mac:0", "mac:65536", "mac:50x", "[::1", "[::1]5004",
                    "[mac]:1", "a b", "http://mac", "fe80::1%", "1:2:3"})
    CHECK_FALSE(parse_host_port(text, 5004));
}

TEST_CASE("networks hold what lies in them, in either family", "[config][address]") {
  using octets = std::vector<std::uint8_t>;
  auto home = parse_address_range("192.168.1.77/24");
  REQUIRE(home);
  CHECK(home == parse_address_range("192.168.1.0/24"));
  CHECK(home->contains(octets{192, 168, 1, 200}));
  CHECK_FALSE(home->contains(octets{192, 168, 2, 200}));
  CHECK(home->contains(octets{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 168, 1, 9}));
  auto odd = parse_address_range("10.0.0.0/9");
  REQUIRE(odd);
  CHECK(odd->contains(octets{10, 127, 0, 1}));
  CHECK_FALSE(odd->contains(octets{10, 128, 0, 1}));
  auto link = parse_address_range("fe80::/10");
  REQUIRE(link);
  CHECK(link->contains(octets{0xFE, 0xBF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  CHECK_FALSE(link->contains(octets{10, 0, 0, 1}));
  CHECK(parse_address_range("0.0.0.0/0")->contains(octets{1, 2, 3, 4}));
  CHECK(parse_address_range("::1")->bits == 128);
  CHECK_FALSE(home->contains(octets{1, 2, 3}));
  for (auto text : {"", "/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/8x"})
    CHECK_FALSE(parse_address_range(text));
}
