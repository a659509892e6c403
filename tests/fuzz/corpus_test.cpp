// Replays every seed of every fuzz target in the ordinary tests, and what lies around the seeds.
// An input that libFuzzer once broke belongs into corpus/TARGET/ and is then replayed for good.
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/source_folder.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace {

namespace fs = std::filesystem;
using input = std::vector<std::uint8_t>;

fs::path corpus() {
  return tutti::test::source_folder() / "tests" / "fuzz" / "corpus";
}

std::vector<fs::path> seeds_of(const tutti::fuzz::target& target) {
  std::vector<fs::path> seeds;
  for (auto& entry : fs::directory_iterator(corpus() / target.name))
    seeds.push_back(entry.path());
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

input read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("every fuzz target has seeds and every corpus a target", "[fuzz]") {
  std::vector<std::string> names;
  for (auto& target : tutti::fuzz::targets()) {
    INFO(target.name);
    CHECK_FALSE(seeds_of(target).empty());
    names.push_back(target.name);
  }
  for (auto& folder : fs::directory_iterator(corpus())) {
    INFO(folder.path());
    CHECK(std::count(names.begin(), names.end(), folder.path().filename().string()) == 1);
  }
}

TEST_CASE("every property holds for every seed", "[fuzz]") {
  for (auto& target : tutti::fuzz::targets())
    for (auto& path : seeds_of(target)) {
      INFO(path);
      CHECK_NOTHROW(target.run(read(path)));
    }
}

TEST_CASE("every property holds for seeds cut short and with octets changed", "[fuzz]") {
  std::mt19937 random(5);
  for (auto& target : tutti::fuzz::targets())
    for (auto& path : seeds_of(target)) {
      auto seed = read(path);
      INFO(path);
      for (std::size_t size = 0; size < std::min<std::size_t>(seed.size(), 64); ++size) {
        INFO("cut to " << size);
        CHECK_NOTHROW(target.run(input(seed.begin(), seed.begin() + std::ptrdiff_t(size))));
      }
      for (int round = 0; round < 50 && !seed.empty(); ++round) {
        auto position = random() % seed.size();
        auto changed = seed;
        changed[position] = static_cast<std::uint8_t>(random());
        INFO("octet " << position << " is " << int(changed[position]));
        CHECK_NOTHROW(target.run(changed));
      }
    }
}
