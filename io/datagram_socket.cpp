#include "io/datagram_socket.hpp"

namespace tutti::io {

datagram_block::datagram_block(std::shared_ptr<datagram_pool> pool)
    : octets_(new std::uint8_t[receive_burst * (max_datagram + 1)])
    , pool_(std::move(pool)) {
}

[[gnu::hot]] datagram_block_ptr datagram_pool::take() {
  if (free_.empty())
    return datagram_block_ptr(new datagram_block(shared_from_this()));
  auto block = std::move(free_.back());
  free_.pop_back();
  block->pool_ = shared_from_this();
  return datagram_block_ptr(block.release());
}

// Free blocks hold no reference to their pool, or the two would keep each other alive.
[[gnu::hot]] void intrusive_ptr_release(datagram_block* block) noexcept {
  if (--block->references_ > 0)
    return;
  auto pool = std::move(block->pool_);
  pool->free_.emplace_back(block);
}

bool datagram_socket::reaches(const endpoint& to) const {
  auto from = local();
  return from.is_v4() ? to.is_v4() : !to.is_v4() || from.is_unspecified();
}

} // namespace tutti::io
