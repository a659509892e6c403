// From a channel journal and our own state to the commands that were lost on that channel.
// Decides: the comparison of each chapter, and the order of repairs: P, C with M, W, T, A, N with
// E. Leaves: when to compare at all (journal_receiver), reading the chapters (channel_chapters).
// Spec: RFC 6295 section 5 and appendix A; RFC 4696 section 5.4. Thread: values.
#pragma once

#include "protocol/decoded.hpp"
#include "protocol/journal/channel_chapters.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/parameter_chapter.hpp"
#include "protocol/journal/repair_context.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace tutti::protocol {

class channel_repair {
public:
  channel_repair(std::uint8_t channel, repair_context& context);

  /// Repairs what the journal tells. A broken chapter ends it; what came before the break is
  /// repaired and the reason given.
  std::optional<decode_error> repair(const channel_journal& journal);

private:
  /// All logs of one controller, which stand together.
  struct controller_logs {
    std::uint8_t number = 0;
    bool s = true;
    std::optional<std::uint8_t> count;
    std::optional<std::uint8_t> value;
    std::optional<std::uint8_t> toggle;
  };
  struct chapters {
    std::optional<chapter_p> p;
    std::optional<chapter_c> c;
    std::optional<chapter_m> m;
    std::optional<chapter_w> w;
    std::optional<chapter_n> n;
    std::optional<chapter_e> e;
    std::optional<chapter_t> t;
    std::optional<chapter_a> a;
  };
  using parameter_number = parameter_selection; ///< `pending` is false

  static std::optional<decode_error> decode(const channel_journal& journal, chapters& found);

  void repair_program(const chapter_p& chapter, const chapter_c* controllers);
  std::uint8_t bank_lsb(const chapter_p& chapter, const chapter_c* controllers);
  void repair_controllers(const chapter_c& chapter);
  void repair_controller(const controller_logs& logs);
  void restore_selection();
  void repair_mode(const controller_logs& logs);
  void repair_value(const controller_logs& logs);
  void repair_toggle(const controller_logs& logs);
  bool differs_as_parameter(std::uint8_t number, std::uint8_t value) const;
  void repair_parameters(const chapter_m& chapter);
  void repair_parameter(const parameter_log& log);
  void repair_selection(const chapter_m& chapter, const parameter_log* last);
  void select(const parameter_number& wanted);
  void select_pending(const parameter_number& wanted);
  void select_null();
  void repair_notes(const chapter_n& chapter, const chapter_e* extras);
  void repair_note_off(std::uint8_t note, std::uint8_t count, std::uint8_t velocity);
  void repair_note_on(const note_log& log, std::optional<std::uint8_t> count);
  void repair_note_pressures(const chapter_a& chapter);

  channel_state& own() { return context_.state.midi().channel_for_change(channel_); }
  const parameter_selection& selection() { return own().parameters().selection(); }
  void send(journal_chapter chapter, std::uint8_t kind, std::uint8_t data1, std::uint8_t data2 = 0);
  void control(journal_chapter chapter, std::uint8_t number, std::uint8_t value) {
    send(chapter, 0xB0, number, value);
  }

  std::uint8_t channel_;
  repair_context& context_;
  parameter_selection deselected_; ///< what was selected until a general controller was sent
};

} // namespace tutti::protocol
