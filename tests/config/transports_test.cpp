// TCP, multicast and the sound systems out of JSON.
#include "config/load.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;

TEST_CASE("TLS and multicast settings are read", "[config][transports]") {
  auto result = load_text(R"({
    "tcp": {"listen": [{"name": "desk", "port": 21000,
                        "tls": {"certificate": "/etc/desk.pem", "key": "/etc/desk.key"}}],
            "connect": [{"host": "far", "port": 21000, "tls": true, "authorities": "/etc/ca.pem"}]},
    "multicast": [{"name": "one"},
                  {"name": "two", "group": "239.1.2.3", "port": 21929, "interface": "eth0"}],
    "local": {"alsa": {"clock": false, "active_sensing": true}}})");
  REQUIRE(result);
  const auto& settings = result.settings();
  CHECK(settings.tcp.listen[0].tls == tls{"/etc/desk.pem", "/etc/desk.key"});
  CHECK(settings.tcp.connect[0].tls);
  CHECK(settings.tcp.connect[0].authorities == "/etc/ca.pem");
  CHECK(settings.multicast[0] == multicast_cable{"one", "225.0.0.37", 21928, ""});
  CHECK(settings.multicast[1] == multicast_cable{"two", "239.1.2.3", 21929, "eth0"});
  CHECK_FALSE(settings.local.alsa.clock);
  CHECK(settings.local.alsa.active_sensing);
  CHECK(settings.local.jack.clock);
}

TEST_CASE("a multicast group must be one", "[config][transports]") {
  for (auto group : {"192.168.1.1", "ff02::1234", "225.0.0.0/8", "somewhere"}) {
    auto result =
        load_text(std::string(R"({"multicast": [{"name": "one", "group": ")") + group + R"("}]})");
    REQUIRE_FALSE(result);
    CHECK(result.mistakes()[0].path == "/multicast/0/group");
  }
}
