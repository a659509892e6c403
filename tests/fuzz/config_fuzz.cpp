// Any text as a configuration.
// Holds: it is read or refused with mistakes in our own words, at most so many; what is read means
// the same when its rules are read again from their own text.
#include "config/load.hpp"
#include "config/read_rule.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace tutti::config;
using tutti::fuzz::require;

namespace {

void read_again(const rule& first) {
  mistakes found;
  auto second = load_rule(nlohmann::json::parse(first.text), "", found);
  require(second && *second == first, "a rule's text means the rule");
}

} // namespace

TUTTI_FUZZ_TARGET(config, input) {
  auto result = load_text({reinterpret_cast<const char*>(input.data()), input.size()});
  if (!result) {
    require(!result.mistakes().empty(), "what is refused has a mistake");
    require(result.mistakes().size() <= max_reported_mistakes, "mistakes are bounded");
    for (const auto& mistake : result.mistakes()) {
      require(!mistake.found.empty() && !mistake.allowed.empty(), "a mistake says all");
      require(mistake.allowed != "what the schema says", "every mistake has its own words");
    }
    return;
  }
  for (const auto& rule : result.settings().rules)
    read_again(rule);
  for (const auto& scene : result.settings().scenes)
    for (const auto& rule : scene.rules)
      read_again(rule);
}
