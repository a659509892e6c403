// From a system journal and our own state to the system commands that were lost.
// Decides: the comparison of each chapter. In two steps, as resets come before everything else and
// the rest after the channels.
// Leaves: when to compare at all (journal_receiver), reading the chapters (system_chapters).
// Spec: RFC 6295 appendix B. Thread: values.
#pragma once

#include "protocol/decoded.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/repair_context.hpp"
#include "protocol/journal/sysex_chapter.hpp"
#include "protocol/journal/system_chapters.hpp"

#include <cstdint>
#include <optional>

namespace tutti::protocol {

class system_repair {
public:
  explicit system_repair(repair_context& context)
      : context_(context) {}

  /// Reads the chapters. Gives the reason if one is broken; those before it count.
  std::optional<decode_error> decode(const system_journal& journal);

  /// The open SysEx goes on: the only packet that was lost held nothing of it.
  bool leaves_sysex_open() const;

  /// System Reset, and whole SysEx (it may reset as well).
  void repair_resets();
  void repair_rest();
  /// A SysEx that is still under way, if the journal has its beginning. True if it was opened.
  bool reopen_sysex();

private:
  void repair_simple(const chapter_d& chapter);
  void repair_sysex(const sysex_log& log);
  void play_sysex(const sysex_log& log, bool whole);
  void repair_transport(const chapter_q& chapter);
  void locate(std::uint32_t position, bool running);
  void clocks(std::uint32_t count);
  void repair_time_code(const chapter_f& chapter);
  bool finish_series(const protocol::time_code& wanted);
  void tell_time_code(const protocol::time_code& wanted);
  void tell_time(const time_of_code& time);
  bool is_new(std::uint8_t count) const noexcept;

  repair_context& context_;
  std::optional<chapter_d> d_;
  std::optional<chapter_v> v_;
  std::optional<chapter_q> q_;
  std::optional<chapter_f> f_;
  std::optional<chapter_x> x_;
};

} // namespace tutti::protocol
