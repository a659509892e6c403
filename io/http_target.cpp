#include "io/http_target.hpp"

#include <algorithm>
#include <cstdint>

namespace tutti::io {

namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool is_clean(std::string_view text) noexcept {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

std::optional<std::string> decode_clean(std::string_view text, bool plus_is_blank) {
  auto decoded = percent_decode(text, plus_is_blank);
  if (!decoded || !is_clean(*decoded))
    return std::nullopt;
  return decoded;
}

/// Calls `use` with each part of `text` between separators; stops at the first that it refuses.
template <class Use>
bool for_each_part(std::string_view text, char separator, Use use) {
  for (;;) {
    auto end = text.find(separator);
    if (!use(text.substr(0, end)))
      return false;
    if (end == text.npos)
      return true;
    text.remove_prefix(end + 1);
  }
}

} // namespace

std::optional<std::string_view> http_target::parameter(std::string_view name) const noexcept {
  for (const auto& [key, value] : query)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<http_target> parse_target(std::string_view text) {
  if (text.size() > max_target || text.empty() || text.front() != '/')
    return std::nullopt;
  text.remove_prefix(1);
  http_target out;
  auto question = text.find('?');
  auto path = text.substr(0, question);
  auto add_segment = [&](std::string_view part) {
    auto decoded = decode_clean(part, false);
    if (!decoded || decoded->empty() || *decoded == "." || *decoded == ".." ||
        out.segments.size() == max_segments)
      return false;
    out.segments.push_back(std::move(*decoded));
    return true;
  };
  if (!path.empty() && !for_each_part(path, '/', add_segment))
    return std::nullopt;
  if (question == text.npos)
    return out;
  auto add_parameter = [&](std::string_view part) {
    if (part.empty())
      return true;
    auto equals = part.find('=');
    auto key = decode_clean(part.substr(0, equals), true);
    auto value = decode_clean(equals == part.npos ? "" : part.substr(equals + 1), true);
    if (!key || !value || out.query.size() == max_parameters)
      return false;
    out.query.emplace_back(std::move(*key), std::move(*value));
    return true;
  };
  if (!for_each_part(text.substr(question + 1), '&', add_parameter))
    return std::nullopt;
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 0xF];
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return std::nullopt;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

namespace {

constexpr std::size_t no_character = 0;

/// Octets of the character that begins with this one.
std::size_t utf8_size(std::uint8_t lead) noexcept {
  if (lead < 0x80)
    return 1;
  if (lead < 0xC2 || lead > 0xF4)
    return no_character;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/// The second octet's range depends on the first one.
bool may_follow(std::uint8_t lead, std::uint8_t second) noexcept {
  auto lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  auto highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return lowest <= second && second <= highest;
}

bool is_utf8_character(std::string_view octets) noexcept {
  auto lead = static_cast<std::uint8_t>(octets[0]);
  return octets.size() == 1 ||
         (may_follow(lead, static_cast<std::uint8_t>(octets[1])) &&
          std::all_of(octets.begin() + 2, octets.end(), [](char c) { return (c & 0xC0) == 0x80; }));
}

} // namespace

// RFC 3629 section 4.
bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    auto size = utf8_size(static_cast<std::uint8_t>(text[0]));
    if (size == no_character || size > text.size() || !is_utf8_character(text.substr(0, size)))
      return false;
    text.remove_prefix(size);
  }
  return true;
}

} // namespace tutti::io
