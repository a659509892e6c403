// Reading and writing big-endian bytes without ever leaving the buffer.
// Decides: how lengths are checked. A cursor that is asked for more than there is fails and stays
// failed, so a decoder reads its fields in order and asks ok() once.
// Leaves: what the bytes mean (the codecs).
// Thread: values; no shared state.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tutti::protocol {

using byte_view = std::span<const std::uint8_t>;

/// Reads big-endian fields from a span. After the first overrun every read gives 0 or an empty
/// span and ok() is false for good.
class byte_reader {
public:
  explicit byte_reader(byte_view bytes) noexcept
      : rest_(bytes) {}

  bool ok() const noexcept { return ok_; }
  bool empty() const noexcept { return rest_.empty(); }
  std::size_t remaining() const noexcept { return rest_.size(); }
  byte_view rest() const noexcept { return rest_; }

  /// The next octet without taking it; 0 and failure at the end.
  std::uint8_t peek() noexcept {
    if (rest_.empty()) {
      fail();
      return 0;
    }
    return rest_.front();
  }

  std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number<1>()); }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number<2>()); }
  std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(number<3>()); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(number<4>()); }
  std::uint64_t u64() noexcept { return number<8>(); }

  /// The next `count` octets, or an empty span and failure if there are fewer.
  byte_view take(std::size_t count) noexcept {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  void skip(std::size_t count) noexcept { take(count); }

  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }

private:
  template <std::size_t Octets>
  std::uint64_t number() noexcept {
    auto field = take(Octets);
    std::uint64_t value = 0;
    for (auto octet : field)
      value = value << 8 | octet;
    return value;
  }

  byte_view rest_;
  bool ok_ = true;
};

/// Writes big-endian fields into a span. A write that does not fit fails as a whole, and so does
/// every later one; what was written before stays.
class byte_writer {
public:
  explicit byte_writer(std::span<std::uint8_t> buffer) noexcept
      : buffer_(buffer) {}

  bool ok() const noexcept { return ok_; }
  std::size_t size() const noexcept { return used_; }
  std::size_t room() const noexcept { return ok_ ? buffer_.size() - used_ : 0; }
  byte_view written() const noexcept { return buffer_.first(used_); }

  void u8(std::uint8_t value) noexcept { number<1>(value); }
  void u16(std::uint16_t value) noexcept { number<2>(value); }
  void u24(std::uint32_t value) noexcept { number<3>(value); }
  void u32(std::uint32_t value) noexcept { number<4>(value); }
  void u64(std::uint64_t value) noexcept { number<8>(value); }

  void bytes(byte_view source) noexcept {
    if (!claim(source.size()))
      return;
    if (!source.empty())
      std::memcpy(buffer_.data() + used_, source.data(), source.size());
    used_ += source.size();
  }

  /// Overwrites an octet that was already written; `position` counts from the start.
  void patch(std::size_t position, std::uint8_t value) noexcept {
    if (position < used_)
      buffer_[position] = value;
  }

  /// Forgets everything written after the first `size` octets.
  void rewind(std::size_t size) noexcept { used_ = std::min(size, used_); }

private:
  bool claim(std::size_t count) noexcept {
    if (!ok_ || count > buffer_.size() - used_)
      ok_ = false;
    return ok_;
  }

  template <std::size_t Octets>
  void number(std::uint64_t value) noexcept {
    if (!claim(Octets))
      return;
    for (std::size_t i = 0; i < Octets; ++i)
      buffer_[used_ + i] = static_cast<std::uint8_t>(value >> (8 * (Octets - 1 - i)));
    used_ += Octets;
  }

  std::span<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

} // namespace tutti::protocol
