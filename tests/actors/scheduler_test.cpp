#include "actors/scheduler.hpp"
#include "tests/support/actor_stage.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace tutti::test;

TEST_CASE_METHOD(imagined_stage, "delayed messages fire at their virtual time",
                 "[actors][scheduler]") {
  auto fired = std::make_shared<std::vector<nanoseconds>>();
  auto start = now();
  auto clock = keep(system().spawn([=, this](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 500ms, 1);
    self->delayed_send(self, 10ms, 2);
    return {[=, this](int) { fired->push_back(now() - start); }};
  }));
  advance(9ms);
  CHECK(fired->empty());
  advance(1ms);
  CHECK(*fired == std::vector<nanoseconds>{10ms});
  advance(10s);
  CHECK(*fired == std::vector<nanoseconds>{10ms, 500ms});
}
