#include "cli/roff.hpp"

#include <algorithm>
#include <cctype>

namespace tutti::cli {

namespace {

// A dash that is typed must not become a hyphen, and a dot or quote that begins a line is a
// request.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : escaped(text))
    out += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return out + '"';
}

} // namespace

roff_page::roff_page(std::string_view title, int section, std::string_view source,
                     std::string_view manual) {
  text_ = ".TH " + quoted(upper(title)) + ' ' + std::to_string(section) + " \"\" " +
          quoted(source) + ' ' + quoted(manual) + '\n';
}

void roff_page::name(std::string_view term, std::string_view what) {
  heading("Name");
  text_ += escaped(term) + " \\- " + escaped(what) + '\n';
}

void roff_page::heading(std::string_view text) {
  text_ += ".SH " + quoted(upper(text)) + '\n';
}

void roff_page::subheading(std::string_view text) {
  text_ += ".SS " + quoted(text) + '\n';
}

void roff_page::paragraph(std::string_view text) {
  text_ += ".PP\n" + escaped(text) + '\n';
}

void roff_page::term(std::string_view bold, std::string_view plain, std::string_view explanation) {
  text_ += ".TP\n\\fB" + escaped(bold) + "\\fR";
  if (!plain.empty())
    text_ += ' ' + escaped(plain);
  text_ += '\n' + escaped(explanation) + '\n';
}

void roff_page::verbatim(std::string_view text) {
  text_ += ".PP\n.nf\n" + escaped(text) + "\n.fi\n";
}

} // namespace tutti::cli
