// Which chapters a journal has when they do not all fit.
// Decides: the order of importance, see journal_sender::encode().
// Leaves: what becomes of the chapters that are left out (journal_sender). Thread: values.
#pragma once

#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/system_history.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace tutti::protocol {

/// The chapters of one journal.
struct journal_selection {
  std::uint8_t system = 0; ///< toc::d to toc::x, or system_history::sysex_numbers
  std::array<std::uint8_t, 16> channels{};
};

/// Makes one selection. Channels must have been refreshed for the same moment.
class journal_selector {
public:
  using channel_histories = std::array<std::unique_ptr<channel_history>, 16>;

  /// `system`: null if it has no history; `active`: bit n if channel n has history.
  journal_selector(const channel_histories& channels, const system_history* system,
                   std::uint16_t active, const journal_moment& moment) noexcept
      : channels_(channels)
      , system_(system)
      , active_(active)
      , moment_(moment) {}

  /// What fits into `room` octets. Channels take turns at being the first.
  journal_selection select(std::size_t room);

private:
  using condition = bool (channel_history::*)() const noexcept;

  bool take(std::size_t octets, std::size_t header, std::size_t& part) noexcept;
  void take_system(std::uint8_t chapter);
  void take_sysex_numbers();
  void complete_sysex();
  void take_channels(std::uint8_t chapter, condition wanted);

  const channel_histories& channels_;
  const system_history* system_;
  std::uint16_t active_;
  journal_moment moment_;
  std::size_t left_ = 0; ///< octets
  std::size_t system_octets_ = 0;
  std::array<std::size_t, 16> channel_octets_{};
  journal_selection chosen_;
};

} // namespace tutti::protocol
