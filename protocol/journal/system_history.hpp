// The system part of a journal sender: resets, tunes, songs, Active Sensing, transport, time code
// and SysEx that the peer may have missed. Decides: which chapters the system journal has and every
// bit in them. Leaves: which chapters have room (journal_sender). Spec: RFC 6295 section 5.2 and
// appendix B. Thread: values.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/journal/channel_history.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/sysex_history.hpp"
#include "protocol/song_transport.hpp"
#include "protocol/time_code.hpp"

#include <array>
#include <cstdint>

namespace tutti::protocol {

class system_history {
public:
  /// Takes a system message or a SysEx chunk. True if it resets all channels.
  bool record(const ump& message, std::uint32_t sequence);

  bool empty() const noexcept { return contents() == 0; }
  /// Chapters that there is something for (toc::d to toc::x).
  std::uint8_t contents() const noexcept;
  /// Of these, those that hold a Reset State command: D, X or both.
  std::uint8_t resets() const noexcept;
  std::uint32_t oldest() const noexcept;

  /// In place of toc::x: Chapter X with the numbers of the commands only.
  static constexpr std::uint8_t sysex_numbers = 0x20;

  /// Writes the system journal with the wanted chapters; gives its S. Fails the writer if there is
  /// no room.
  bool encode(std::uint8_t wanted, const journal_moment& moment, byte_writer& writer) const;
  /// Octets of one chapter (or sysex_numbers) in such a journal.
  std::size_t chapter_size(std::uint8_t chapter, const journal_moment& moment) const;

  /// As in channel_history.
  void hold(std::uint8_t chapters, std::uint32_t sequence) noexcept;
  /// Something older than what was acknowledged is kept.
  bool has_holds() const noexcept { return held_ != 0 || !sysex_.empty(); }
  void drop_through(std::uint32_t sequence) noexcept;

  std::size_t memory() const noexcept { return sizeof(*this) + sysex_.memory(); }

private:
  struct tally {
    bool present = false;
    std::uint8_t value = 0; ///< count of the session modulo 128, or data octet
    std::uint32_t sequence = 0;

    void add(std::uint32_t packet) noexcept {
      *this = {true, static_cast<std::uint8_t>((value + 1) & 0x7F), packet};
    }
  };

  void system_reset(std::uint32_t sequence);
  void record_sysex(sysex_meaning meaning, std::uint32_t sequence);
  bool is_held(std::uint8_t chapter, const journal_moment& moment) const noexcept;
  bool encode_body(std::uint8_t wanted, const journal_moment& moment, byte_writer& writer) const;
  bool encode_simple(const journal_moment& moment, byte_writer& writer) const;
  bool encode_transport(const journal_moment& moment, byte_writer& writer) const;
  bool encode_time_code(const journal_moment& moment, byte_writer& writer) const;

  tally resets_;
  tally tunes_;
  tally song_;
  tally sensing_;
  tally transport_mark_; ///< presence and packet only
  tally time_code_mark_;
  song_transport transport_;
  protocol::time_code time_code_;
  sysex_history sysex_;
  std::uint8_t held_ = 0;
  std::array<std::uint32_t, 5> held_until_{}; ///< by the bit of the chapter
};

} // namespace tutti::protocol
