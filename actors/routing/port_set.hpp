// A set of ports as bits.
// Decides: nothing; ports are small dense numbers, so a set of 1,000 is 125 octets.
// Thread: values; no shared state.
#pragma once

#include "actors/routing/port.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace tutti::routing {

class port_set {
public:
  bool test(port_slot slot) const noexcept {
    return slot / 64 < words_.size() && (words_[slot / 64] >> slot % 64 & 1) != 0;
  }

  void set(port_slot slot, bool in = true) {
    if (!in && slot / 64 >= words_.size())
      return;
    if (slot / 64 >= words_.size())
      words_.resize(slot / 64 + 1);
    auto bit = std::uint64_t(1) << slot % 64;
    words_[slot / 64] = in ? words_[slot / 64] | bit : words_[slot / 64] & ~bit;
  }

  bool any() const noexcept {
    return std::any_of(words_.begin(), words_.end(), [](auto word) { return word != 0; });
  }
  bool empty() const noexcept { return !any(); }

  std::size_t size() const noexcept {
    std::size_t count = 0;
    for (auto word : words_)
      count += std::size_t(std::popcount(word));
    return count;
  }

  void put_in(const port_set& others) {
    words_.resize(std::max(words_.size(), others.words_.size()));
    for (std::size_t i = 0; i < others.words_.size(); ++i)
      words_[i] |= others.words_[i];
  }

  /// Takes the others out and tells how many of them there were.
  std::size_t take_out(const port_set& others) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < std::min(words_.size(), others.words_.size()); ++i) {
      count += std::size_t(std::popcount(words_[i] & others.words_[i]));
      words_[i] &= ~others.words_[i];
    }
    return count;
  }

  /// Calls `use(slot)` for each port, ascending.
  template <class Use>
  void for_each(Use use) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (auto rest = words_[i]; rest != 0; rest &= rest - 1)
        use(static_cast<port_slot>(i * 64 + std::size_t(std::countr_zero(rest))));
  }

private:
  std::vector<std::uint64_t> words_;
};

} // namespace tutti::routing
