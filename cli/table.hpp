// Tables for people: columns as wide as their widest cell, numbers to the right.
// Decides: widths by characters, not octets. Leaves: what stands in them. Thread: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tutti::cli {

class table {
public:
  /// Titles that begin with '>' head columns of numbers, which stand to the right.
  explicit table(std::vector<std::string> titles);

  /// As many cells as there are titles.
  void add(std::vector<std::string> cells);
  bool empty() const noexcept { return rows_.empty(); }

  /// Lines with their ends. The titles in bold if `color`.
  std::string text(bool color) const;

private:
  std::vector<std::string> titles_;
  std::vector<bool> numbers_;
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of UTF-8 text.
std::size_t characters(std::string_view text) noexcept;

/// "1 234 567" style is for people; this one stays readable in columns: 999, 12.3k, 4.5M.
std::string short_number(double number);

} // namespace tutti::cli
