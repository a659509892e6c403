#include "io/event_queue.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti::io;

namespace {

event_text text(std::string content) {
  return std::make_shared<const std::string>(std::move(content));
}

std::string drain(event_queue& queue) {
  std::string out;
  while (!queue.empty())
    out += *queue.pop() + ' ';
  return out;
}

enum : unsigned { ports, taps, meters };

} // namespace

TEST_CASE("events leave in the order they came", "[io][events]") {
  event_queue queue;
  CHECK(queue.push(ports, event_weight::important, text("a")));
  CHECK(queue.push(taps, event_weight::stream, text("b")));
  CHECK(queue.push(meters, event_weight::state, text("c")));
  CHECK(drain(queue) == "a b c ");
  CHECK(queue.octets() == 0);
  CHECK_FALSE(queue.lost_any());
}

TEST_CASE("the newest state takes the place of the one that waits", "[io][events]") {
  event_queue queue;
  queue.push(meters, event_weight::state, text("old"));
  queue.push(ports, event_weight::important, text("x"));
  CHECK_FALSE(queue.push(meters, event_weight::state, text("new!")));
  CHECK(queue.octets() == 5);
  CHECK(drain(queue) == "new! x ");
  CHECK_FALSE(queue.lost_any()); // nothing that the newest one does not say
}

TEST_CASE("a full queue gives up the oldest of a stream, and counts it", "[io][events]") {
  event_queue queue({3, 1000});
  queue.push(ports, event_weight::important, text("p"));
  queue.push(taps, event_weight::stream, text("1"));
  queue.push(taps, event_weight::stream, text("2"));
  CHECK_FALSE(queue.push(taps, event_weight::stream, text("3")));
  CHECK_FALSE(queue.push(ports, event_weight::important, text("q")));
  auto losses = queue.take_losses();
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].what == taps);
  CHECK(losses[0].events == 2);
  CHECK_FALSE(queue.lost_any());
  CHECK(drain(queue) == "p 3 q ");
}

TEST_CASE("what matters goes only when nothing else is left", "[io][events]") {
  event_queue queue({2, 1000});
  for (auto name : {"a", "b", "c"})
    queue.push(ports, event_weight::important, text(name));
  CHECK(queue.take_losses().at(0).events == 1);
  CHECK(drain(queue) == "b c ");
}

TEST_CASE("octets are bounded too, but the newest event is always kept", "[io][events]") {
  event_queue queue({100, 10});
  queue.push(taps, event_weight::stream, text("12345678"));
  CHECK_FALSE(queue.push(taps, event_weight::stream, text(std::string(50, 'x'))));
  CHECK(queue.size() == 1);
  CHECK(queue.octets() == 50);
}

TEST_CASE("whatever happens the bounds hold and every event is sent, waits or is counted",
          "[io][events]") {
  std::mt19937 random(3);
  event_queue queue({20, 200});
  std::size_t pushed = 0, popped = 0, lost = 0, replaced = 0;
  for (int round = 0; round < 20000; ++round) {
    if (random() % 3 == 0 && !queue.empty()) {
      queue.pop();
      ++popped;
      continue;
    }
    auto before = queue.size();
    auto weight = static_cast<event_weight>(random() % 3);
    auto kept = queue.push(random() % 4, weight, text(std::string(random() % 30, 'x')));
    ++pushed;
    std::size_t dropped = 0;
    for (const auto& loss : queue.take_losses())
      dropped += loss.events;
    lost += dropped;
    auto in_place = before + 1 - dropped - queue.size(); // a state that took another's place
    CHECK(in_place <= (weight == event_weight::state ? 1u : 0u));
    CHECK(kept == (dropped == 0 && in_place == 0));
    replaced += in_place;
    CHECK(queue.size() <= 20);
    CHECK((queue.octets() <= 200 || queue.size() == 1));
  }
  CHECK(pushed == popped + lost + replaced + queue.size());
}
