#include "protocol/sysex_gate.hpp"

#include <algorithm>

namespace tutti::protocol {

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
  auto is_sysex = e.message.is_sysex();
  if (is_sysex && skips(source, e))
    return;
  if (is_sysex && open_ && owner_ == source) {
    if (!e.message.begins_sysex()) {
      out.push_back(e);
      last_chunk_ = now;
      open_ = !e.message.ends_sysex();
      return;
    }
    cancel_open(now, out); // begun anew, so the open one can never become whole
    drain(now, out);
  }
  if (open_ || has_waiting(source))
    return wait(source, e);
  if (is_sysex) {
    if (!e.message.begins_sysex())
      return; // a chunk of something that was never opened here
    open(source, e, now);
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
  auto over = e.message.begins_sysex() || e.message.ends_sysex();
  if (over)
    skipping_.erase(found);
  return !e.message.begins_sysex();
}

void sysex_gate::wait(source_id source, const event& e) {
  if (e.message.is_sysex())
    return wait_sysex(source, e);
  auto full = waiting_.size() >= limits_.waiting_events;
  if (full && (!e.message.ends_sound() || waiting_.size() >= 2 * limits_.waiting_events)) {
    ++counters_.dropped_events;
    return;
  }
  waiting_.push_back({source, e});
}

// Only what belongs to a whole SysEx, or to one that may still become whole, gets into the queue.
void sysex_gate::wait_sysex(source_id source, const event& e) {
  if (e.message.begins_sysex())
    drop_unfinished(source);
  else if (!has_unfinished(source))
    return; // a chunk of something that was never opened here
  if (waiting_.size() >= limits_.waiting_events) {
    if (e.message.begins_sysex())
      ++counters_.dropped_sysex;
    else
      drop_unfinished(source);
    if (!e.message.ends_sysex())
      skipping_.push_back(source);
    return;
  }
  waiting_.push_back({source, e});
  if (e.message.ends_sysex())
    std::erase(unfinished_, source);
  else if (e.message.begins_sysex())
    unfinished_.push_back(source);
}

bool sysex_gate::has_unfinished(source_id source) const noexcept {
  return std::find(unfinished_.begin(), unfinished_.end(), source) != unfinished_.end();
}

// Removes the chunks of the source's unfinished SysEx, if one waits.
void sysex_gate::drop_unfinished(source_id source) {
  if (std::erase(unfinished_, source) == 0)
    return;
  ++counters_.dropped_sysex;
  auto is_chunk = [source](const waiting_event& item) {
    return item.source == source && item.content.message.is_sysex();
  };
  auto first = waiting_.end();
  do
    --first;
  while (!is_chunk(*first) || !first->content.message.begins_sysex());
  waiting_.erase(std::remove_if(first, waiting_.end(), is_chunk), waiting_.end());
}

// Lets go what waited, in order, until an unfinished SysEx of it takes the stream.
void sysex_gate::drain(hub_time now, std::vector<event>& out) {
  while (!open_ && !waiting_.empty()) {
    auto item = waiting_.front();
    waiting_.pop_front();
    out.push_back(item.content);
    if (!item.content.message.is_sysex())
      continue;
    open(item.source, item.content, now);
    if (open_)
      follow_owner(out);
  }
}

// The new owner's chunks that wait already follow at once; everybody else goes on waiting. Looks no
// further than the SysEx goes, so that draining a queue costs no more than its length.
void sysex_gate::follow_owner(std::vector<event>& out) {
  std::vector<waiting_event> passed_over;
  while (open_ && !waiting_.empty()) {
    auto item = waiting_.front();
    waiting_.pop_front();
    if (item.source == owner_ && item.content.message.is_sysex()) {
      out.push_back(item.content);
      open_ = !item.content.message.ends_sysex();
    } else {
      passed_over.push_back(item);
    }
  }
  if (open_)
    std::erase(unfinished_, owner_);
  waiting_.insert(waiting_.begin(), passed_over.begin(), passed_over.end());
}

void sysex_gate::open(source_id source, const event& e, hub_time now) {
  open_ = !e.message.ends_sysex();
  owner_ = source;
  last_chunk_ = now;
}

void sysex_gate::cancel_open(hub_time now, std::vector<event>& out) {
  open_ = false;
  out.push_back({make_sysex(sysex_form::cancelled, {}), now, true});
}

// What it sent last still waits and goes out in its turn; an unfinished SysEx of it does not.
void sysex_gate::on_source_gone(source_id source, hub_time now, std::vector<event>& out) {
  std::erase(skipping_, source);
  drop_unfinished(source);
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
