#include "io/address_order.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace tutti::io;
namespace ip = boost::asio::ip;
using ip::udp;

namespace {

network_interface eth() {
  network_interface result;
  result.index = 4002; // no real one: scopes print as numbers
  result.name = "eth0";
  result.up = true;
  result.addresses = {{ip::make_address("10.0.0.1"), 24},
                      {ip::make_address("fd00::1"), 64},
                      {ip::make_address("169.254.3.1"), 16}};
  return result;
}

udp::endpoint at(const char* address) {
  const std::string text = address;
  const auto percent = text.find('%');
  if (percent == std::string::npos)
    return {ip::make_address(text), 5004};
  auto v6 = ip::make_address_v6(text.substr(0, percent));
  v6.scope_id(std::stoul(text.substr(percent + 1)));
  return {v6, 5004};
}

std::string order(std::vector<const char*> addresses, const char* preferred = nullptr) {
  std::vector<udp::endpoint> endpoints;
  for (const auto* address : addresses)
    endpoints.push_back(at(address));
  const auto last = preferred ? at(preferred) : udp::endpoint();
  std::ostringstream text;
  for (const auto& endpoint : order_endpoints(endpoints, {eth()}, preferred ? &last : nullptr))
    text << endpoint.address() << ' ';
  return text.str();
}

} // namespace

TEST_CASE("families take turns, IPv6 first if both are as near", "[io][address_order]") {
  CHECK(order({"10.0.0.7", "10.0.0.8", "fd00::7", "fd00::8"}) ==
        "fd00::7 10.0.0.7 fd00::8 10.0.0.8 ");
}

TEST_CASE("a local subnet comes before link-local, and that before the rest",
          "[io][address_order]") {
  CHECK(order({"2001:db8::1", "fe80::7%4002", "fd00::7"}) == "fd00::7 fe80::7%4002 2001:db8::1 ");
  CHECK(order({"192.168.7.7", "169.254.3.7", "10.0.0.7"}) == "10.0.0.7 169.254.3.7 192.168.7.7 ");
}

TEST_CASE("the nearer family begins", "[io][address_order]") {
  CHECK(order({"fe80::7%4002", "10.0.0.7"}) == "10.0.0.7 fe80::7%4002 ");
  CHECK(order({"2001:db8::1", "10.0.0.7"}) == "10.0.0.7 2001:db8::1 ");
  CHECK(order({"10.99.0.7", "fe80::7%4002"}) == "fe80::7%4002 10.99.0.7 ");
  CHECK(order({"127.0.0.1", "fd00::7"}) == "127.0.0.1 fd00::7 ");
}

TEST_CASE("the address that answered last begins", "[io][address_order]") {
  CHECK(order({"10.0.0.7", "fd00::7", "192.168.7.7"}, "192.168.7.7") ==
        "192.168.7.7 fd00::7 10.0.0.7 ");
  CHECK(order({"10.0.0.7"}, "10.0.0.99") == "10.0.0.7 "); // it is not announced any more
}

TEST_CASE("what cannot be sent to is left out", "[io][address_order]") {
  CHECK(order({"fe80::7", "0.0.0.0", "::", "224.0.0.251", "ff02::fb"}) == "");
}

TEST_CASE("an address is tried once, however it is written", "[io][address_order]") {
  CHECK(order({"10.0.0.7", "::ffff:10.0.0.7", "10.0.0.7"}) == "10.0.0.7 ");
}

TEST_CASE("a subnet ends where its prefix does", "[io][address_order]") {
  auto odd = eth();
  odd.addresses = {{ip::make_address("10.0.4.1"), 22}};
  CHECK(nearness_of(ip::make_address("10.0.7.255"), {odd}) == nearness::local_subnet);
  CHECK(nearness_of(ip::make_address("10.0.8.0"), {odd}) == nearness::remote);
  odd.up = false;
  CHECK(nearness_of(ip::make_address("10.0.7.255"), {odd}) == nearness::remote);
}

TEST_CASE("hostile numbers of addresses are cut", "[io][address_order]") {
  std::vector<udp::endpoint> many;
  for (unsigned i = 1; i < 100; ++i)
    many.emplace_back(ip::address_v4(0x0A000000u + i), 5004);
  CHECK(order_endpoints(many, {}).size() == max_candidates);
}
