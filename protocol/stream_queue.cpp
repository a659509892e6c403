#include "protocol/stream_queue.hpp"

#include <algorithm>
#include <cassert>

namespace tutti::protocol {

namespace {

// Octets handed out at a time while a queue stands: few, so that the rest can still be thinned.
constexpr std::size_t portion = 16 * 1024;

/// Where the message at `at` ends. Inside a SysEx that is behind its F7, or the end of the bytes;
/// `within_sysex` tells in which state the bytes go on from there.
std::size_t message_end(byte_view bytes, std::size_t at, bool& within_sysex) {
  if (!within_sysex && bytes[at] != 0xF0)
    return at + short_message_size(bytes[at]);
  auto end = std::find(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), 0xF7);
  within_sysex = end == bytes.end();
  return static_cast<std::size_t>(end - bytes.begin()) + !within_sysex;
}

bool is_repeated(byte_view message) {
  return message[0] == 0xF8 || message[0] == 0xFE;
}

bool is_note_on(byte_view message) {
  return (message[0] & 0xF0) == 0x90 && message[2] > 0;
}

} // namespace

bool stream_queue::write(const ump& message) {
  auto was_open = writer_.in_sysex();
  auto before = waiting_.size();
  writer_.write(message, waiting_);
  auto added = waiting_.size() - before;
  // What stands between F0 and F7 counts as SysEx, and so does the F7 that a message closes it
  // with.
  auto within = message.is_sysex() || (was_open && writer_.in_sysex());
  auto of_sysex = within ? added : was_open && added > 0 ? 1 : 0;
  sysex_octets_ += of_sysex;
  short_octets_ += added - of_sysex;
  return sysex_octets_ <= limits_.sysex_octets &&
         (short_octets_ <= limits_.short_octets || make_room(short_octets_ - limits_.short_octets));
}

// Thins more than is needed now, so that a reader that stays behind does not cost a pass a message.
bool stream_queue::make_room(std::size_t octets) {
  auto wanted = octets + limits_.short_octets / 8;
  auto before = short_octets_;
  counters_.dropped_real_time += drop(wanted, is_repeated);
  auto freed = before - short_octets_;
  if (freed < wanted)
    counters_.dropped_note_ons += drop(wanted - freed, is_note_on);
  return before - short_octets_ >= octets;
}

/// Drops the oldest droppable messages until `octets` are free; returns how many messages.
template <class Droppable>
std::uint64_t stream_queue::drop(std::size_t octets, Droppable droppable) {
  auto bytes = waiting();
  auto within = within_sysex_;
  std::uint64_t dropped = 0;
  std::size_t freed = 0, to = begin_;
  for (std::size_t at = 0; at < bytes.size();) {
    auto sysex = within || bytes[at] == 0xF0;
    auto end = message_end(bytes, at, within);
    auto message = bytes.subspan(at, end - at);
    at = end;
    if (!sysex && freed < octets && droppable(message)) {
      freed += message.size();
      ++dropped;
      continue;
    }
    std::copy(message.begin(), message.end(), waiting_.begin() + static_cast<std::ptrdiff_t>(to));
    to += message.size();
  }
  waiting_.resize(to);
  short_octets_ -= freed;
  return dropped;
}

byte_view stream_queue::front() {
  if (left_ == leaving_.size())
    refill();
  return byte_view(leaving_).subspan(left_);
}

void stream_queue::pop(std::size_t count) noexcept {
  assert(count <= leaving_.size() - left_);
  left_ += count;
}

void stream_queue::refill() {
  leaving_.clear();
  left_ = 0;
  leaving_within_sysex_ = within_sysex_;
  if (begin_ == 0 && waiting_.size() <= portion) { // the usual case: all of it, without a look
    leaving_.swap(waiting_);
    within_sysex_ = writer_.in_sysex();
    short_octets_ = sysex_octets_ = 0;
    return;
  }
  auto bytes = waiting();
  bytes = bytes.first(std::min(bytes.size(), portion + 2)); // room for the last short message
  std::size_t at = 0;
  while (at < bytes.size() && at < portion) {
    auto sysex = within_sysex_ || bytes[at] == 0xF0;
    auto end = message_end(bytes, at, within_sysex_);
    (sysex ? sysex_octets_ : short_octets_) -= end - at;
    at = end;
  }
  leaving_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  begin_ += at;
  if (begin_ == waiting_.size() || begin_ >= waiting_.size() / 2) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
}

void stream_queue::discard() {
  auto within = leaving_within_sysex_;
  for (std::size_t i = 0; i < left_; ++i)
    within = leaving_[i] == 0xF0 || (within && leaving_[i] != 0xF7);
  leaving_.clear();
  waiting_.clear();
  left_ = begin_ = short_octets_ = sysex_octets_ = 0;
  within_sysex_ = false;
  writer_ = {};
  leaving_within_sysex_ = within;
  if (within)
    leaving_.push_back(0xF7);
}

byte_view next_piece(byte_view bytes) noexcept {
  if (bytes.empty())
    return {};
  auto first = bytes.front();
  if (first >= 0x80 && first != 0xF0)
    return bytes.first(first == 0xF7 ? 1 : short_message_size(first));
  auto end = std::find_if(bytes.begin() + 1, bytes.end(), [](auto octet) { return octet >= 0x80; });
  auto size = static_cast<std::size_t>(end - bytes.begin());
  return bytes.first(end != bytes.end() && *end == 0xF7 ? size + 1 : size);
}

} // namespace tutti::protocol
