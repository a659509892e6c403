// Chapter X of the system journal: System Exclusive commands.
// Decides: what its bits mean and how they are written. The chapter has no header; it is a list of
// logs up to the end of the system journal, and the first log's S bit is the chapter's.
// Leaves: what to code (system_history), what to repair (system_repair).
// Spec: RFC 6295 appendix B.5. Thread: pure functions.
//
//     S T C F D L STA(2) | TCOUNT if T | COUNT if C | FIRST if F | DATA if D
//     FIRST: groups of 7 bits, high first, bit 7 set on all but the last. DATA: to the octet with
//     bit 7 set, which is the last.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <cstdint>
#include <optional>

namespace tutti::protocol {

enum class sysex_log_status : std::uint8_t { unfinished, cancelled, dropped_f7, finished };

struct sysex_log {
  bool s = true;
  bool list_tool = false; ///< L: all commands of the kind are coded, not only the latest
  sysex_log_status status = sysex_log_status::finished;
  std::optional<std::uint8_t> type_count; ///< TCOUNT, modulo 256
  std::optional<std::uint8_t> count;      ///< SysEx commands in the session so far, modulo 256
  std::optional<std::uint32_t> first;     ///< number of the data octet with which `data` begins
  byte_view data;                         ///< empty without D; its last octet has bit 7 set
};

/// Data octet `index` of a log, without the end mark.
inline std::uint8_t sysex_log_octet(const sysex_log& log, std::size_t index) noexcept {
  return log.data[index] & 0x7F;
}

struct chapter_x {
  bool s = true;
  byte_view logs; ///< see sysex_log_reader
};

/// Reads the logs of a chapter, one after the other. The first log's S is given as far as it can be
/// told: it stands for the chapter's, and so is set if it or the second log's is set.
class sysex_log_reader {
public:
  explicit sysex_log_reader(const chapter_x& chapter) noexcept
      : reader_(chapter.logs) {}

  /// False at the end, and when a log passes the end; then failed() too.
  bool next(sysex_log& log) noexcept;
  bool failed() const noexcept { return !reader_.ok(); }

private:
  byte_reader reader_;
  bool first_ = true;
};

/// Takes the rest of the reader as the chapter and looks through all its logs; bad_chapter if it is
/// empty or a log passes the end.
decoded<chapter_x> decode_chapter_x(byte_reader& reader);

/// Writes one log with its fields. For the first log of a chapter give the chapter's S.
void encode_sysex_log(const sysex_log& log, byte_writer& writer);

} // namespace tutti::protocol
