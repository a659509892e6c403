#include "io/interface_watcher.hpp"

#include <catch2/catch.hpp>

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <set>

using namespace std::chrono_literals;
using namespace tutti::io;

// Changes are tested in network namespaces by discovery-lanes; here, the list at the start.

TEST_CASE("the list has the interfaces and addresses that libc tells", "[io][interface_watcher]") {
  boost::asio::io_context loop;
  interface_watcher watcher(loop, [](const auto&) {});
  const auto list = watcher.list();
  std::set<std::string> ours, theirs;
  for (const auto& interface : list) {
    CHECK(interface.index == ::if_nametoindex(interface.name.c_str()));
    for (const auto& assigned : interface.addresses)
      ours.insert(interface.name + " " + assigned.address.to_string());
  }
  ifaddrs* all = nullptr;
  REQUIRE(::getifaddrs(&all) == 0);
  for (const auto* entry = all; entry; entry = entry->ifa_next) {
    const auto* address = entry->ifa_addr;
    if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
      continue;
    boost::asio::ip::address value;
    if (address->sa_family == AF_INET) {
      value = boost::asio::ip::address_v4(
          ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
    } else {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
      boost::asio::ip::address_v6::bytes_type octets;
      std::copy_n(v6->sin6_addr.s6_addr, octets.size(), octets.begin());
      value = boost::asio::ip::address_v6(octets, v6->sin6_scope_id);
    }
    theirs.insert(std::string(entry->ifa_name) + " " + value.to_string());
  }
  ::freeifaddrs(all);
  CHECK(ours == theirs);
}

TEST_CASE("loopback is up and known as such", "[io][interface_watcher]") {
  boost::asio::io_context loop;
  interface_watcher watcher(loop, [](const auto&) {});
  const auto list = watcher.list();
  const auto lo =
      std::find_if(list.begin(), list.end(), [](const auto& i) { return i.name == "lo"; });
  REQUIRE(lo != list.end());
  CHECK(lo->up);
  CHECK(lo->running);
  CHECK(lo->loopback);
}

TEST_CASE("nothing is told while nothing changes", "[io][interface_watcher]") {
  boost::asio::io_context loop;
  int told = 0;
  interface_watcher watcher(loop, [&](const auto&) { ++told; });
  loop.run_for(30ms);
  CHECK(told == 0);
}
