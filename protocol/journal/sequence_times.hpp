// About when packets were sent, without keeping a time for each.
// Decides: the oldest packet number that is still "young". Accurate to an eighth of the age asked.
// Thread: values.
#pragma once

#include "protocol/event.hpp"

#include <array>
#include <cstdint>

namespace tutti::protocol {

class sequence_times {
public:
  /// Packet `sequence` leaves now. Numbers and times never go back.
  void on_packet(std::uint32_t sequence, hub_time now, hub_clock::duration age) noexcept {
    if (count_ == 0 || now - slots_[newest_].since >= age / 8) {
      newest_ = (newest_ + 1) % slots_.size();
      slots_[newest_] = {now, sequence};
      count_ = count_ < slots_.size() ? count_ + 1 : count_;
    }
    while (count_ > 1 && now - slots_[oldest()].since > age)
      --count_;
  }

  /// Packets from this number on were sent less than about `age` ago.
  std::uint32_t young_from() const noexcept { return slots_[oldest()].first; }

private:
  struct slot {
    hub_time since{};
    std::uint32_t first = 0; ///< first packet sent at or after `since`
  };
  std::size_t oldest() const noexcept {
    return (newest_ + slots_.size() + 1 - count_) % slots_.size();
  }

  std::array<slot, 9> slots_{};
  std::size_t newest_ = 0;
  std::size_t count_ = 0;
};

} // namespace tutti::protocol
