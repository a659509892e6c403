// The queue between JACK's thread and the loop: records whole, in order, at every place of the
// ring.
#include "io/record_ring.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <thread>
#include <vector>

using tutti::io::record_ring;

namespace {

/// A record whose octets tell which one it is.
struct numbered {
  explicit numbered(std::uint32_t number, std::size_t size)
      : head{-std::int64_t(number), number, std::uint32_t(size)}
      , octets(size, std::uint8_t(number)) {}
  record_ring::head head;
  std::vector<std::uint8_t> octets;
};

/// Up to 600 octets, so that the ring of the tests wraps anywhere.
std::size_t size_of(std::uint32_t number) {
  return std::minstd_rand(number + 1)() % 600;
}

/// Takes the next record, which must be this one; false if there is none.
bool take(record_ring& ring, std::uint32_t number) {
  auto head = ring.front();
  if (!head)
    return false;
  numbered expected(number, size_of(number));
  std::vector<std::uint8_t> octets(head->size);
  auto same = head->at == expected.head.at && head->port == number;
  ring.pop(octets.data());
  if (!same || octets != expected.octets)
    FAIL("record " << number << " is not what was written");
  return true;
}

} // namespace

TEST_CASE("records leave a ring as they came, wherever they lie in it", "[io][record_ring]") {
  record_ring ring(2000);
  std::uint32_t written = 0, read = 0;
  while (read < 5000) {
    for (; ring.has_room(size_of(written)); ++written) {
      numbered one(written, size_of(written));
      ring.push(one.head, one.octets.data());
    }
    while (take(ring, read))
      ++read;
    REQUIRE(read == written);
  }
}

TEST_CASE("a record that is not wanted is dropped, and the next is whole", "[io][record_ring]") {
  record_ring ring(4000);
  for (std::uint32_t number : {0u, 1u, 2u}) {
    numbered one(number, size_of(number));
    ring.push(one.head, one.octets.data());
  }
  REQUIRE(ring.front());
  CHECK(ring.front()->port == 0);
  ring.pop(nullptr);
  CHECK(take(ring, 1));
  CHECK(take(ring, 2));
  CHECK_FALSE(ring.front());
}

TEST_CASE("a ring takes no more than it has room for", "[io][record_ring]") {
  record_ring ring(100);
  CHECK_FALSE(ring.has_room(100));
  numbered one(1, 80);
  REQUIRE(ring.has_room(80));
  ring.push(one.head, one.octets.data());
  CHECK_FALSE(ring.has_room(0));
}

TEST_CASE("one thread writes while another reads", "[io][record_ring]") {
  constexpr std::uint32_t count = 20'000;
  record_ring ring(2000);
  std::jthread writer([&](const std::stop_token& failed) {
    for (std::uint32_t number = 0; number < count && !failed.stop_requested();) {
      if (!ring.has_room(size_of(number))) {
        std::this_thread::yield();
        continue;
      }
      numbered one(number, size_of(number));
      ring.push(one.head, one.octets.data());
      ++number;
    }
  });
  for (std::uint32_t number = 0; number < count;) {
    if (take(ring, number))
      ++number;
    else
      std::this_thread::yield();
  }
  writer.join();
  CHECK_FALSE(ring.front());
}
