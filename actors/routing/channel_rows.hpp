// A table with one row per UMP group and channel, of which most stay empty.
// Decides: that a row costs memory from its first use on, and never again afterwards.
// Thread: values; no shared state.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace tutti::routing {

/// Rows 0 to 255 are group * 16 + channel, see row_of().
template <class Cell, std::size_t Columns = 128>
class channel_rows {
public:
  using row = std::array<Cell, Columns>;

  channel_rows() = default;
  channel_rows(const channel_rows& other) { *this = other; }
  channel_rows(channel_rows&&) noexcept = default;
  channel_rows& operator=(channel_rows&&) noexcept = default;
  channel_rows& operator=(const channel_rows& other) {
    rows_.clear();
    for (const auto& from : other.rows_)
      rows_.push_back(from ? std::make_unique<row>(*from) : nullptr);
    return *this;
  }

  /// The row, made of default cells if it was not there.
  row& at(unsigned index) {
    if (index < rows_.size() && rows_[index]) [[likely]]
      return *rows_[index];
    if (index >= rows_.size())
      rows_.resize(index + 1);
    rows_[index] = std::make_unique<row>();
    return *rows_[index];
  }

  /// The row, or nothing if it was never used.
  row* find(unsigned index) noexcept { return index < rows_.size() ? rows_[index].get() : nullptr; }
  const row* find(unsigned index) const noexcept {
    return index < rows_.size() ? rows_[index].get() : nullptr;
  }

  void clear() noexcept { rows_.clear(); }
  unsigned row_limit() const noexcept { return static_cast<unsigned>(rows_.size()); }

private:
  std::vector<std::unique_ptr<row>> rows_;
};

} // namespace tutti::routing
