#include "config/name_pattern.hpp"

#include <re2/re2.h>

namespace tutti::config {
namespace {

/// Memory that one regular expression's automata may take, in octets.
constexpr std::int64_t expression_memory = 1 << 20;

std::size_t character_size(std::string_view text, std::size_t at) {
  auto end = at + 1;
  while (end < text.size() && (text[end] & 0xC0) == 0x80)
    ++end;
  return end - at;
}

/// Goes back to the last * only, so the time is at most the product of the two lengths.
bool glob_matches(std::string_view glob, std::string_view name) {
  std::size_t g = 0, n = 0, star = glob.npos, star_name = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_name = n;
      continue;
    }
    if (g < glob.size() && glob[g] == '?') {
      ++g;
      n += character_size(name, n);
      continue;
    }
    auto literal = g < glob.size() && glob[g] == '\\' && g + 1 < glob.size() ? g + 1 : g;
    if (literal < glob.size() && glob[literal] == name[n]) {
      g = literal + 1;
      ++n;
      continue;
    }
    if (star == glob.npos)
      return false;
    g = star + 1;
    n = ++star_name;
  }
  while (g < glob.size() && glob[g] == '*')
    ++g;
  return g == glob.size();
}

} // namespace

std::optional<name_pattern> name_pattern::parse(std::string_view text, std::string& why) {
  if (text.empty() || text.size() > max_size) {
    why = text.empty() ? "it is empty" : "it is too long";
    return std::nullopt;
  }
  name_pattern pattern{std::string(text)};
  if (text.front() != '/') {
    pattern.form_ = text.find_first_of("*?\\") == text.npos ? form::literal : form::glob;
    return pattern;
  }
  bool ignore_case = text.ends_with("/i");
  auto end = text.size() - (ignore_case ? 2 : 1);
  if (end == 0 || text[end] != '/') {
    why = "a regular expression ends with / or /i";
    return std::nullopt;
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(expression_memory);
  auto body = text.substr(1, end - 1);
  auto expression =
      std::make_shared<const RE2>(re2::StringPiece(body.data(), body.size()), options);
  if (!expression->ok()) {
    why = expression->error();
    return std::nullopt;
  }
  pattern.form_ = form::expression;
  pattern.expression_ = std::move(expression);
  return pattern;
}

bool name_pattern::matches(std::string_view name) const {
  switch (form_) {
  case form::literal: return name == text_;
  case form::glob: return glob_matches(text_, name);
  case form::expression:
    return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *expression_);
  }
  return false;
}

} // namespace tutti::config
