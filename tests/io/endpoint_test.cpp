// Addresses: literals, both families, and that one host is one host whichever socket met it.
#include "io/endpoint.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <unordered_set>

using namespace tutti::io;

namespace {

std::string round_trip(std::string_view text) {
  auto parsed = parse_address(text, 5004);
  return parsed ? to_string(*parsed) : "none";
}

} // namespace

TEST_CASE("literals of both families are read and written", "[io][endpoint]") {
  CHECK(round_trip("10.0.0.7") == "10.0.0.7:5004");
  CHECK(round_trip("0.0.0.0") == "0.0.0.0:5004");
  CHECK(round_trip("2001:db8::1") == "[2001:db8::1]:5004");
  CHECK(round_trip("[2001:DB8:0:0::1]") == "[2001:db8::1]:5004");
  CHECK(round_trip("::") == "[::]:5004");
  CHECK(round_trip("::ffff:10.0.0.7") == "10.0.0.7:5004");
}

TEST_CASE("what is no literal is none", "[io][endpoint]") {
  for (auto text :
       {"", "localhost", "10.0.0", "10.0.0.256", "10.0.0.7:5004", "[10.0.0.7", "::1]", "1::2::3",
        "fe80::1%", "fe80::1%nosuchdevice", "10.0.0.7%lo", "[]", " ::1", "%1"})
    CHECK_FALSE(parse_address(text));
}

TEST_CASE("a scope is a name or an index", "[io][endpoint]") {
  auto index = ::if_nametoindex("lo");
  REQUIRE(index > 0);
  auto by_name = parse_address("fe80::1%lo");
  auto by_index = parse_address("[fe80::1%" + std::to_string(index) + "]");
  REQUIRE(by_name);
  REQUIRE(by_index);
  CHECK(by_name->scope == index);
  CHECK(*by_name == *by_index);
  CHECK(address_text(*by_name) == "fe80::1%" + std::to_string(index));
  CHECK_FALSE(parse_address("fe80::1%0"));
}

// Datagrams of such a host came without the scope, so it was never recognised.
TEST_CASE("a scope on an address that needs none is dropped", "[io][endpoint]") {
  auto with = parse_address("2001:db8::1%lo", 5004);
  REQUIRE(with);
  CHECK(*with == *parse_address("2001:db8::1", 5004));
  CHECK(*parse_address("::ffff:169.254.1.1%lo") == *parse_address("169.254.1.1"));
}

TEST_CASE("kinds of addresses are told apart", "[io][endpoint]") {
  auto is = [](const char* text, bool (endpoint::*property)() const noexcept) {
    return (parse_address(text).value().*property)();
  };
  CHECK(is("10.0.0.7", &endpoint::is_v4));
  CHECK_FALSE(is("::1", &endpoint::is_v4));
  CHECK_FALSE(is("::10.0.0.7", &endpoint::is_v4)); // compatible, not mapped
  CHECK(is("0.0.0.0", &endpoint::is_unspecified));
  CHECK(is("::", &endpoint::is_unspecified));
  CHECK_FALSE(is("0.0.0.1", &endpoint::is_unspecified));
  CHECK_FALSE(is("::1", &endpoint::is_unspecified));
  CHECK(is("127.9.9.9", &endpoint::is_loopback));
  CHECK(is("::1", &endpoint::is_loopback));
  CHECK_FALSE(is("128.0.0.1", &endpoint::is_loopback));
  CHECK_FALSE(is("1::1", &endpoint::is_loopback));
  CHECK_FALSE(is("0.0.0.1", &endpoint::is_loopback));
  CHECK(is("169.254.0.1", &endpoint::is_link_local));
  CHECK_FALSE(is("169.253.0.1", &endpoint::is_link_local));
  CHECK(is("febf::1%lo", &endpoint::is_link_local));
  CHECK_FALSE(is("fec0::1", &endpoint::is_link_local));
}

TEST_CASE("addresses survive the socket calls of either family", "[io][endpoint]") {
  for (auto text : {"10.0.0.7", "127.0.0.1", "0.0.0.0"}) {
    auto where = parse_address(text, 65535).value();
    auto v4 = to_socket_address(where, AF_INET);
    CHECK(v4.size == sizeof(sockaddr_in));
    CHECK(from_socket_address(v4.get()) == where);
    auto mapped = to_socket_address(where, AF_INET6);
    CHECK(mapped.size == sizeof(sockaddr_in6));
    CHECK(from_socket_address(mapped.get()) == where);
  }
  for (auto text : {"::1", "2001:db8::ff", "fe80::1%lo"}) {
    auto where = parse_address(text, 1).value();
    auto address = to_socket_address(where, AF_INET6);
    CHECK(from_socket_address(address.get()) == where);
  }
  sockaddr_in known{};
  known.sin_family = AF_INET;
  known.sin_port = htons(5004);
  ::inet_pton(AF_INET, "192.168.1.2", &known.sin_addr);
  CHECK(to_string(from_socket_address(reinterpret_cast<sockaddr*>(&known))) == "192.168.1.2:5004");
}

TEST_CASE("the kernel's scope of a global address is not kept", "[io][endpoint]") {
  auto where = parse_address("2001:db8::1", 5004).value();
  auto address = to_socket_address(where, AF_INET6);
  address.v6.sin6_scope_id = 7;
  CHECK(from_socket_address(address.get()) == where);
}

TEST_CASE("hosts are compared without their ports", "[io][endpoint]") {
  auto one = parse_address("10.0.0.7", 5004).value();
  CHECK(one.same_host(one.with_port(5005)));
  CHECK(one != one.with_port(5005));
  CHECK_FALSE(one.same_host(parse_address("10.0.0.8", 5004).value()));
  auto link = parse_address("fe80::1%lo", 5004).value();
  auto other = link;
  other.scope += 1;
  CHECK_FALSE(link.same_host(other));
}

TEST_CASE("endpoints that differ little hash differently", "[io][endpoint]") {
  std::unordered_set<std::size_t> hashes;
  for (unsigned host = 0; host < 64; ++host)
    for (unsigned port = 5000; port < 5064; ++port) {
      auto where = parse_address("10.0.0." + std::to_string(host)).value();
      hashes.insert(endpoint_hash{}(where.with_port(static_cast<std::uint16_t>(port))));
      auto v6 = parse_address("2001:db8::" + std::to_string(host)).value();
      hashes.insert(endpoint_hash{}(v6.with_port(static_cast<std::uint16_t>(port))));
    }
  CHECK(hashes.size() > 8100); // of 8192
}
