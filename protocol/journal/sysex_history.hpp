// The System Exclusive commands that a peer may have missed, for Chapter X.
// Decides: which are kept whole (short ones), which only by their number, and how many.
// Leaves: everything else of the system journal (system_history).
// Spec: RFC 6295 appendix B.5; list tool, with COUNT in every log. Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/event.hpp"
#include "protocol/journal/sysex_chapter.hpp"
#include "protocol/sequence_tracker.hpp"
#include "protocol/sysex_head.hpp"

#include <cstdint>
#include <vector>

namespace tutti::protocol {

class sysex_history {
public:
  /// Data octets of one command that are kept; longer ones are coded by their number alone, as
  /// there is no sending again in this protocol.
  static constexpr std::size_t max_command = 128;
  /// Data octets of all commands; beyond it the oldest lose theirs.
  static constexpr std::size_t max_octets = 384;
  /// Commands; beyond it the oldest are forgotten.
  static constexpr std::size_t max_commands = 16;

  /// Takes a chunk of packet `sequence`; tells what the command is, if the chunk ends it.
  sysex_meaning record(const ump& chunk, std::uint32_t sequence);
  /// Of a full frame that record() told of.
  time_of_code time() const noexcept { return head_.time(); }

  /// System Reset: what came before is not to be played again, only its number is still told.
  void forget_contents() noexcept;
  void drop_through(std::uint32_t sequence) noexcept;

  bool empty() const noexcept { return commands_.empty(); }
  /// A command that resets the instrument is among them: what follows builds on it.
  bool has_reset() const noexcept;
  std::uint32_t oldest() const noexcept { return commands_.front().last; }

  /// Writes the chapter; not if empty(). `previous`: packet I-1; `all_recent`: S=0 everywhere;
  /// without `with_data` only that there were commands, so that a receiver's count keeps in step.
  /// Gives the chapter's S.
  bool encode(std::uint32_t previous, bool all_recent, bool with_data, byte_writer& writer) const;

  std::size_t memory() const noexcept {
    return commands_.capacity() * sizeof(command) + octets_.capacity();
  }

private:
  struct command {
    std::uint32_t last = 0; ///< packet of its latest segment
    sysex_log_status status = sysex_log_status::unfinished;
    std::uint8_t count = 0; ///< its number in the session, modulo 256
    bool whole = true;      ///< all its octets so far are kept
    bool segmented = false; ///< it came in more than one packet
    bool is_reset = false;
    bool is_full_frame = false; ///< Chapter F tells it, here it only counts
    std::uint16_t size = 0;     ///< of its octets in octets_, where the commands follow each other
  };

  void begin(std::uint32_t sequence);
  void append(const ump& chunk);
  void drop_octets(std::size_t index) noexcept;
  void drop_command(std::size_t index) noexcept;
  std::size_t offset_of(std::size_t index) const noexcept;

  std::vector<command> commands_; ///< oldest first
  std::vector<std::uint8_t> octets_;
  sysex_head head_;
  std::uint8_t count_ = 0;
};

} // namespace tutti::protocol
