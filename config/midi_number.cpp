#include "config/midi_number.hpp"

#include "config/explain.hpp"

#include <charconv>

namespace tutti::config {
namespace {

/// What stands at the start of `text`, and how many characters it takes.
struct number_read {
  int value = 0;
  std::size_t size = 0; ///< 0: nothing that fits
};

number_read read_decimal(std::string_view text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text.empty() || text[0] == '-')
    return {};
  return {value, std::size_t(end - text.data())};
}

number_read read_note_name(std::string_view text) {
  constexpr int semitones[] = {9, 11, 0, 2, 4, 5, 7}; // A to G
  if (text.empty() || text[0] < 'A' || text[0] > 'G')
    return {};
  int pitch = semitones[text[0] - 'A'];
  std::size_t at = 1;
  if (at < text.size() && (text[at] == '#' || text[at] == 'b'))
    pitch += text[at++] == '#' ? 1 : -1;
  bool below = at < text.size() && text[at] == '-';
  at += below ? 1 : 0;
  if (at >= text.size() || text[at] < '0' || text[at] > '9')
    return {};
  int octave = text[at] - '0';
  return {(below ? -octave : octave) * 12 + 12 + pitch, at + 1};
}

number_read read_front(std::string_view text, number_kind kind) {
  auto read = read_decimal(text);
  if (read.size == 0 && kind == number_kind::note)
    read = read_note_name(text);
  int lowest = kind == number_kind::channel ? 1 : 0;
  int highest = kind == number_kind::channel ? 16 : 127;
  if (read.size == 0 || read.value < lowest || read.value > highest)
    return {};
  read.value -= lowest;
  return read;
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = static_cast<char>(c | 0x20);
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return std::nullopt;
}

/// Nothing but blanks and perhaps F7.
bool ends_message(std::string_view text) {
  auto first = text.find_first_not_of(' ');
  if (first == text.npos)
    return true;
  auto word = text.substr(first, text.find_last_not_of(' ') + 1 - first);
  return word == "F7" || word == "f7";
}

void read_into(const json_reader& place, number_kind kind, value_set& set) {
  const auto& value = place.value();
  auto text = value.is_string() ? value.get<std::string>() : value.dump();
  auto range = parse_range(text, kind);
  if (!range)
    return place.refuse(describe_value(value),
                        describe_number(kind) + std::string(", or a range such as ") +
                            (kind == number_kind::note ? "\"C2-B3\"" : "\"1-4\""));
  for (int i = range->first; i <= range->second; ++i)
    set.set(std::size_t(i));
}

} // namespace

const char* describe_number(number_kind kind) noexcept {
  switch (kind) {
  case number_kind::channel: return "a number from 1 to 16";
  case number_kind::data: return "a number from 0 to 127";
  case number_kind::note: return "a note from 0 to 127 or \"C-1\" to \"G9\"";
  }
  return "";
}

std::optional<int> parse_number(std::string_view text, number_kind kind) {
  auto read = read_front(text, kind);
  if (read.size == 0 || read.size != text.size())
    return std::nullopt;
  return read.value;
}

std::optional<std::pair<int, int>> parse_range(std::string_view text, number_kind kind) {
  auto first = read_front(text, kind);
  if (first.size == 0)
    return std::nullopt;
  if (first.size == text.size())
    return std::pair(first.value, first.value);
  if (text[first.size] != '-')
    return std::nullopt;
  auto last = parse_number(text.substr(first.size + 1), kind);
  if (!last || *last < first.value)
    return std::nullopt;
  return std::pair(first.value, *last);
}

std::optional<int> read_number(const json_reader& place, number_kind kind) {
  const auto& value = place.value();
  auto number = parse_number(value.is_string() ? value.get<std::string>() : value.dump(), kind);
  if (!number)
    place.refuse(describe_value(value), describe_number(kind));
  return number;
}

value_set read_numbers(const json_reader& place, number_kind kind) {
  value_set set;
  if (!place.value().is_array()) {
    read_into(place, kind, set);
    return set;
  }
  for (std::size_t i = 0; i < place.value().size(); ++i)
    read_into(place.at(i), kind, set);
  return set;
}

std::optional<octets_read> parse_octets(std::string_view text) {
  octets_read read;
  std::vector<std::optional<int>> all;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '*' && ends_message(text.substr(i + 1))) {
      read.rest = true;
      break;
    } else if (i + 1 < text.size() && text.substr(i, 2) == "??") {
      all.emplace_back(std::nullopt);
      i += 2;
    } else {
      auto high = hex_digit(text[i]);
      auto low = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
      if (!high || !low)
        return std::nullopt;
      all.emplace_back(*high * 16 + *low);
      i += 2;
    }
  }
  if (!all.empty() && all.front() == 0xF0)
    all.erase(all.begin());
  if (!all.empty() && all.back() == 0xF7 && !read.rest)
    all.pop_back();
  for (const auto& octet : all) {
    if (octet && *octet > 0x7F)
      return std::nullopt;
    read.octets.push_back(octet ? std::optional(static_cast<std::uint8_t>(*octet)) : std::nullopt);
  }
  return read;
}

} // namespace tutti::config
