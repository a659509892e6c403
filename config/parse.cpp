#include "config/parse.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace tutti::config {
namespace {

using nlohmann::json;

std::string place_of(std::string_view text, std::size_t octet) {
  auto before = text.substr(0, std::min(octet == 0 ? 0 : octet - 1, text.size()));
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  auto last_break = before.rfind('\n');
  auto column = before.size() - (last_break == before.npos ? 0 : last_break + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// The parser's own words after its prefixes and place.
std::string reason_of(std::string text) {
  constexpr std::string_view mark = "syntax error ";
  if (auto at = text.find(mark); at != std::string::npos)
    text.erase(0, at + mark.size());
  return text;
}

/// A first pass over the text: syntax, keys that stand twice, depth. Ends at the first two of those
/// that make the rest unreadable.
class strict_reader : public nlohmann::json_sax<json> {
public:
  strict_reader(std::string_view text, mistakes& found)
      : text_(text)
      , found_(found) {}

  bool null() override { return enter_value(); }
  bool boolean(bool) override { return enter_value(); }
  bool number_integer(number_integer_t) override { return enter_value(); }
  bool number_unsigned(number_unsigned_t) override { return enter_value(); }
  bool number_float(number_float_t, const string_t&) override { return enter_value(); }
  bool string(string_t&) override { return enter_value(); }
  bool binary(binary_t&) override { return enter_value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto& top = open_.back();
    top.key = name;
    if (!top.keys.insert(name).second)
      found_.push_back(
          {pointer(), "the key \"" + name + "\" twice in one object", "each key once"});
    return true;
  }

  bool parse_error(std::size_t octet, const std::string&,
                   const nlohmann::detail::exception& error) override {
    found_.push_back(
        {"", "a syntax error at " + place_of(text_, octet) + " (" + reason_of(error.what()) + ")",
         "JSON (RFC 8259)"});
    return false;
  }

private:
  struct container {
    bool is_list;
    std::set<std::string> keys;
    std::string key;
    std::size_t entered;
  };

  bool enter_value() {
    if (!open_.empty())
      ++open_.back().entered;
    return true;
  }

  bool open(bool is_list) {
    enter_value();
    if (open_.size() == max_json_depth) {
      found_.push_back({pointer(), "more than " + std::to_string(max_json_depth) + " nested levels",
                        "at most " + std::to_string(max_json_depth)});
      return false;
    }
    open_.push_back({is_list, {}, {}, 0});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string pointer() const {
    std::string path;
    for (const auto& part : open_)
      path = part.is_list ? pointer_to(path, part.entered - 1) : pointer_to(path, part.key);
    return path;
  }

  std::string_view text_;
  mistakes& found_;
  std::vector<container> open_;
};

} // namespace

std::optional<json> parse_json(std::string_view text, mistakes& found) {
  if (text.size() > max_json_size) {
    found.push_back({"", std::to_string(text.size()) + " octets",
                     "at most " + std::to_string(max_json_size) + " octets"});
    return std::nullopt;
  }
  auto known = found.size();
  strict_reader reader(text, found);
  bool readable = json::sax_parse(text, &reader);
  if (!readable || found.size() > known)
    return std::nullopt;
  return json::parse(text);
}

} // namespace tutti::config
