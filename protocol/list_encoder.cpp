#include "protocol/list_encoder.hpp"

#include "protocol/rtp_packet.hpp"

#include <array>

namespace tutti::protocol {

namespace {

// Longest short command with its delta, and the least that a SysEx segment takes: delta, head, a
// chunk, tail.
constexpr std::size_t max_short_octets = 4 + 3;
constexpr std::size_t max_chunk_octets = 4 + 1 + 6 + 1;

constexpr std::uint64_t max_delta_ticks = (1u << 28) - 1;

/// Everything else would be read as something else, and the rest of the list with it.
bool has_short_form(const ump& message) noexcept {
  auto status = message.status();
  if (message.is_channel_voice())
    return status >= 0x80 && status < 0xF0;
  if (!message.is_system() || status < 0xF0)
    return false;
  return status != 0xF0 && status != 0xF4 && status != 0xF5 && status != 0xF7 && status != 0xF9 &&
         status != 0xFD;
}

class list_builder {
public:
  list_builder(midi_lists& out, std::size_t limit)
      : out_(out)
      , limit_(limit) {}

  void add(const event& e, std::uint32_t index) {
    new_list_ |= e.starts_list;
    if (e.message.is_sysex())
      return add_sysex(e, index);
    if (!has_short_form(e.message))
      return;
    close_segment(0xF0);
    open(e, index, max_short_octets);
    delta(e.at);
    auto status = e.message.status();
    auto size = short_message_size(status);
    put(status);
    if (size > 1)
      put(e.message.data1());
    if (size > 2)
      put(e.message.data2());
  }

  void finish() {
    close_segment(0xF0);
    close_list();
  }

private:
  // Consecutive chunks become one segment: its head is written with the first, its tail when the
  // SysEx ends (F7), is cancelled (F4), or something else comes between or the list is full (F0).
  void add_sysex(const event& e, std::uint32_t index) {
    auto form = e.message.form();
    auto begins = e.message.begins_sysex();
    auto cancels = form == sysex_form::cancelled;
    if (begins || cancels)
      close_segment(0xF0);
    open(e, index, max_chunk_octets);
    if (!in_segment_) {
      delta(e.at);
      put(begins ? 0xF0 : 0xF7);
      in_segment_ = true;
    }
    for (unsigned i = 0; i < e.message.sysex_size(); ++i)
      put(e.message.sysex_octet(i));
    if (cancels)
      close_segment(0xF4);
    else if (form == sysex_form::end || form == sysex_form::complete)
      close_segment(0xF7);
  }

  // Makes sure that a list is open and has room for `octets` more.
  void open(const event& e, std::uint32_t index, std::size_t octets) {
    auto time = clock_ticks(e.at);
    auto full = out_.octets.size() - list_.offset + octets > limit_;
    auto too_far = !in_segment_ && time > last_ + max_delta_ticks;
    if (is_open_ && (full || too_far || new_list_)) {
      close_segment(0xF0);
      close_list();
    }
    if (!is_open_) {
      is_open_ = true;
      last_ = time;
      list_ = {};
      list_.offset = static_cast<std::uint32_t>(out_.octets.size());
      list_.timestamp = static_cast<std::uint32_t>(time);
      list_.first_event = index;
    }
    new_list_ = false;
    list_.event_count = index - list_.first_event + 1;
  }

  void delta(hub_time at) {
    if (out_.octets.size() == list_.offset)
      return; // Z=0: the first command has no delta
    auto ticks = clock_ticks(at);
    auto later = ticks > last_ ? ticks - last_ : 0;
    last_ += later;
    list_.duration += static_cast<std::uint32_t>(later);
    std::array<std::uint8_t, 4> room;
    byte_writer writer(room);
    encode_delta_time(static_cast<std::uint32_t>(later), writer);
    out_.octets.insert(out_.octets.end(), room.begin(), room.begin() + writer.size());
  }

  void put(std::uint8_t octet) { out_.octets.push_back(octet); }

  void close_segment(std::uint8_t tail) {
    if (in_segment_)
      put(tail);
    in_segment_ = false;
  }

  void close_list() {
    if (is_open_) {
      list_.size = static_cast<std::uint32_t>(out_.octets.size()) - list_.offset;
      if (list_.size > 0)
        out_.lists.push_back(list_);
    }
    is_open_ = false;
  }

  midi_lists& out_;
  std::size_t limit_;
  midi_list list_;
  bool is_open_ = false;
  bool in_segment_ = false;
  bool new_list_ = false;  ///< an event since the last command starts a list in its source
  std::uint64_t last_ = 0; ///< time of the last command, in ticks
};

} // namespace

[[gnu::hot]] void encode_lists(std::span<const event> events, midi_lists& out, std::size_t limit) {
  list_builder builder(out, limit);
  for (std::uint32_t i = 0; i < events.size(); ++i)
    builder.add(events[i], i);
  builder.finish();
}

} // namespace tutti::protocol
