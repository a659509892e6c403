// A man page as it is written: headings, paragraphs, terms.
// Decides: that no text can be taken for a request of roff. Leaves: the words. Spec: man(7).
// Thread: values.
#pragma once

#include <string>
#include <string_view>

namespace tutti::cli {

class roff_page {
public:
  /// `title` such as "tutti.json"; `manual` such as "File Formats".
  roff_page(std::string_view title, int section, std::string_view source, std::string_view manual);

  /// The section by which whatis(1) finds the page.
  void name(std::string_view term, std::string_view what);
  void heading(std::string_view text);
  void subheading(std::string_view text);
  void paragraph(std::string_view text);
  /// A term in bold with what belongs to it in plain type, and its explanation, indented.
  void term(std::string_view bold, std::string_view plain, std::string_view explanation);
  /// Lines as they are.
  void verbatim(std::string_view text);

  const std::string& text() const noexcept { return text_; }

private:
  std::string text_;
};

} // namespace tutti::cli
