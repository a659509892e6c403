#include "protocol/sysex_gate.hpp"

#include <algorithm>

namespace tutti::protocol {

namespace {

bool begins(const event& e) noexcept {
  return e.message.form() == sysex_form::start || e.message.form() == sysex_form::complete;
}

bool ends(const event& e) noexcept {
  auto form = e.message.form();
  return form == sysex_form::end || form == sysex_form::complete || form == sysex_form::cancelled;
}

// What ends sound must arrive even when the queue is full: Note Off, pedals up, mode messages.
bool ends_sound(const ump& message) noexcept {
  if (!message.is_channel_voice())
    return false;
  switch (message.status() & 0xF0) {
  case 0x80: return true;
  case 0x90: return message.data2() == 0;
  case 0xB0: return message.data1() >= 120 || message.data2() == 0;
  default: return false;
  }
}

} // namespace

void sysex_gate::accept(source_id source, std::span<const event> events, hub_time now,
                        std::vector<event>& out) {
  for (const auto& e : events) {
    take(source, e, now, out);
    if (!open_ && !waiting_.empty())
      drain(now, out);
  }
}

void sysex_gate::take(source_id source, const event& e, hub_time now, std::vector<event>& out) {
  if (e.message.is_real_time()) {
    out.push_back(e);
    return;
  }
  if (e.message.is_sysex() && skips(source, e))
    return;
  auto continues = open_ && owner_ == source && e.message.is_sysex() && !begins(e);
  if (continues) {
    out.push_back(e);
    last_chunk_ = now;
    open_ = !ends(e);
    return;
  }
  if (open_ || has_waiting(source))
    return wait(source, e);
  if (e.message.is_sysex()) {
    if (!begins(e))
      return; // a chunk of something that was never opened here
    open_ = !ends(e);
    owner_ = source;
    last_chunk_ = now;
  }
  out.push_back(e);
}

// Events of one source keep their order, so while any of them waits the later ones wait behind.
bool sysex_gate::has_waiting(source_id source) const noexcept {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [source](const auto& item) { return item.source == source; });
}

bool sysex_gate::skips(source_id source, const event& e) {
  auto found = std::find(skipping_.begin(), skipping_.end(), source);
  if (found == skipping_.end())
    return false;
  auto over = begins(e) || ends(e);
  if (over)
    skipping_.erase(found);
  return !begins(e);
}

void sysex_gate::wait(source_id source, const event& e) {
  auto full = waiting_.size() >= limits_.waiting_events;
  if (full && e.message.is_sysex()) {
    drop_waiting_sysex(source);
    if (!ends(e))
      skipping_.push_back(source);
    return;
  }
  if (full && (!ends_sound(e.message) || waiting_.size() >= 2 * limits_.waiting_events)) {
    ++counters_.dropped_events;
    return;
  }
  waiting_.push_back({source, e});
}

// Removes the chunks of the source's last SysEx that still wait.
void sysex_gate::drop_waiting_sysex(source_id source) {
  ++counters_.dropped_sysex;
  for (auto i = waiting_.size(); i-- > 0;) {
    auto& item = waiting_[i];
    if (item.source != source || !item.content.message.is_sysex())
      continue;
    auto first = begins(item.content);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    if (first)
      break;
  }
}

// Lets go what waited, in order, until another SysEx of it takes the stream.
void sysex_gate::drain(hub_time now, std::vector<event>& out) {
  while (!open_ && !waiting_.empty()) {
    auto item = waiting_.front();
    waiting_.pop_front();
    if (item.content.message.is_sysex()) {
      if (!begins(item.content))
        continue;
      owner_ = item.source;
      last_chunk_ = now;
      open_ = !ends(item.content);
    }
    out.push_back(item.content);
  }
  if (!open_)
    return;
  // The new owner's own chunks follow at once; everybody else goes on waiting.
  std::deque<waiting_event> still;
  for (auto& item : waiting_) {
    auto chunk = item.source == owner_ && item.content.message.is_sysex();
    if (open_ && chunk && !begins(item.content)) {
      out.push_back(item.content);
      open_ = !ends(item.content);
    } else {
      still.push_back(item);
    }
  }
  waiting_.swap(still);
  if (!open_)
    drain(now, out);
}

void sysex_gate::cancel_open(hub_time now, std::vector<event>& out) {
  open_ = false;
  out.push_back({make_sysex(sysex_form::cancelled, {}), now, true});
}

void sysex_gate::on_source_gone(source_id source, hub_time now, std::vector<event>& out) {
  std::erase(skipping_, source);
  // What it sent last still waits and goes out in its turn; an unfinished SysEx of it does not.
  auto unfinished = false;
  for (auto i = waiting_.size(); i-- > 0 && !unfinished;)
    if (waiting_[i].source == source && waiting_[i].content.message.is_sysex()) {
      if (ends(waiting_[i].content))
        break;
      unfinished = true;
    }
  if (unfinished)
    drop_waiting_sysex(source);
  if (open_ && owner_ == source) {
    cancel_open(now, out);
    drain(now, out);
  }
}

void sysex_gate::on_deadline(hub_time now, std::vector<event>& out) {
  if (!open_ || now < next_deadline())
    return;
  ++counters_.stalled_sysex;
  skipping_.push_back(owner_);
  cancel_open(now, out);
  drain(now, out);
}

} // namespace tutti::protocol
