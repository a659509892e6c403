#include "cli/midi_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tutti::cli {

namespace {

struct wording {
  const char* type;
  const char* words;
  const char* color;
};

constexpr std::array<wording, 19> wordings{{
    {"note_on", "note on", "\x1b[32m"},
    {"note_off", "note off", "\x1b[2;32m"},
    {"poly_pressure", "poly pressure", "\x1b[36m"},
    {"controller", "controller", "\x1b[33m"},
    {"program", "program", "\x1b[35m"},
    {"channel_pressure", "pressure", "\x1b[36m"},
    {"pitch_bend", "pitch bend", "\x1b[36m"},
    {"sysex", "sysex", "\x1b[34m"},
    {"time_code", "time code", "\x1b[2m"},
    {"song_position", "song position", "\x1b[31m"},
    {"song_select", "song select", "\x1b[31m"},
    {"tune_request", "tune request", "\x1b[31m"},
    {"clock", "clock", "\x1b[2m"},
    {"start", "start", "\x1b[31m"},
    {"continue", "continue", "\x1b[31m"},
    {"stop", "stop", "\x1b[31m"},
    {"active_sensing", "active sensing", "\x1b[2m"},
    {"reset", "reset", "\x1b[31m"},
    {"ump", "MIDI 2.0", "\x1b[34m"},
}};

const wording& wording_of(const json& message) {
  auto type = message.value("type", "");
  auto found = std::find_if(wordings.begin(), wordings.end(),
                            [&](const auto& one) { return type == one.type; });
  return found == wordings.end() ? wordings.back() : *found;
}

std::string number_of(const json& message, const char* key) {
  return message.contains(key) ? std::to_string(message[key].get<int>()) : std::string();
}

} // namespace

std::string note_name(int note) {
  constexpr std::array<const char*, 12> names{"C",  "C#", "D",  "D#", "E",  "F",
                                              "F#", "G",  "G#", "A",  "A#", "B"};
  return names[static_cast<std::size_t>(note % 12)] + std::to_string(note / 12 - 1);
}

std::string midi_words(const json& message, const std::string& octets) {
  const auto& how = wording_of(message);
  std::string first, second;
  if (message.contains("note"))
    first = note_name(message["note"].get<int>());
  for (auto key : {"controller", "program", "song"})
    if (message.contains(key))
      first = number_of(message, key);
  second = number_of(message, message.contains("velocity") ? "velocity" : "value");
  if (std::string_view(how.type) == "sysex" || std::string_view(how.type) == "ump")
    first = octets.empty() ? message.value("words", json()).dump() : octets;
  auto channel = message.contains("channel")
                     ? fmt::format("ch {:>2}", message["channel"].get<int>())
                     : std::string("     ");
  auto out = fmt::format("{}  {:<14}  {:<4}  {}", channel, how.words, first, second);
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

const char* midi_color(const json& message) {
  return wording_of(message).color;
}

} // namespace tutti::cli
