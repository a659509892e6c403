// Messages that carry who played them and which one it is, and the ear that notices what is
// missing, doubled or out of order. Decides: the coding: poly pressure, whose 18 bits the hub
// neither releases nor merges:
//   channel, note, value  =  source (8 bits), count (10 bits)
// Leaves: how they travel. Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <array>
#include <cstdint>

namespace tutti::endurance {

inline constexpr std::uint32_t counts = 1024;
inline constexpr std::size_t max_sources = 256;

struct numbered {
  std::uint8_t source = 0;
  std::uint16_t count = 0;
};

constexpr protocol::ump encode_numbered(const numbered& what) noexcept {
  auto bits = std::uint32_t(what.source) << 10 | what.count;
  return protocol::make_short(static_cast<std::uint8_t>(0xA0 | bits >> 14),
                              static_cast<std::uint8_t>(bits >> 7 & 0x7F),
                              static_cast<std::uint8_t>(bits & 0x7F));
}

/// True and filled if the message is one of ours.
constexpr bool decode_numbered(const protocol::ump& message, numbered& out) noexcept {
  if (!message.is_channel_voice() || (message.status() & 0xF0) != 0xA0)
    return false;
  auto bits = std::uint32_t(message.channel()) << 14 | std::uint32_t(message.data1()) << 7 |
              message.data2();
  out = {static_cast<std::uint8_t>(bits >> 10), static_cast<std::uint16_t>(bits % counts)};
  return true;
}

struct hearing {
  std::uint64_t heard = 0;
  std::uint64_t lost = 0;     ///< counts that were skipped
  std::uint64_t repeated = 0; ///< the same again, or one that came before
};

/// What one listener heard of every source. It begins with the first that it hears.
class numbered_ear {
public:
  void hear(const numbered& what) noexcept {
    auto& last = last_[what.source];
    ++sum_.heard;
    if (last != none) {
      auto step = (what.count + counts - static_cast<std::uint32_t>(last)) % counts;
      if (step == 0 || step > counts / 2)
        ++sum_.repeated;
      else
        sum_.lost += step - 1;
    }
    last = what.count;
  }
  /// After everything has come: what is missing at the end of this source.
  std::uint32_t missing(const numbered& last_played) const noexcept {
    auto last = last_[last_played.source];
    if (last == none)
      return 1; // never heard
    return (last_played.count + counts - static_cast<std::uint32_t>(last)) % counts;
  }
  const hearing& sum() const noexcept { return sum_; }

private:
  static constexpr std::int32_t none = -1;
  static constexpr std::array<std::int32_t, max_sources> nothing() {
    std::array<std::int32_t, max_sources> all{};
    all.fill(none);
    return all;
  }

  std::array<std::int32_t, max_sources> last_ = nothing();
  hearing sum_;
};

} // namespace tutti::endurance
