#include "protocol/journal/sysex_history.hpp"

#include <algorithm>

namespace tutti::protocol {

sysex_meaning sysex_history::record(const ump& chunk, std::uint32_t sequence) {
  auto form = chunk.form();
  auto meaning = head_.take(chunk);
  if (form == sysex_form::complete || form == sysex_form::start)
    begin(sequence);
  if (commands_.empty() || commands_.back().status != sysex_log_status::unfinished)
    return sysex_meaning::other; // a segment whose start nobody saw
  commands_.back().segmented |= commands_.back().last != sequence;
  commands_.back().last = sequence;
  append(chunk);
  if (meaning == sysex_meaning::unfinished)
    return meaning;
  auto& now = commands_.back();
  now.status = meaning == sysex_meaning::cancelled ? sysex_log_status::cancelled
                                                   : sysex_log_status::finished;
  now.is_reset = meaning == sysex_meaning::reset;
  now.is_full_frame = meaning == sysex_meaning::full_frame;
  if (meaning == sysex_meaning::cancelled || meaning == sysex_meaning::full_frame)
    drop_octets(commands_.size() - 1);
  return meaning;
}

void sysex_history::begin(std::uint32_t sequence) {
  if (!commands_.empty() && commands_.back().status == sysex_log_status::unfinished) {
    commands_.back().status = sysex_log_status::cancelled; // replaced by the new one
    drop_octets(commands_.size() - 1);
  }
  if (commands_.size() == max_commands) {
    // The latest reset stays, as everything after it builds on it.
    auto victim = std::size_t{0};
    auto later_reset = std::any_of(commands_.begin() + 1, commands_.end(),
                                   [](const command& c) { return c.is_reset; });
    if (commands_[0].is_reset && !later_reset)
      victim = 1;
    drop_command(victim);
  }
  command fresh;
  fresh.last = sequence;
  fresh.count = ++count_;
  commands_.push_back(fresh);
}

void sysex_history::append(const ump& chunk) {
  auto& now = commands_.back();
  if (!now.whole)
    return;
  if (now.size + std::size_t{chunk.sysex_size()} > max_command) {
    drop_octets(commands_.size() - 1);
    now.whole = false;
    return;
  }
  for (unsigned i = 0; i < chunk.sysex_size(); ++i)
    octets_.push_back(chunk.sysex_octet(i));
  now.size = static_cast<std::uint16_t>(now.size + chunk.sysex_size());
  for (std::size_t i = 0; octets_.size() > max_octets && i + 1 < commands_.size(); ++i)
    if (!commands_[i].is_reset && commands_[i].size > 0) {
      drop_octets(i);
      commands_[i].whole = false;
    }
}

std::size_t sysex_history::offset_of(std::size_t index) const noexcept {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < index; ++i)
    offset += commands_[i].size;
  return offset;
}

void sysex_history::drop_octets(std::size_t index) noexcept {
  auto from = octets_.begin() + static_cast<std::ptrdiff_t>(offset_of(index));
  octets_.erase(from, from + commands_[index].size);
  commands_[index].size = 0;
}

void sysex_history::drop_command(std::size_t index) noexcept {
  drop_octets(index);
  commands_.erase(commands_.begin() + static_cast<std::ptrdiff_t>(index));
}

void sysex_history::forget_contents() noexcept {
  octets_.clear();
  for (auto& each : commands_) {
    each.size = 0;
    each.is_reset = false;
    if (each.status == sysex_log_status::unfinished)
      each.whole = false;
    else
      each.status = sysex_log_status::cancelled;
  }
}

void sysex_history::drop_through(std::uint32_t sequence) noexcept {
  // Whoever missed the first segment but has the last can only take the command from a journal, and
  // the first to show it whole is that of the packet after.
  auto is_known = [=](const command& c) {
    return c.status != sysex_log_status::unfinished &&
           !precedes(sequence, c.segmented ? c.last + 1 : c.last);
  };
  while (!commands_.empty() && is_known(commands_.front()))
    drop_command(0);
}

bool sysex_history::has_reset() const noexcept {
  return std::any_of(commands_.begin(), commands_.end(),
                     [](const command& c) { return c.is_reset; });
}

bool sysex_history::encode(std::uint32_t previous, bool all_recent, bool with_data,
                           byte_writer& writer) const {
  // As commands follow each other, the last one tells whether any concerns the packet before.
  auto chapter_s = commands_.back().last != previous && !all_recent;
  auto rest = byte_view(octets_);
  for (std::size_t i = 0; i < commands_.size(); ++i) {
    const auto& each = commands_[i];
    auto data = rest.first(each.size);
    rest = rest.subspan(each.size);
    sysex_log log;
    log.s = i == 0 ? chapter_s : each.last != previous && !all_recent;
    log.list_tool = true;
    // A full frame is told by Chapter F; to a reader of this chapter it is nothing to play.
    log.status = each.is_full_frame ? sysex_log_status::cancelled : each.status;
    log.count = each.count;
    std::array<std::uint8_t, max_command> copy;
    if (with_data && each.status == sysex_log_status::finished && each.whole && !data.empty()) {
      std::copy(data.begin(), data.end(), copy.begin());
      copy[data.size() - 1] |= 0x80;
      log.data = std::span(copy).first(data.size());
    }
    encode_sysex_log(log, writer);
  }
  return chapter_s;
}

} // namespace tutti::protocol
