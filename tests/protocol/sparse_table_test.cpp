#include "protocol/sparse_table.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace tutti::protocol;

TEST_CASE("a sparse table is what a map is", "[protocol][sparse_table]") {
  std::mt19937 random(1);
  sparse_table<std::uint8_t> table;
  std::map<std::uint8_t, std::uint8_t> model;
  for (int i = 0; i < 20000; ++i) {
    auto key = static_cast<std::uint8_t>(random() % 128);
    auto value = static_cast<std::uint8_t>(random());
    switch (random() % 5) {
    case 0:
    case 1:
      table.set(key, value);
      model[key] = value;
      break;
    case 2:
    case 3:
      table.erase(key);
      model.erase(key);
      break;
    default:
      if (random() % 200 == 0) {
        table.clear();
        model.clear();
      }
    }
    REQUIRE(table.size() == model.size());
    REQUIRE(table.contains(key) == (model.count(key) == 1));
    if (model.count(key) == 1)
      REQUIRE(*table.find(key) == model[key]);
  }
  auto expected = model.begin();
  table.for_each([&](std::uint8_t key, std::uint8_t value) {
    CHECK(key == expected->first);
    CHECK(value == expected->second);
    ++expected;
  });
  CHECK(expected == model.end());
}

TEST_CASE("at_or gives what is there, or what is given", "[protocol][sparse_table]") {
  sparse_table<std::uint8_t> table;
  CHECK(table.at_or(127, 5) == 5);
  table.at_or(127, 9) = 7;
  CHECK(*table.find(127) == 7);
  CHECK(table.find(0) == nullptr);
}
