// What a session listens on, while interfaces come and go; the interfaces are imagined, the
// addresses are loopback's.
#include "actors/session_addresses.hpp"
#include "io/log.hpp"

#include <catch2/catch.hpp>

using namespace tutti;

namespace {

io::network_interface interface(std::string name, std::vector<std::string> addresses) {
  io::network_interface out;
  out.index = 1;
  out.name = std::move(name);
  out.up = out.running = true;
  for (const auto& address : addresses)
    out.addresses.push_back({boost::asio::ip::make_address(address), 8});
  return out;
}

struct stage {
  explicit stage(std::vector<std::string> bind, std::uint16_t port = 0)
      : addresses(loop, make(std::move(bind), port), {}) {
    io::set_log_level(io::log_level::off);
  }
  static config::session make(std::vector<std::string> bind, std::uint16_t port) {
    config::session out;
    out.name = "Stage";
    out.port = port;
    out.bind = std::move(bind);
    return out;
  }
  std::string listens() const {
    std::string out;
    for (const auto& where : addresses.listens())
      out += (out.empty() ? "" : " ") + address_text(where);
    return out;
  }

  io::event_loop loop;
  session_addresses addresses;
};

} // namespace

TEST_CASE("a session listens on what an interface has just now", "[actors][session_addresses]") {
  stage s({"wlan0"});
  CHECK_FALSE(s.addresses.follow({interface("eth0", {"127.0.0.9"})}));
  CHECK(s.listens().empty());
  CHECK_FALSE(s.addresses.incomplete());
  CHECK(s.addresses.follow(
      {interface("eth0", {"127.0.0.9"}), interface("wlan0", {"127.0.0.2", "::1"})}));
  CHECK(s.listens() == "127.0.0.2 ::1");
  auto port = s.addresses.control()->local().port;
  CHECK(port != 0);
  CHECK(s.addresses.data()->local().port == port + 1);
  CHECK_FALSE(s.addresses.follow({interface("wlan0", {"127.0.0.2", "::1"})}));
  CHECK(s.addresses.follow({interface("wlan0", {"127.0.0.3", "::1"})})); // another lease
  CHECK(s.listens() == "::1 127.0.0.3");
  for (const auto& where : s.addresses.listens())
    CHECK(where.port == port);
  CHECK(s.addresses.follow({})); // pulled out
  CHECK(s.listens().empty());
  auto down = interface("wlan0", {"127.0.0.3"});
  down.up = false;
  CHECK_FALSE(s.addresses.follow({down}));
}

TEST_CASE("addresses that are not ready, or soon gone, are left alone",
          "[actors][session_addresses]") {
  stage s({"wlan0"});
  auto wlan = interface("wlan0", {"127.0.0.2", "127.0.0.3", "127.0.0.4"});
  wlan.addresses[0].tentative = true;
  wlan.addresses[2].short_lived = true;
  CHECK(s.addresses.follow({wlan}));
  CHECK(s.listens() == "127.0.0.3");
}

TEST_CASE("an address that cannot be had is tried again", "[actors][session_addresses]") {
  io::event_loop loop;
  auto taken = io::bind_udp_pair(loop, *io::parse_address("127.0.0.2", 0));
  stage s({"127.0.0.1", "127.0.0.2", "192.0.2.1"}, taken.control->local().port);
  CHECK(s.addresses.follow({}));
  CHECK(s.listens() == "127.0.0.1");
  CHECK(s.addresses.incomplete());
  taken = {};
  CHECK(s.addresses.follow({}));
  CHECK(s.listens() == "127.0.0.1 127.0.0.2");
  CHECK(s.addresses.incomplete()); // nobody has 192.0.2.1
}

TEST_CASE("all addresses cover each of them", "[actors][session_addresses]") {
  stage both({"127.0.0.1", "::", "lo"});
  CHECK(both.addresses.follow({interface("lo", {"127.0.0.1", "::1"})}));
  CHECK(both.listens() == "::");
  stage four({"0.0.0.0", "lo"});
  CHECK(four.addresses.follow({interface("lo", {"127.0.0.1", "::1"})}));
  CHECK(four.listens() == "0.0.0.0 ::1");
}
