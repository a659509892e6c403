// Commands by recency: one item for each of 128 numbers, the latest last, as the journal lists
// them. Decides: order and membership. An item that is put again moves to the end; acknowledged
// items are dropped at the front. Contiguous, so that coding it is a walk through one piece of
// memory. Leaves: what the numbers are (channel_history). Thread: values.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/sequence_tracker.hpp"

namespace tutti::protocol {

struct history_item {
  std::uint32_t sequence = 0; ///< packet of the command
  std::uint8_t number = 0;    ///< note or controller
  std::uint8_t value = 0;
  std::uint8_t extra = 0;
  std::uint8_t flags = 0;
};

class recent_list {
public:
  /// Puts the item last, in place of an older one with its number. Constant for numbers that were
  /// put lately; allocates when there were never as many items as now.
  void put(const history_item& item) {
    remove(item.number);
    make_room();
    items_.push_back(item);
    set(item.number);
  }

  void remove(std::uint8_t number) noexcept {
    if (!contains(number))
      return;
    auto position = items_.end() - 1;
    while (position->number != number)
      --position;
    items_.erase(position);
    clear_bit(number);
  }

  /// Drops the items of packets up to `sequence`. True if there were any.
  bool drop_through(std::uint32_t sequence) noexcept {
    auto before = first_;
    for (; first_ < items_.size() && !precedes(sequence, items_[first_].sequence); ++first_)
      clear_bit(items_[first_].number);
    auto dropped = first_ != before;
    if (first_ == items_.size())
      clear();
    return dropped;
  }

  void clear() noexcept {
    items_.clear();
    first_ = 0;
    bits_[0] = bits_[1] = 0;
  }

  bool contains(std::uint8_t number) const noexcept {
    return (bits_[number >> 6 & 1] >> (number & 63) & 1) != 0;
  }
  /// All that it contains, as bits.
  std::array<std::uint64_t, 2> numbers() const noexcept { return {bits_[0], bits_[1]}; }
  bool empty() const noexcept { return first_ == items_.size(); }
  /// Oldest first.
  std::span<const history_item> items() const noexcept { return std::span(items_).subspan(first_); }
  std::span<history_item> items() noexcept { return std::span(items_).subspan(first_); }

  std::size_t memory() const noexcept { return items_.capacity() * sizeof(history_item); }

private:
  /// Where acknowledged items stood there is room, as long as moving the rest is paid for by them.
  void make_room() {
    if (items_.size() < items_.capacity() || first_ == 0)
      return;
    if (first_ < items_.size() / 2 && items_.size() < 128)
      return;
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  void set(std::uint8_t number) noexcept {
    assert(number < 128);
    bits_[number >> 6] |= std::uint64_t{1} << (number & 63);
  }
  void clear_bit(std::uint8_t number) noexcept {
    bits_[number >> 6] &= ~(std::uint64_t{1} << (number & 63));
  }

  std::vector<history_item> items_;
  std::size_t first_ = 0; ///< items before it are dropped
  std::uint64_t bits_[2] = {0, 0};
};

} // namespace tutti::protocol
