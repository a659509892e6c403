// MIDI 1.0 byte streams; see the header for what is decided here.
// Decides: octet by octet, what a message is and when a SysEx chunk is full.
// Leaves: time, sockets and devices (io).
// Spec: MIDI 1.0 Detailed Specification; chunks as in M2-104-UM section 7.7. Thread: values.
#include "protocol/midi_stream.hpp"

namespace tutti::protocol {

namespace {

constexpr bool is_status(std::uint8_t octet) noexcept {
  return octet >= 0x80;
}

constexpr bool is_real_time(std::uint8_t octet) noexcept {
  return octet >= 0xF8;
}

constexpr bool is_undefined(std::uint8_t status) noexcept {
  return status == 0xF4 || status == 0xF5 || status == 0xF9 || status == 0xFD;
}

} // namespace

void midi_stream_parser::parse(byte_view bytes, std::vector<ump>& out) {
  for (auto octet : bytes)
    take(octet, out);
}

void midi_stream_parser::reset(std::vector<ump>& out) {
  if (in_sysex_ && sysex_started_)
    out.push_back(make_sysex(sysex_form::cancelled, {}, group_));
  in_sysex_ = false;
  skipping_ = false;
  status_ = 0;
  begun_ = false;
  have_ = 0;
}

void midi_stream_parser::take(std::uint8_t octet, std::vector<ump>& out) {
  if (!is_status(octet)) {
    take_data(octet, out);
  } else if (!is_real_time(octet)) {
    take_status(octet, out);
  } else if (is_undefined(octet)) {
    ++counters_.undefined_status;
  } else {
    // Real-time interrupts nothing: neither a half-read message nor running status nor SysEx.
    out.push_back(make_short(octet, 0, 0, group_));
  }
}

void midi_stream_parser::take_data(std::uint8_t octet, std::vector<ump>& out) {
  if (skipping_)
    return;
  if (in_sysex_) {
    take_sysex_data(octet, out);
    return;
  }
  if (status_ == 0) {
    ++counters_.stray_data;
    return;
  }
  begun_ = true;
  data_[have_++] = octet;
  if (have_ == needed_)
    finish_message(out);
}

void midi_stream_parser::take_sysex_data(std::uint8_t octet, std::vector<ump>& out) {
  if (sysex_octets_ == sysex_limit_) {
    ++counters_.oversize_sysex;
    reset(out);
    skipping_ = true;
    return;
  }
  ++sysex_octets_;
  // A full chunk leaves only when an octet follows it, so that the last one can be marked as such.
  if (have_ == data_.size())
    flush_sysex(sysex_started_ ? sysex_form::proceed : sysex_form::start, out);
  data_[have_++] = octet;
}

void midi_stream_parser::take_status(std::uint8_t octet, std::vector<ump>& out) {
  bool ends_sysex = in_sysex_ && octet == 0xF7;
  if (ends_sysex)
    flush_sysex(sysex_started_ ? sysex_form::end : sysex_form::complete, out);
  else if (in_sysex_)
    ++counters_.cancelled_sysex;
  else if (begun_)
    ++counters_.unfinished_message;
  if (ends_sysex)
    in_sysex_ = false;
  reset(out);

  if (octet == 0xF7)
    return;
  if (octet == 0xF0) {
    in_sysex_ = true;
    sysex_started_ = false;
    sysex_octets_ = 0;
    return;
  }
  if (is_undefined(octet)) {
    ++counters_.undefined_status;
    return;
  }
  status_ = octet;
  needed_ = static_cast<std::uint8_t>(short_message_size(octet) - 1);
  begun_ = true;
  if (needed_ == 0)
    finish_message(out);
}

void midi_stream_parser::finish_message(std::vector<ump>& out) {
  out.push_back(
      make_short(status_, needed_ > 0 ? data_[0] : 0, needed_ > 1 ? data_[1] : 0, group_));
  have_ = 0;
  begun_ = false;
  if (status_ >= 0xF0) // System Common has no running status
    status_ = 0;
}

void midi_stream_parser::flush_sysex(sysex_form form, std::vector<ump>& out) {
  out.push_back(make_sysex(form, byte_view(data_).first(have_), group_));
  have_ = 0;
  sysex_started_ = true;
}

void midi_stream_writer::write(const ump& message, std::vector<std::uint8_t>& out) {
  if (message.is_sysex()) {
    write_sysex(message, out);
    return;
  }
  auto status = message.status();
  bool fits = message.is_channel_voice() ? status >= 0x80 && status < 0xF0
              : message.is_system()      ? status > 0xF0 && status != 0xF7
                                         : false;
  if (!fits || is_undefined(status))
    return;
  if (!is_real_time(status))
    reset(out);
  auto size = short_message_size(status);
  out.push_back(status);
  if (size > 1)
    out.push_back(message.data1());
  if (size > 2)
    out.push_back(message.data2());
}

void midi_stream_writer::write_sysex(const ump& chunk, std::vector<std::uint8_t>& out) {
  auto form = chunk.form();
  bool starts = form == sysex_form::complete || form == sysex_form::start;
  bool ends = form == sysex_form::complete || form == sysex_form::end;
  if (form == sysex_form::cancelled) {
    reset(out);
    return;
  }
  if (starts) {
    reset(out);
    out.push_back(0xF0);
    in_sysex_ = true;
  }
  // Without its start, the rest of a SysEx would be stray data to the reader.
  if (!in_sysex_ || (!starts && !ends && form != sysex_form::proceed))
    return;
  for (unsigned i = 0; i < chunk.sysex_size(); ++i)
    out.push_back(chunk.sysex_octet(i));
  if (ends)
    reset(out);
}

void midi_stream_writer::reset(std::vector<std::uint8_t>& out) {
  if (in_sysex_)
    out.push_back(0xF7);
  in_sysex_ = false;
}

} // namespace tutti::protocol
