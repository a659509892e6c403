// See report.hpp.
#include "bench/end_to_end/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace tutti::bench {
namespace {

constexpr std::size_t columns = 8;
using line = std::array<std::string, columns>;

const line headings = {"work", "figure", "relay", "hub", "ratio", "(min to max)", "target", ""};

std::string number(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return out.str();
}

std::string range(const std::vector<double>& values, int decimals) {
  if (values.size() < 2)
    return {};
  auto [lowest, highest] = std::ranges::minmax_element(values);
  return "(" + number(*lowest, decimals) + " to " + number(*highest, decimals) + ")";
}

line line_of(const figure& one) {
  constexpr int ratio_decimals = 2;
  auto judged = one.judged();
  auto decimals = one.judged_by_ratio() ? ratio_decimals : one.decimals;
  line cells;
  cells[1] = one.name + (one.unit.empty() ? "" : ", " + one.unit);
  if (one.judged_by_ratio()) {
    cells[2] = number(median(one.floor), one.decimals);
    cells[4] = number(median(judged), ratio_decimals);
  }
  cells[3] = number(median(one.hub), one.decimals);
  cells[5] = range(judged, decimals);
  if (one.wanted) {
    cells[6] =
        (one.wanted->side == bound::at_least ? ">= " : "<= ") +
        number(one.wanted->value, one.wanted->value == std::floor(one.wanted->value) ? 0 : 2);
    cells[7] = one.missed() ? "missed" : "met";
  }
  return cells;
}

std::vector<line> lines_of(const work_report& report) {
  std::vector<line> lines;
  for (auto& one : report.figures)
    if (!one.hub.empty())
      lines.push_back(line_of(one));
  if (!lines.empty())
    lines.front()[0] = report.work;
  return lines;
}

/// Characters, not octets, for "µ" takes two.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number_column(std::size_t column) {
  return column >= 2 && column <= 4;
}

std::string padded(const std::string& text, std::size_t size, bool right) {
  std::string blanks(size - std::min(size, width(text)), ' ');
  return right ? blanks + text : text + blanks;
}

} // namespace

std::vector<double> figure::judged() const {
  if (floor.empty())
    return hub;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(floor.size(), hub.size()); ++i)
    ratios.push_back(hub[i] / floor[i]);
  return ratios;
}

bool figure::missed() const {
  auto value = median(judged());
  return wanted &&
         (wanted->side == bound::at_least ? value < wanted->value : value > wanted->value);
}

double median(std::vector<double> values) {
  if (values.empty())
    return 0;
  std::ranges::sort(values);
  auto half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty())
    return 0;
  std::ranges::sort(values);
  auto rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

void print_text(std::ostream& out, const std::vector<work_report>& reports) {
  std::vector<line> lines = {headings};
  for (auto& report : reports)
    std::ranges::copy(lines_of(report), std::back_inserter(lines));
  std::array<std::size_t, columns> widths{};
  for (auto& cells : lines)
    for (std::size_t i = 0; i < columns; ++i)
      widths[i] = std::max(widths[i], width(cells[i]));
  for (auto& cells : lines) {
    std::string text;
    for (std::size_t i = 0; i < columns; ++i)
      text += padded(cells[i], widths[i], is_number_column(i)) + "  ";
    out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
  }
  for (auto& report : reports)
    for (auto& remark : report.remarks)
      out << "! " << report.work << ": " << remark << '\n';
}

void print_markdown(std::ostream& out, const std::vector<work_report>& reports) {
  auto print = [&](const line& cells) {
    for (auto& cell : cells)
      out << "| " << cell << ' ';
    out << "|\n";
  };
  print(headings);
  out << "| --- | --- | ---: | ---: | ---: | --- | --- | --- |\n";
  for (auto& report : reports)
    for (auto& cells : lines_of(report))
      print(cells);
  for (auto& report : reports)
    for (auto& remark : report.remarks)
      out << "\n" << report.work << ": " << remark << '\n';
}

} // namespace tutti::bench
