// What one peer's stream has brought: the MIDI state, and the counts that journals are compared
// with. Decides: what counts as one command of a kind. Leaves: the comparison (channel_repair,
// system_repair). Spec: RFC 6295 appendices A.3 (tools), B.1, B.2 and B.5 (counts). Thread: values.
#pragma once

#include "protocol/event.hpp"
#include "protocol/midi_state.hpp"
#include "protocol/sparse_table.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

namespace tutti::protocol {

/// Commands of one controller since the stream or the latest reset began, modulo 64.
struct controller_tally {
  std::uint8_t count = 0;
  std::uint8_t toggles = 0; ///< changes between off (0..63) and on (64..127)
};

struct channel_tally {
  sparse_table<controller_tally> controllers;
  std::array<std::uint32_t, 8> mode_marks{}; ///< packet of the latest CC 120 to 127
  std::uint8_t modes_seen = 0;               ///< bit per entry of mode_marks
  std::uint8_t program_bank_msb =
      channel_state::unknown; ///< bank select at the latest Program Change
  std::uint8_t program_bank_lsb = channel_state::unknown;
};

class received_state {
public:
  /// Takes a message in, played or repaired. `mark`: its packet.
  void deliver(const ump& message, std::uint32_t mark);

  midi_state& midi() noexcept { return midi_; }
  const midi_state& midi() const noexcept { return midi_; }
  channel_tally& tally(unsigned channel);

  // Counts of the session, as journals tell them.
  std::uint8_t resets = 0;      ///< FF, modulo 128
  std::uint8_t tunes = 0;       ///< F6, modulo 128
  std::uint8_t sensings = 0;    ///< FE, modulo 128
  std::uint8_t sysex_count = 0; ///< SysEx begun, modulo 256; those that a loss spoiled do not count
  bool sysex_open = false;
  bool peer_codes_parameters = false; ///< it has used Chapter M
  /// A SysEx that was under way when its beginning was lost; a later journal may have it whole.
  std::optional<std::uint8_t> missing_sysex;

  std::size_t memory() const noexcept;

private:
  void count_controller(unsigned channel, std::uint8_t number, std::uint8_t value,
                        std::uint32_t mark);
  void count_sysex(const ump& chunk);
  void forget_tallies() noexcept;

  midi_state midi_;
  std::array<std::unique_ptr<channel_tally>, 16> tallies_;
  sysex_head sysex_;
};

} // namespace tutti::protocol
