#include "cli/table.hpp"

#include <algorithm>
#include <cstdio>

namespace tutti::cli {

table::table(std::vector<std::string> titles) {
  for (auto& title : titles) {
    numbers_.push_back(title.starts_with('>'));
    titles_.push_back(numbers_.back() ? title.substr(1) : std::move(title));
  }
}

void table::add(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::size_t characters(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string table::text(bool color) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    widths.push_back(characters(titles_[i]));
    for (const auto& row : rows_)
      widths[i] = std::max(widths[i], characters(row[i]));
  }
  auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::string gap(widths[i] - characters(cells[i]), ' ');
      out += i > 0 ? "  " : "";
      out += numbers_[i] ? gap + cells[i] : cells[i] + gap;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  };
  auto out = (color ? "\x1b[1m" : "") + line(titles_) + (color ? "\x1b[0m" : "") + "\n";
  for (const auto& row : rows_)
    out += line(row) + "\n";
  return out;
}

std::string short_number(double number) {
  char room[32];
  if (number < 1000)
    std::snprintf(room, sizeof room,
                  number == static_cast<double>(static_cast<long>(number)) ? "%.0f" : "%.1f",
                  number);
  else if (number < 1e6)
    std::snprintf(room, sizeof room, "%.1fk", number / 1e3);
  else if (number < 1e9)
    std::snprintf(room, sizeof room, "%.1fM", number / 1e6);
  else
    std::snprintf(room, sizeof room, "%.1fG", number / 1e9);
  return room;
}

} // namespace tutti::cli
