// Chapter M of a channel journal: registered and non-registered parameters.
// Decides: what its bits mean and how they are written.
// Leaves: what the transactions were (parameter_state), what to repair (channel_repair).
// Spec: RFC 6295 appendix A.4. Thread: pure functions.
//
//     S P E U W Z LENGTH(10) | if P: Q PENDING(7) | logs to LENGTH
//     log: S PNUM-LSB(7) | Q PNUM-MSB(7) | J K L M N T V R | fields of J, K, L, M, N
//     If Z, and U or W, the log's second octet is left out.
#pragma once

#include "protocol/bytes.hpp"
#include "protocol/decoded.hpp"

#include <cstdint>
#include <optional>

namespace tutti::protocol {

/// A field of a log and its X bit: a CC 121 came after the command.
struct parameter_entry {
  bool is_old = false;
  std::uint8_t value = 0;

  friend bool operator==(const parameter_entry&, const parameter_entry&) = default;
};
struct parameter_buttons {
  bool is_old = false;     ///< not used by C-BUTTON
  std::int16_t clicks = 0; ///< increments less decrements, -16383 to 16383

  friend bool operator==(const parameter_buttons&, const parameter_buttons&) = default;
};

struct parameter_log {
  bool s = true;
  bool non_registered = false; ///< Q
  std::uint8_t msb = 0;
  std::uint8_t lsb = 0;
  bool count_tool = false;                        ///< T
  bool value_tool = false;                        ///< V
  std::optional<parameter_entry> entry_msb;       ///< J: latest CC 6
  std::optional<parameter_entry> entry_lsb;       ///< K: latest CC 38 after it
  std::optional<parameter_buttons> buttons;       ///< L: A-BUTTON, since the latest CC 6 or 38
  std::optional<parameter_buttons> fresh_buttons; ///< M: C-BUTTON, since the latest CC 121
  std::optional<parameter_entry> count;           ///< N: transactions, modulo 128

  friend bool operator==(const parameter_log&, const parameter_log&) = default;
};

struct chapter_m {
  bool s = true;
  bool in_progress = false;         ///< E: a parameter is selected, the one of the last log
  bool only_registered = false;     ///< U
  bool only_non_registered = false; ///< W
  bool only_msb_0 = false;          ///< Z
  bool pending = false;             ///< P: an MSB has come whose LSB has not
  bool pending_non_registered = false;
  std::uint8_t pending_msb = 0;
  byte_view logs; ///< oldest transaction first; see parameter_log_reader

  bool has_short_logs() const noexcept {
    return only_msb_0 && (only_registered || only_non_registered);
  }
};

/// Reads the logs of a chapter, one after the other.
class parameter_log_reader {
public:
  explicit parameter_log_reader(const chapter_m& chapter) noexcept;

  /// False at the end, and when a log passes the end; then failed() too.
  bool next(parameter_log& log) noexcept;
  bool failed() const noexcept { return !reader_.ok(); }

private:
  byte_reader reader_;
  bool short_logs_;
  bool non_registered_;
};

/// Reads the chapter, LENGTH octets, at the front of the reader, and looks through all its logs;
/// bad_chapter if LENGTH or a log contradicts.
decoded<chapter_m> decode_chapter_m(byte_reader& reader);

/// Writes one log; `short_log` leaves the second octet out (then msb must be 0).
void encode_parameter_log(const parameter_log& log, bool short_log, byte_writer& writer);
/// Writes what stands before the logs, for which `chapter.logs` gives the LENGTH.
void encode_chapter_m_head(const chapter_m& chapter, byte_writer& writer);
/// Writes the chapter with its logs as they are in `chapter.logs`.
void encode_chapter_m(const chapter_m& chapter, byte_writer& writer);

} // namespace tutti::protocol
