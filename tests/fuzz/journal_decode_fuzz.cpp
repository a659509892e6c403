// Any octets as a recovery journal.
// Holds: reading is total and stays inside the journal; what was read is written and read again the
// same, chapter by chapter.
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/journal_json.hpp"
#include "tests/support/journal_rewriting.hpp"

using namespace tutti::test;
using tutti::fuzz::require;

namespace {

/// Without what can be written in more ways than one, or means nothing.
json comparable(json journal) {
  for (auto& channel : journal["channels"]) {
    channel.erase("length");
    channel.erase("extra_octets");
    auto& chapters = channel["chapters"];
    if (chapters.contains("N")) {
      chapters["N"].erase("low");
      chapters["N"].erase("high");
    }
    if (chapters.contains("P") && chapters["P"]["B"] == 0)
      for (auto key : {"bank_msb", "bank_lsb", "X"})
        chapters["P"].erase(key);
  }
  if (journal.contains("system")) {
    journal["system"].erase("length");
    journal["system"].erase("extra_octets");
  }
  return journal;
}

bool is_whole(const json& part) {
  if (part.is_null())
    return false;
  for (const auto& [letter, chapter] : part["chapters"].items())
    if (chapter.is_null())
      return false;
  return true;
}

bool is_whole_journal(const json& journal) {
  if (journal.is_null() || (journal.contains("system") && !is_whole(journal["system"])))
    return false;
  for (const auto& channel : journal.value("channels", json::array()))
    if (!is_whole(channel))
      return false;
  return true;
}

/// A chapter whose SysEx data or logs take more than one LEN can tell cannot be written again; no
/// part of a journal that was read is so long, but Chapter N with 128 logs and OFFBITS is.
bool can_be_written(const json& journal) {
  for (const auto& channel : journal.value("channels", json::array()))
    if (channel["chapters"].contains("N") && channel["chapters"]["N"]["logs"].size() > 126 &&
        !channel["chapters"]["N"]["off_notes"].empty())
      return false;
  return true;
}

} // namespace

TUTTI_FUZZ_TARGET(journal_decode, input) {
  auto meaning = journal_json(input);
  if (!is_whole_journal(meaning) || !can_be_written(meaning))
    return;
  auto written = rewrite_journal(input);
  require(written.has_value(), "what can be read can be written");
  require(written->size() <= input.size(), "and not longer than it was");
  auto again = journal_json(*written);
  require(comparable(again) == comparable(meaning), "it means the same");
  require(rewrite_journal(*written) == written, "and stays as it is from then on");
}
