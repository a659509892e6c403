// A map from 0..127 to small values that takes only the room of the keys that are set: most
// channels use a handful of the 128 controllers. Decides nothing about MIDI. Thread: values.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tutti::protocol {

template <class Value>
class sparse_table {
public:
  /// Null if `key` (0..127) is not set.
  const Value* find(std::uint8_t key) const noexcept {
    return contains(key) ? &values_[rank(key)] : nullptr;
  }
  Value* find(std::uint8_t key) noexcept { return contains(key) ? &values_[rank(key)] : nullptr; }

  bool contains(std::uint8_t key) const noexcept {
    return (bits_[key >> 6 & 1] >> (key & 63) & 1) != 0;
  }

  /// The value of `key`, set to `initial` if it was not set. Allocates when there were never as
  /// many keys as now.
  Value& at_or(std::uint8_t key, Value initial) {
    assert(key < 128);
    auto position = rank(key);
    if (!contains(key)) {
      values_.insert(values_.begin() + static_cast<std::ptrdiff_t>(position), initial);
      bits_[key >> 6] |= std::uint64_t{1} << (key & 63);
    }
    return values_[position];
  }
  void set(std::uint8_t key, Value value) { at_or(key, value) = value; }

  void erase(std::uint8_t key) noexcept {
    if (!contains(key))
      return;
    values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(rank(key)));
    bits_[key >> 6] &= ~(std::uint64_t{1} << (key & 63));
  }
  void clear() noexcept {
    values_.clear();
    bits_[0] = bits_[1] = 0;
  }

  std::size_t size() const noexcept { return values_.size(); }
  bool empty() const noexcept { return values_.empty(); }

  /// Calls visit(key, value) in ascending order of keys.
  template <class Visitor>
  void for_each(Visitor visit) const {
    std::size_t position = 0;
    for (unsigned half = 0; half < 2; ++half)
      for (auto bits = bits_[half]; bits != 0; bits &= bits - 1)
        visit(static_cast<std::uint8_t>(half * 64 + static_cast<unsigned>(std::countr_zero(bits))),
              values_[position++]);
  }

  std::size_t memory() const noexcept { return values_.capacity() * sizeof(Value); }

  friend bool operator==(const sparse_table&, const sparse_table&) = default;

private:
  /// Number of keys below `key`, which is where its value stands.
  std::size_t rank(std::uint8_t key) const noexcept {
    auto below = (std::uint64_t{1} << (key & 63)) - 1;
    auto count = key < 64 ? std::popcount(bits_[0] & below)
                          : std::popcount(bits_[0]) + std::popcount(bits_[1] & below);
    return static_cast<std::size_t>(count);
  }

  std::uint64_t bits_[2] = {0, 0};
  std::vector<Value> values_;
};

} // namespace tutti::protocol
