// A queue in one block of memory that grows by doubling and is never given back.
// Decides: nothing; its users bound its size.
// Thread: values; no shared state.
#pragma once

#include <cassert>
#include <cstddef>
#include <vector>

namespace tutti::routing {

template <class Item>
class ring {
public:
  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  Item& front() noexcept {
    assert(size_ > 0);
    return items_[head_];
  }
  const Item& front() const noexcept {
    assert(size_ > 0);
    return items_[head_];
  }

  void push(const Item& item) {
    if (size_ == items_.size())
      grow();
    items_[(head_ + size_++) & (items_.size() - 1)] = item;
  }

  void pop() noexcept {
    assert(size_ > 0);
    head_ = (head_ + 1) & (items_.size() - 1);
    --size_;
  }

  void clear() noexcept { head_ = size_ = 0; }

private:
  void grow() {
    std::vector<Item> larger(items_.empty() ? 16 : items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i)
      larger[i] = items_[(head_ + i) & (items_.size() - 1)];
    items_.swap(larger);
    head_ = 0;
  }

  std::vector<Item> items_; ///< a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

} // namespace tutti::routing
