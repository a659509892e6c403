// Bytes as tests write them: hex digits, 'quoted text', and # remarks to the end of the line.
#pragma once

#include <cctype>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::test {

using octets = std::vector<std::uint8_t>;

/// "90 3c 40 'name' 00 # remark" to octets. Throws std::invalid_argument on anything else.
inline octets hex(std::string_view text) {
  octets out;
  int high = -1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '#') {
      while (i < text.size() && text[i] != '\n')
        ++i;
    } else if (c == '\'') {
      for (++i; i < text.size() && text[i] != '\''; ++i)
        out.push_back(static_cast<std::uint8_t>(text[i]));
    } else if (std::isxdigit(static_cast<unsigned char>(c))) {
      int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
      if (high < 0) {
        high = digit;
      } else {
        out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
        high = -1;
      }
    } else if (!std::isspace(static_cast<unsigned char>(c))) {
      throw std::invalid_argument("hex: unexpected character");
    }
  }
  if (high >= 0)
    throw std::invalid_argument("hex: odd number of digits");
  return out;
}

/// Octets to lower-case hex without blanks, as the vector files write them.
inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

} // namespace tutti::test
