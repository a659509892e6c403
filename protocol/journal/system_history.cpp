#include "protocol/journal/system_history.hpp"

#include "protocol/journal/system_chapters.hpp"

#include <bit>

namespace tutti::protocol {

namespace {

std::array<std::uint8_t, 4> packed_nibbles(const std::array<std::uint8_t, 8>& nibbles) noexcept {
  std::array<std::uint8_t, 4> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::uint8_t>(nibbles[2 * i] << 4 | nibbles[2 * i + 1]);
  return octets;
}

} // namespace

bool system_history::record(const ump& message, std::uint32_t sequence) {
  if (message.is_sysex()) {
    auto meaning = sysex_.record(message, sequence);
    record_sysex(meaning, sequence);
    return meaning == sysex_meaning::reset;
  }
  switch (message.status()) {
  case 0xF1:
    time_code_.apply_quarter_frame(message.data1());
    time_code_mark_ = {true, 0, sequence};
    return false;
  case 0xF3: song_ = {true, message.data1(), sequence}; return false;
  case 0xF6: tunes_.add(sequence); return false;
  case 0xFE: sensing_.add(sequence); return false;
  case 0xFF: system_reset(sequence); return true;
  default:
    if (transport_.apply(message.status(), message.data1(), message.data2()))
      transport_mark_ = {true, 0, sequence};
    return false;
  }
}

void system_history::system_reset(std::uint32_t sequence) {
  resets_.add(sequence);
  song_.present = transport_mark_.present = time_code_mark_.present = false;
  transport_ = {};
  time_code_ = {};
  sysex_.forget_contents();
}

void system_history::record_sysex(sysex_meaning meaning, std::uint32_t sequence) {
  if (meaning != sysex_meaning::full_frame)
    return;
  time_code_.apply_full_frame(sysex_.time());
  time_code_mark_ = {true, 0, sequence};
}

std::uint8_t system_history::contents() const noexcept {
  auto bit = [](bool present, std::uint8_t chapter) { return present ? chapter : 0; };
  return static_cast<std::uint8_t>(
      bit(resets_.present || tunes_.present || song_.present, toc::d) |
      bit(sensing_.present, toc::v) | bit(transport_mark_.present, toc::q) |
      bit(time_code_mark_.present, toc::f) | bit(!sysex_.empty(), toc::x));
}

std::uint8_t system_history::resets() const noexcept {
  return static_cast<std::uint8_t>((resets_.present ? toc::d : 0) |
                                   (sysex_.has_reset() ? toc::x : 0));
}

std::uint32_t system_history::oldest() const noexcept {
  std::uint32_t oldest = 0;
  auto any = false;
  auto take = [&](bool present, std::uint32_t sequence) {
    if (present && (!any || precedes(sequence, oldest))) {
      oldest = sequence;
      any = true;
    }
  };
  for (const auto* each :
       {&resets_, &tunes_, &song_, &sensing_, &transport_mark_, &time_code_mark_})
    take(each->present, each->sequence);
  if (!sysex_.empty())
    take(true, sysex_.oldest());
  return oldest;
}

bool system_history::is_held(std::uint8_t chapter, const journal_moment& moment) const noexcept {
  return (held_ & chapter) != 0 &&
         !precedes(held_until_[static_cast<std::size_t>(std::countr_zero(chapter))],
                   moment.previous);
}

bool system_history::encode(std::uint8_t wanted, const journal_moment& moment,
                            byte_writer& writer) const {
  auto start = writer.size();
  writer.u16(0);
  auto s = encode_body(wanted, moment, writer);
  if (!writer.ok())
    return s;
  std::array<std::uint8_t, system_header_size> head{};
  if ((wanted & sysex_numbers) != 0)
    wanted |= toc::x;
  write_system_header(head, s, wanted & contents(), writer.size() - start - head.size());
  for (std::size_t i = 0; i < head.size(); ++i)
    writer.patch(start + i, head[i]);
  return s;
}

std::size_t system_history::chapter_size(std::uint8_t chapter, const journal_moment& moment) const {
  std::array<std::uint8_t, max_part_length> scratch;
  byte_writer writer(scratch);
  encode_body(chapter, moment, writer);
  return writer.ok() ? writer.size() : scratch.size();
}

bool system_history::encode_body(std::uint8_t wanted, const journal_moment& moment,
                                 byte_writer& writer) const {
  auto numbers = (wanted & sysex_numbers) != 0 && !sysex_.empty();
  wanted &= contents();
  auto s = true;
  if ((wanted & toc::d) != 0)
    s &= encode_simple(moment, writer);
  if ((wanted & toc::v) != 0) {
    chapter_v chapter{sensing_.sequence != moment.previous && !is_held(toc::v, moment),
                      sensing_.value};
    encode_chapter_v(chapter, writer);
    s &= chapter.s;
  }
  if ((wanted & toc::q) != 0)
    s &= encode_transport(moment, writer);
  if ((wanted & toc::f) != 0)
    s &= encode_time_code(moment, writer);
  if ((wanted & toc::x) != 0 || numbers)
    s &= sysex_.encode(moment.previous, is_held(toc::x, moment), (wanted & toc::x) != 0, writer);
  return s;
}

bool system_history::encode_simple(const journal_moment& moment, byte_writer& writer) const {
  chapter_d chapter;
  auto held = is_held(toc::d, moment);
  auto log = [&](const tally& each, std::optional<system_log>& out) {
    if (!each.present)
      return;
    out = {each.sequence != moment.previous && !held, each.value};
    chapter.s &= out->s;
  };
  log(resets_, chapter.resets);
  log(tunes_, chapter.tunes);
  log(song_, chapter.song);
  encode_chapter_d(chapter, writer);
  return chapter.s;
}

bool system_history::encode_transport(const journal_moment& moment, byte_writer& writer) const {
  chapter_q chapter;
  chapter.s = transport_mark_.sequence != moment.previous && !is_held(toc::q, moment);
  chapter.running = transport_.running();
  chapter.played = transport_.played();
  chapter.has_position = !transport_.at_start();
  if (chapter.has_position) {
    auto back = transport_.played() ? song_transport::modulus - 1 : 0;
    chapter.position = (transport_.next() + back) % song_transport::modulus;
  }
  encode_chapter_q(chapter, writer);
  return chapter.s;
}

bool system_history::encode_time_code(const journal_moment& moment, byte_writer& writer) const {
  chapter_f chapter;
  chapter.s = time_code_mark_.sequence != moment.previous && !is_held(toc::f, moment);
  if (time_code_.has_time()) {
    const auto& time = time_code_.time();
    chapter.quarter_frames = time_code_.from_quarter_frames();
    if (chapter.quarter_frames) {
      std::array<std::uint8_t, 8> nibbles{};
      for (unsigned piece = 0; piece < nibbles.size(); ++piece)
        nibbles[piece] = quarter_frame_nibble(time, piece);
      chapter.complete = packed_nibbles(nibbles);
    } else {
      chapter.complete = {time.hours, time.minutes, time.seconds, time.frames};
    }
  }
  if (time_code_.in_series()) {
    chapter.reverse = time_code_.progress() == time_code::series::reverse;
    chapter.point = time_code_.point();
    chapter.partial = packed_nibbles(time_code_.nibbles());
  }
  encode_chapter_f(chapter, writer);
  return chapter.s;
}

void system_history::hold(std::uint8_t chapters, std::uint32_t sequence) noexcept {
  held_ |= chapters;
  for (auto bits = chapters; bits != 0; bits &= static_cast<std::uint8_t>(bits - 1))
    held_until_[static_cast<std::size_t>(std::countr_zero(bits))] = sequence;
}

void system_history::drop_through(std::uint32_t sequence) noexcept {
  auto may_drop = [&](std::uint8_t chapter) {
    auto held = (held_ & chapter) != 0;
    if (held &&
        precedes(sequence, held_until_[static_cast<std::size_t>(std::countr_zero(chapter))]))
      return false;
    held_ &= static_cast<std::uint8_t>(~chapter);
    return true;
  };
  auto drop = [&](tally& each) {
    each.present = each.present && precedes(sequence, each.sequence);
  };
  if (may_drop(toc::d)) {
    drop(resets_);
    drop(tunes_);
    drop(song_);
  }
  if (may_drop(toc::v))
    drop(sensing_);
  if (may_drop(toc::q))
    drop(transport_mark_);
  if (may_drop(toc::f))
    drop(time_code_mark_);
  if (may_drop(toc::x))
    sysex_.drop_through(sequence);
}

} // namespace tutti::protocol
