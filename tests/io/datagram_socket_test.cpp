// Blocks of datagrams: chains without copies, and back to the pool with the last reference.
#include "io/datagram_socket.hpp"

#include <catch2/catch.hpp>

using namespace tutti::io;

TEST_CASE("a block that is let go of is taken again", "[io][datagram_socket]") {
  auto pool = datagram_pool::make();
  auto block = pool->take();
  auto first = block.get();
  auto second_holder = block;
  block.reset();
  CHECK(pool->take().get() != first); // still held
  second_holder.reset();
  std::vector<datagram_block_ptr> taken{pool->take(), pool->take()};
  CHECK((taken[0].get() == first || taken[1].get() == first));
}

TEST_CASE("blocks outlive their pool's owner, free ones go with it", "[io][datagram_socket]") {
  auto pool = datagram_pool::make();
  std::weak_ptr<datagram_pool> watched = pool;
  auto kept = pool->take();
  pool->take().reset();
  pool.reset();
  CHECK_FALSE(watched.expired()); // the block brings itself back
  kept->room(receive_burst - 1)[max_datagram] = 1;
  kept.reset();
  CHECK(watched.expired()); // and nothing is left, or the leak checker complains
}

TEST_CASE("a block has room for a full burst of the longest datagrams", "[io][datagram_socket]") {
  auto pool = datagram_pool::make();
  auto block = pool->take();
  for (std::size_t i = 0; i < receive_burst; ++i) {
    auto room = block->room(i);
    CHECK(room.size() == max_datagram + 1); // one more, to see that a datagram is too long
    std::fill(room.begin(), room.end(), static_cast<std::uint8_t>(i));
    block->slots[i].size = static_cast<std::uint16_t>(max_datagram);
  }
  for (std::size_t i = 0; i < receive_burst; ++i) {
    CHECK(block->bytes(i).size() == max_datagram);
    CHECK(block->bytes(i).front() == i);
    CHECK(block->bytes(i).back() == i);
  }
}
