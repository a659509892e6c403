// Who may join, and who is invited.
#include "config/admission.hpp"
#include "config/load.hpp"

#include <catch2/catch.hpp>

using namespace tutti::config;

namespace {

using octets = std::vector<std::uint8_t>;
const octets home{192, 168, 1, 7}, away{8, 8, 8, 8};

address_octets mapped(const octets& v4) {
  address_octets out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::copy(v4.begin(), v4.end(), out.begin() + 12);
  return out;
}

invitations policy(const std::string& name) {
  auto result = load_document({{"sessions",
                                {{{"invitations",
                                   {{"policy", name},
                                    {"addresses", {"192.168.1.0/24"}},
                                    {"names", {"Anna*", "/guest/i"}}}}}}}});
  REQUIRE(result);
  return result.settings().sessions[0].invitations;
}

} // namespace

TEST_CASE("an invitation is judged by the session's policy", "[config][admission]") {
  using enum admission;
  CHECK(admit(policy("open"), away, "Bob") == accept);
  CHECK(admit(policy("closed"), home, "Anna") == refuse);
  for (auto [name, otherwise] : {std::pair("list", refuse), std::pair("ask", ask)}) {
    CHECK(admit(policy(name), home, "Bob") == accept);
    CHECK(admit(policy(name), away, "Anna's iPad") == accept);
    CHECK(admit(policy(name), away, "The Guests") == accept);
    CHECK(admit(policy(name), away, "Bob") == otherwise);
  }
}

TEST_CASE("the first connect rule that fits decides", "[config][admission]") {
  auto result = load_document({{"discovery",
                                {{"connect",
                                  {{{"host", {"/neighbour/"}}, {"when", "never"}},
                                   {{"service", {"Synth*"}},
                                    {"except", {"Synth test"}},
                                    {"addresses", {"192.168.1.0/24"}},
                                    {"when", "on_demand"}},
                                   {{"service", {"Piano"}}},
                                   {{"host", {"desk"}}}}}}}});
  REQUIRE(result);
  const auto& rules = result.settings().discovery.connect;
  auto decide = [&](const char* service, const char* host, const octets& address) {
    // As a second address, the one that is in no rule's range comes first.
    std::array<address_octets, 2> addresses{mapped(away), mapped(address)};
    return find_connect_rule(rules, {service, host, addresses});
  };
  CHECK(decide("Synth 1", "mac.local", home) == &rules[1]);
  CHECK(decide("Synth 1", "neighbours-mac.local", home) == &rules[0]);
  CHECK(decide("Synth 1", "mac.local", away) == nullptr);
  CHECK(decide("Synth test", "mac.local", home) == nullptr);
  CHECK(decide("Piano", "mac.local", away) == &rules[2]);
  CHECK(decide("Drums", "desk.local", away) == &rules[3]);
  CHECK(decide("Drums", "desktop.local", away) == nullptr);
  CHECK(rules[2].when == connect_when::always);
}
