// Repairs that another project's receiver asks for, from its own test suite.
#include "protocol/journal/journal_receiver.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/midi_bytes.hpp"
#include "tests/support/vectors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tutti::protocol;
using namespace tutti::test;

namespace {

/// "any velocity" is written as a Note Off of two octets.
bool matches(const std::string& expected, const std::string& given) {
  return expected == given ||
         (expected.size() == 4 && expected[0] == '8' && given.substr(0, 4) == expected);
}

} // namespace

TEST_CASE("repairs are those of an independent receiver", "[protocol][journal]") {
  for (const auto& vector : load_vectors("journal_repair")) {
    INFO(vector["id"] << " " << vector["sub"]);
    const auto& meaning = vector["meaning"];
    std::uint32_t base = 0x10000;
    journal_receiver receiver;
    for (const auto& prior : meaning["prior"]) {
      auto packet = base + prior[0].get<std::uint32_t>();
      for (const auto& message : messages_of(hex(prior[1].get<std::string>())))
        receiver.deliver(message, packet);
    }
    auto before = base + meaning["highest_before"].get<std::uint32_t>();
    auto packet = base + meaning["packet_seq"].get<std::uint32_t>();
    packet_arrival arrival{arrival_kind::gap, packet, packet - before - 1};
    repair_counters counters;
    decode_error_counters errors{};
    std::vector<event> repairs;
    auto journal = hex(vector["hex"].get<std::string>());
    receiver.repair(journal, arrival, false, hub_time{}, repairs, counters, errors);
    CHECK(errors == decode_error_counters{});

    std::vector<std::string> given = bytes_of(repairs);
    for (const auto& wanted : meaning["expects"]) {
      auto found = std::find_if(given.begin(), given.end(), [&](const std::string& message) {
        return matches(wanted, message);
      });
      CHECKED_IF(found != given.end()) {
        given.erase(found);
      }
      else {
        FAIL_CHECK("not repaired: " << wanted);
      }
    }
    CHECK(given == std::vector<std::string>{}); // nothing else

    // The same journal once more repairs nothing: what was repaired is known.
    repairs.clear();
    arrival.sequence = packet + 1;
    auto again = journal;
    receiver.repair(again, {arrival_kind::gap, packet + 2, 1}, false, hub_time{}, repairs, counters,
                    errors);
    CHECK(bytes_of(repairs) == std::vector<std::string>{});
  }
}
