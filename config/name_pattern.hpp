// A pattern for names and port ids: a glob, or a regular expression between slashes.
// Decides: its grammar and what it matches. Names come from the network and patterns are matched on
// the loop, so matching takes time linear in the name: RE2, not std::regex.
// Leaves: which names it is held against (port patterns, invitation lists, discovery).
// Spec: RE2 syntax for regular expressions. Thread: values; matching is safe from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace tutti::config {

/// `Anna*` is a glob over the whole name: * any characters, also none and also slashes; ? any one;
/// \ takes the next one literally. `/^usb.*[0-9]$/` is a regular expression found anywhere in the
/// name; an `i` after the last slash ignores case.
class name_pattern {
public:
  /// Longest text of a pattern in octets.
  static constexpr std::size_t max_size = 1024;

  /// Reads a pattern; nothing if it is empty, too long, or a regular expression that RE2 refuses,
  /// with the reason in `why`.
  static std::optional<name_pattern> parse(std::string_view text, std::string& why);

  bool matches(std::string_view name) const;

  /// As it was written.
  const std::string& text() const noexcept { return text_; }
  /// A glob without * ? and \: matches exactly the name that is its text.
  bool is_literal() const noexcept { return form_ == form::literal; }
  /// The glob `*`.
  bool is_any() const noexcept { return text_ == "*"; }

  friend bool operator==(const name_pattern& a, const name_pattern& b) {
    return a.text_ == b.text_;
  }

private:
  enum class form : std::uint8_t { literal, glob, expression };

  explicit name_pattern(std::string text)
      : text_(std::move(text)) {}

  std::string text_;
  form form_ = form::literal;
  std::shared_ptr<const re2::RE2> expression_;
};

} // namespace tutti::config
