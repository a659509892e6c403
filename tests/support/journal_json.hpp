// Journals as the vector files write their meaning: the wire's fields by name, as JSON.
#pragma once

#include "protocol/journal/channel_chapters.hpp"
#include "protocol/journal/journal_frame.hpp"
#include "protocol/journal/parameter_chapter.hpp"
#include "protocol/journal/sysex_chapter.hpp"
#include "protocol/journal/system_chapters.hpp"
#include "tests/support/hex.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace tutti::test {

using nlohmann::json;
using protocol::byte_reader;

inline json to_json(const protocol::chapter_p& c) {
  return {{"S", int(c.s)},          {"program", c.program},    {"B", int(c.has_bank)},
          {"bank_msb", c.bank_msb}, {"X", int(c.bank_is_old)}, {"bank_lsb", c.bank_lsb}};
}

inline json to_json(const protocol::chapter_c& c) {
  json logs = json::array();
  for (std::size_t i = 0; i < c.logs.size(); ++i) {
    auto log = c.logs[i];
    const char* tools[] = {"value", "toggle", "count"};
    logs.push_back({{"S", int(log.s)},
                    {"number", log.number},
                    {"tool", tools[static_cast<int>(log.tool)]},
                    {"value", log.value}});
  }
  return {{"S", int(c.s)}, {"logs", logs}};
}

inline json to_json(const protocol::chapter_m& c) {
  json out = {{"S", int(c.s)},
              {"P", int(c.pending)},
              {"E", int(c.in_progress)},
              {"U", int(c.only_registered)},
              {"W", int(c.only_non_registered)},
              {"Z", int(c.only_msb_0)},
              {"length", 2 + int(c.pending) + c.logs.size()},
              {"logs", json::array()}};
  if (c.pending) {
    out["Q"] = int(c.pending_non_registered);
    out["pending"] = c.pending_msb;
  }
  protocol::parameter_log_reader reader(c);
  for (protocol::parameter_log log; reader.next(log);) {
    json entry = {{"S", int(log.s)}, {"nrpn", int(log.non_registered)}, {"msb", log.msb},
                  {"lsb", log.lsb},  {"T", int(log.count_tool)},        {"V", int(log.value_tool)}};
    auto add = [&](const char* name, const std::optional<protocol::parameter_entry>& field) {
      if (!field)
        return;
      entry[name + std::string("_X")] = int(field->is_old);
      entry[name] = field->value;
    };
    add("entry_msb", log.entry_msb);
    add("entry_lsb", log.entry_lsb);
    add("count", log.count);
    if (log.buttons) {
      entry["a_button_X"] = int(log.buttons->is_old);
      entry["a_button"] = log.buttons->clicks;
    }
    if (log.fresh_buttons)
      entry["c_button"] = log.fresh_buttons->clicks;
    out["logs"].push_back(entry);
  }
  return out;
}

inline json to_json(const protocol::chapter_w& c) {
  return {
      {"S", int(c.s)}, {"first", c.value & 0x7F}, {"second", c.value >> 7}, {"value14", c.value}};
}

inline json to_json(const protocol::chapter_n& c) {
  json out = {{"B", int(c.no_recent_off)},
              {"low", c.low},
              {"high", c.high},
              {"logs", json::array()},
              {"off_notes", json::array()}};
  for (std::size_t i = 0; i < c.logs.size(); ++i) {
    auto log = c.logs[i];
    out["logs"].push_back(
        {{"S", int(log.s)}, {"note", log.note}, {"Y", int(log.play)}, {"velocity", log.velocity}});
  }
  for (std::uint8_t note = 0; note < 128; ++note)
    if (c.is_off(note))
      out["off_notes"].push_back(note);
  return out;
}

inline json to_json(const protocol::chapter_e& c) {
  json logs = json::array();
  for (std::size_t i = 0; i < c.logs.size(); ++i) {
    auto log = c.logs[i];
    logs.push_back({{"S", int(log.s)},
                    {"note", log.note},
                    {log.is_velocity ? "release_velocity" : "ref_count", log.value}});
  }
  return {{"S", int(c.s)}, {"logs", logs}};
}

