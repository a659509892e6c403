#include "protocol/parameter_state.hpp"

#include <catch2/catch.hpp>

using namespace tutti::protocol;

namespace {

struct change {
  std::uint8_t controller;
  std::uint8_t value;
};

parameter_state after(std::initializer_list<change> changes) {
  parameter_state state;
  std::uint32_t mark = 0;
  for (auto each : changes)
    state.apply(each.controller, each.value, ++mark);
  return state;
}

constexpr auto registered = parameter_kind::registered;
constexpr auto non_registered = parameter_kind::non_registered;

} // namespace

TEST_CASE("a parameter is selected MSB first or LSB first", "[protocol][parameter_state]") {
  parameter_selection wanted{registered, false, 1, 2};
  CHECK(after({{101, 1}, {100, 2}}).selection() == wanted);
  auto lsb_first = after({{100, 2}, {101, 1}});
  CHECK(lsb_first.selection() == parameter_selection{registered, true, 1, 2});
  lsb_first.apply(6, 5, 9);
  CHECK(lsb_first.selection() == wanted);
  CHECK(lsb_first.find(registered, 1, 2)->entry_msb == 5);
}

TEST_CASE("an absent LSB counts as 0, unless the instrument still knows one",
          "[protocol][parameter_state]") {
  CHECK(after({{99, 3}, {6, 1}}).find(non_registered, 3, 0) != nullptr);
  CHECK(after({{99, 3}, {98, 4}, {6, 1}, {99, 5}, {6, 1}}).find(non_registered, 5, 4) != nullptr);
  CHECK(after({{101, 0}, {100, 4}, {99, 5}, {6, 1}}).find(non_registered, 5, 0) != nullptr);
}

TEST_CASE("an absent MSB stays as it was", "[protocol][parameter_state]") {
  CHECK(after({{101, 1}, {100, 2}, {6, 7}, {100, 3}, {6, 8}}).find(registered, 1, 3) != nullptr);
}

TEST_CASE("the null parameter selects nothing, in either order", "[protocol][parameter_state]") {
  CHECK(after({{101, 1}, {100, 2}, {101, 127}, {100, 127}}).selection().kind ==
        parameter_kind::none);
  CHECK(after({{101, 1}, {100, 2}, {100, 127}, {101, 127}}).selection().kind ==
        parameter_kind::none);
  CHECK(after({{99, 127}, {98, 127}}).selection().kind == parameter_kind::none);
  auto closed = after({{101, 1}, {100, 2}, {101, 127}, {100, 127}});
  CHECK_FALSE(closed.apply(6, 1, 9)); // a general controller now
  CHECK(closed.parameters().size() == 1);
}

TEST_CASE("an entry MSB makes the LSB unknown, and either makes the buttons count anew",
          "[protocol][parameter_state]") {
  auto state = after({{101, 0}, {100, 0}, {6, 2}, {38, 3}, {96, 0}, {96, 0}, {97, 0}});
  const auto* entry = state.find(registered, 0, 0);
  CHECK(entry->entry_msb == 2);
  CHECK(entry->entry_lsb == 3);
  CHECK(entry->buttons == 1);
  state.apply(6, 4, 9);
  CHECK(entry->entry_lsb == parameter::none);
  CHECK(entry->buttons == 0);
}

TEST_CASE("buttons stop counting at 14 bits", "[protocol][parameter_state]") {
  auto state = after({{101, 0}, {100, 0}});
  for (int i = 0; i < 20000; ++i)
    state.apply(97, 0, 1);
  CHECK(state.find(registered, 0, 0)->buttons == -16383);
}

TEST_CASE("CC 121 deselects and marks what came before", "[protocol][parameter_state]") {
  auto state = after({{101, 0}, {100, 0}, {6, 2}, {96, 0}});
  state.reset_controllers();
  CHECK(state.selection().kind == parameter_kind::none);
  const auto* entry = state.find(registered, 0, 0);
  CHECK(entry->entry_msb_is_old);
  CHECK(entry->buttons_are_old);
  CHECK(entry->buttons == 1);
  CHECK(entry->fresh_buttons == 0);
}

TEST_CASE("parameters are in the order of their latest command, and the list is bounded",
          "[protocol][parameter_state]") {
  auto state = after({{101, 0}, {100, 0}, {6, 1}, {100, 1}, {6, 1}, {100, 0}, {6, 2}});
  REQUIRE(state.parameters().size() == 2);
  CHECK(state.parameters().back().lsb == 0);
  for (std::uint8_t lsb = 0; lsb < 127; ++lsb) {
    state.apply(100, lsb, 1);
    state.apply(6, 1, 1);
  }
  CHECK(state.parameters().size() == parameter_state::max_parameters);
  CHECK(state.find(registered, 0, 0) == nullptr);
  CHECK(state.find(registered, 0, 126) != nullptr);
}

TEST_CASE("states are equal by selection and values", "[protocol][parameter_state]") {
  CHECK(after({{101, 0}, {100, 0}, {6, 1}, {101, 127}, {100, 127}}) ==
        after({{101, 0}, {100, 5}, {100, 0}, {6, 2}, {6, 1}, {101, 127}, {100, 127}}));
  CHECK_FALSE(after({{101, 0}, {100, 0}}) == after({{101, 0}}));
  CHECK_FALSE(after({{101, 0}, {100, 0}, {6, 1}}) == after({{101, 0}, {100, 0}, {6, 2}}));
}
