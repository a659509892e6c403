#include "protocol/journal/recent_list.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace tutti::protocol;

TEST_CASE("an item that is put again moves to the end", "[protocol][journal][recent_list]") {
  recent_list list;
  list.put({1, 60, 100});
  list.put({2, 62, 100});
  list.put({3, 60, 0});
  REQUIRE(list.items().size() == 2);
  CHECK(list.items()[0].number == 62);
  CHECK(list.items()[1].number == 60);
  CHECK(list.items()[1].value == 0);
}

TEST_CASE("items are dropped by packet, from the oldest on", "[protocol][journal][recent_list]") {
  recent_list list;
  for (std::uint8_t i = 0; i < 10; ++i)
    list.put({0xFFFFFFFCu + i, i, 1}); // over the wrap of packet numbers
  CHECK_FALSE(list.drop_through(0xFFFFFFFBu));
  CHECK(list.drop_through(1));
  CHECK(list.items().size() == 4);
  CHECK(list.items().front().number == 6);
  CHECK_FALSE(list.contains(5));
  CHECK(list.contains(6));
  CHECK(list.drop_through(100));
  CHECK(list.empty());
}

TEST_CASE("a list is what a plain model says", "[protocol][journal][recent_list]") {
  std::mt19937 random(5);
  recent_list list;
  std::vector<history_item> model;
  auto drop_number = [&](std::uint8_t number) {
    std::erase_if(model, [=](const history_item& item) { return item.number == number; });
  };
  for (std::uint32_t packet = 0; packet < 20000; ++packet) {
    auto number = static_cast<std::uint8_t>(random() % (packet % 4000 < 2000 ? 128 : 10));
    if (random() % 10 == 0) {
      list.remove(number);
      drop_number(number);
    } else {
      history_item item{packet, number, static_cast<std::uint8_t>(random())};
      list.put(item);
      drop_number(number);
      model.push_back(item);
    }
    if (random() % 50 == 0) {
      auto through = packet - random() % 100;
      list.drop_through(through);
      std::erase_if(model, [=](const history_item& i) { return !precedes(through, i.sequence); });
    }
    REQUIRE(list.items().size() == model.size());
    for (std::size_t i = 0; i < model.size(); ++i)
      REQUIRE((list.items()[i].sequence == model[i].sequence &&
               list.items()[i].number == model[i].number));
    REQUIRE(list.contains(number) ==
            std::any_of(model.begin(), model.end(), [=](auto& i) { return i.number == number; }));
  }
  CHECK(list.memory() <= 512 * sizeof(history_item));
}