inline json to_json(const protocol::chapter_t& c) {
  return {{"S", int(c.s)}, {"pressure", c.pressure}};
}

inline json to_json(const protocol::chapter_a& c) {
  json logs = json::array();
  for (std::size_t i = 0; i < c.logs.size(); ++i) {
    auto log = c.logs[i];
    logs.push_back({{"S", int(log.s)},
                    {"note", log.note},
                    {"X", int(log.is_old)},
                    {"pressure", log.pressure}});
  }
  return {{"S", int(c.s)}, {"logs", logs}};
}

inline json to_json(const protocol::chapter_d& c) {
  json out = {{"S", int(c.s)}};
  auto add = [&](const std::string& name, const std::optional<protocol::system_log>& log) {
    if (!log)
      return;
    out[name] = log->value;
    out[name + "_S"] = int(log->s);
  };
  add("reset_count", c.resets);
  add("tune_count", c.tunes);
  add("song", c.song);
  auto add_common = [&](const char* name,
                        const std::optional<protocol::undefined_common_log>& log) {
    if (!log)
      return;
    auto length = 2 + int(log->count.has_value()) + log->value.size() + log->legal.size();
    out[name] = {{"S", int(log->s)}, {"dsz", log->data_size}, {"length", length}};
    if (log->count)
      out[name]["count"] = *log->count;
    if (!log->value.empty()) {
      octets value(log->value.begin(), log->value.end());
      value.back() &= 0x7F;
      out[name]["value"] = to_hex(value);
    }
  };
  add_common("f4", c.f4);
  add_common("f5", c.f5);
  auto add_real_time = [&](const char* name,
                           const std::optional<protocol::undefined_real_time_log>& log) {
    if (!log)
      return;
    auto length = 1 + int(log->count.has_value()) + log->legal.size();
    out[name] = {{"S", int(log->s)}, {"length", length}};
    if (log->count)
      out[name]["count"] = *log->count;
  };
  add_real_time("f9", c.f9);
  add_real_time("fd", c.fd);
  return out;
}

inline json to_json(const protocol::chapter_v& c) {
  return {{"S", int(c.s)}, {"count", c.count}};
}

inline json to_json(const protocol::chapter_q& c) {
  json out = {{"S", int(c.s)},
              {"N", int(c.running)},
              {"D", int(c.played)},
              {"C", int(c.has_position)},
              {"T", int(c.time_tools.has_value())},
              {"top", c.has_position ? c.position >> 16 : c.position}};
  if (c.has_position) {
    out["clock"] = c.position & 0xFFFF;
    out["position"] = c.position;
  }
  if (c.time_tools)
    out["timetools_ms"] = *c.time_tools;
  return out;
}

inline json nibbles(const std::array<std::uint8_t, 4>& packed) {
  json out = json::array();
  for (auto octet : packed) {
    out.push_back(octet >> 4);
    out.push_back(octet & 15);
  }
  return out;
}

inline json to_json(const protocol::chapter_f& c) {
  json out = {{"S", int(c.s)},
              {"C", int(c.complete.has_value())},
              {"P", int(c.partial.has_value())},
              {"Q", int(c.quarter_frames)},
              {"D", int(c.reverse)},
              {"point", c.point}};
  if (c.complete && c.quarter_frames)
    out["complete_nibbles"] = nibbles(*c.complete);
  else if (c.complete)
    out["complete_hr_mn_sc_fr"] = *c.complete;
  if (c.partial)
    out["partial_nibbles"] = nibbles(*c.partial);
  return out;
}

