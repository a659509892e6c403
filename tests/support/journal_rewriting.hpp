// Takes a journal apart and writes it again, every chapter by its own encoder.
#pragma once

#include "protocol/journal/channel_chapters.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/parameter_chapter.hpp"
#include "protocol/journal/sysex_chapter.hpp"
#include "protocol/journal/system_chapters.hpp"
#include "tests/support/hex.hpp"

#include <array>
#include <optional>
#include <vector>

namespace tutti::test {

using protocol::byte_reader;
using protocol::byte_view;
using protocol::byte_writer;

template <class Log>
std::vector<Log> logs_of(const protocol::log_list<Log>& list) {
  std::vector<Log> logs;
  for (std::size_t i = 0; i < list.size(); ++i)
    logs.push_back(list[i]);
  return logs;
}

inline void rewrite(const protocol::chapter_p& c, byte_writer& writer) {
  encode_chapter_p(c, writer);
}
inline void rewrite(const protocol::chapter_c& c, byte_writer& writer) {
  encode_chapter_c(c.s, logs_of(c.logs), writer);
}
inline void rewrite(const protocol::chapter_m& c, byte_writer& writer) {
  octets room(2048);
  byte_writer logs(room);
  protocol::parameter_log_reader reader(c);
  for (protocol::parameter_log log; reader.next(log);)
    encode_parameter_log(log, c.has_short_logs(), logs);
  auto copy = c;
  copy.logs = logs.written();
  encode_chapter_m(copy, writer);
}
inline void rewrite(const protocol::chapter_w& c, byte_writer& writer) {
  encode_chapter_w(c, writer);
}
inline void rewrite(const protocol::chapter_n& c, byte_writer& writer) {
  std::array<std::uint8_t, 16> off_bits{};
  for (std::size_t i = 0; i < c.off_bits.size(); ++i)
    off_bits[c.low + i] = c.off_bits[i];
  encode_chapter_n(c.no_recent_off, logs_of(c.logs), off_bits, writer);
}
inline void rewrite(const protocol::chapter_e& c, byte_writer& writer) {
  encode_chapter_e(c.s, logs_of(c.logs), writer);
}
inline void rewrite(const protocol::chapter_t& c, byte_writer& writer) {
  encode_chapter_t(c, writer);
}
inline void rewrite(const protocol::chapter_a& c, byte_writer& writer) {
  encode_chapter_a(c.s, logs_of(c.logs), writer);
}
inline void rewrite(const protocol::chapter_d& c, byte_writer& writer) {
  encode_chapter_d(c, writer);
}
inline void rewrite(const protocol::chapter_v& c, byte_writer& writer) {
  encode_chapter_v(c, writer);
}
inline void rewrite(const protocol::chapter_q& c, byte_writer& writer) {
  encode_chapter_q(c, writer);
}
inline void rewrite(const protocol::chapter_f& c, byte_writer& writer) {
  encode_chapter_f(c, writer);
}
inline void rewrite(const protocol::chapter_x& c, byte_writer& writer) {
  protocol::sysex_log_reader reader(c);
  auto first = true;
  for (protocol::sysex_log log; reader.next(log); first = false) {
    if (first)
      log.s = c.s;
    encode_sysex_log(log, writer);
  }
}

/// False if the chapter is broken; then nothing of it is written.
template <class Chapter>
bool rewrite(protocol::decoded<Chapter> (&decode)(byte_reader&), byte_reader& reader,
             byte_writer& writer) {
  auto chapter = decode(reader);
  if (chapter)
    rewrite(*chapter, writer);
  return static_cast<bool>(chapter);
}

/// The chapters of a part that can be read, and their bits; octets after them are left out.
inline octets rewrite_body(bool of_channel, std::uint8_t contents, byte_view body,
                           std::uint8_t& kept) {
  using namespace protocol;
  octets room(4096);
  byte_reader reader(body);
  byte_writer writer(room);
  kept = 0;
  for (std::uint8_t bit = 0x80; bit != 0; bit >>= 1) {
    if ((contents & bit) == 0)
      continue;
    auto whole = false;
    if (of_channel)
      switch (bit) {
      case toc::p: whole = rewrite(decode_chapter_p, reader, writer); break;
      case toc::c: whole = rewrite(decode_chapter_c, reader, writer); break;
      case toc::m: whole = rewrite(decode_chapter_m, reader, writer); break;
      case toc::w: whole = rewrite(decode_chapter_w, reader, writer); break;
      case toc::n: whole = rewrite(decode_chapter_n, reader, writer); break;
      case toc::e: whole = rewrite(decode_chapter_e, reader, writer); break;
      case toc::t: whole = rewrite(decode_chapter_t, reader, writer); break;
      default: whole = rewrite(decode_chapter_a, reader, writer); break;
      }
    else
      switch (bit) {
      case toc::d: whole = rewrite(decode_chapter_d, reader, writer); break;
      case toc::v: whole = rewrite(decode_chapter_v, reader, writer); break;
      case toc::q: whole = rewrite(decode_chapter_q, reader, writer); break;
      case toc::f: whole = rewrite(decode_chapter_f, reader, writer); break;
      default: whole = rewrite(decode_chapter_x, reader, writer); break;
      }
    if (!whole)
      break;
    kept |= bit;
  }
  return {room.begin(), room.begin() + static_cast<std::ptrdiff_t>(writer.size())};
}

/// The journal as we would write what it says; nothing if its frame is broken.
inline std::optional<octets> rewrite_journal(byte_view journal) {
  using namespace protocol;
  octets room(32768);
  byte_reader reader(journal);
  byte_writer writer(room);
  auto header = decode_journal_header(reader);
  if (!header)
    return std::nullopt;
  encode_journal_header(*header, writer);
  if (header->has_system) {
    auto part = decode_system_journal(reader);
    if (!part)
      return std::nullopt;
    auto body = rewrite_body(false, part->contents, part->body, part->contents);
    part->body = body;
    encode_system_journal(*part, writer);
  }
  for (unsigned i = 0; i < header->channels; ++i) {
    auto part = decode_channel_journal(reader);
    if (!part)
      return std::nullopt;
    auto body = rewrite_body(true, part->contents, part->body, part->contents);
    part->body = body;
    encode_channel_journal(*part, writer);
  }
  return octets(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(writer.size()));
}

} // namespace tutti::test