inline json to_json(const protocol::chapter_x& c) {
  json logs = json::array();
  protocol::sysex_log_reader reader(c);
  for (protocol::sysex_log log; reader.next(log);) {
    const char* states[] = {"unfinished", "cancelled", "dropped_f7", "finished"};
    json entry = {{"S", int(log.s)},
                  {"L", int(log.list_tool)},
                  {"status", states[static_cast<int>(log.status)]}};
    if (log.type_count)
      entry["tcount"] = *log.type_count;
    if (log.count)
      entry["count"] = *log.count;
    if (log.first)
      entry["first"] = *log.first;
    if (!log.data.empty()) {
      octets data(log.data.begin(), log.data.end());
      data.back() &= 0x7F;
      entry["data"] = to_hex(data);
    }
    logs.push_back(entry);
  }
  return {{"logs", logs}};
}

/// One chapter that fills `bytes`; null if it is broken or leaves octets over.
template <class Chapter>
json chapter_json(protocol::decoded<Chapter> (&decode)(byte_reader&), byte_reader& reader) {
  auto chapter = decode(reader);
  return chapter ? to_json(*chapter) : json();
}

inline json chapter_json(char letter, bool of_channel, byte_reader& reader) {
  using namespace protocol;
  switch (letter) {
  case 'P': return chapter_json(decode_chapter_p, reader);
  case 'C': return chapter_json(decode_chapter_c, reader);
  case 'M': return chapter_json(decode_chapter_m, reader);
  case 'W': return chapter_json(decode_chapter_w, reader);
  case 'N': return chapter_json(decode_chapter_n, reader);
  case 'E': return chapter_json(decode_chapter_e, reader);
  case 'T': return chapter_json(decode_chapter_t, reader);
  case 'A': return chapter_json(decode_chapter_a, reader);
  case 'D': return chapter_json(decode_chapter_d, reader);
  case 'V': return chapter_json(decode_chapter_v, reader);
  case 'Q': return chapter_json(decode_chapter_q, reader);
  case 'F': return chapter_json(decode_chapter_f, reader);
  case 'X': return of_channel ? json() : chapter_json(decode_chapter_x, reader);
  default: return json();
  }
}

/// The chapters named by `contents`, whose highest bit is that of letters[0].
inline void add_chapters(json& out, const std::string& letters, unsigned contents,
                         protocol::byte_view body) {
  byte_reader reader(body);
  std::string toc;
  out["chapters"] = json::object();
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if ((contents >> (letters.size() - 1 - i) & 1) == 0)
      continue;
    toc += letters[i];
    out["chapters"][std::string(1, letters[i])] =
        chapter_json(letters[i], letters.size() == 8, reader);
  }
  out["toc"] = toc;
  if (!reader.empty())
    out["extra_octets"] = to_hex(reader.rest());
}

inline json system_json(byte_reader& reader) {
  auto part = protocol::decode_system_journal(reader);
  if (!part)
    return json();
  json out = {{"S", int(part->s)}, {"length", part->body.size() + 2}};
  add_chapters(out, "DVQFX", part->contents, part->body);
  return out;
}

inline json channel_json(byte_reader& reader) {
  auto part = protocol::decode_channel_journal(reader);
  if (!part)
    return json();
  json out = {{"S", int(part->s)},
              {"channel", part->channel},
              {"H", int(part->enhanced)},
              {"length", part->body.size() + 3}};
  add_chapters(out, "PCMWNETA", part->contents, part->body);
  return out;
}

inline json journal_json(protocol::byte_view bytes) {
  byte_reader reader(bytes);
  auto header = protocol::decode_journal_header(reader);
  if (!header)
    return json();
  json out = {{"S", int(header->s)},
              {"Y", int(header->has_system)},
              {"A", int(header->channels > 0)},
              {"H", int(header->enhanced)},
              {"totchan", header->channels > 0 ? header->channels - 1 : 0},
              {"checkpoint", header->checkpoint}};
  if (header->has_system)
    out["system"] = system_json(reader);
  for (unsigned i = 0; i < header->channels; ++i)
    out["channels"].push_back(channel_json(reader));
  return out;
}

} // namespace tutti::test
