#include "actors/api_answers.hpp"

#include "config/parse.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace tutti {

using io::http_exchange_ptr;
using io::http_response;
using io::problem;

http_response json_response(const api_json& content, unsigned status) {
  return {status, to_text(content) + '\n'};
}

http_response no_content() {
  http_response out;
  out.status = 204;
  return out;
}

http_response busy() {
  return problem(503, "The hub does not answer in time.").with("Retry-After", "1");
}

http_response refuse_body(const config::mistakes& found, unsigned status) {
  std::vector<io::http_mistake> mistakes;
  for (const auto& one : found)
    mistakes.push_back({one.path, one.sentence()});
  return problem(status,
                 found.size() == 1 ? found.front().sentence()
                                   : std::to_string(found.size()) + " mistakes.",
                 mistakes);
}

bool is_json(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' '))
    type.remove_suffix(1);
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

std::optional<nlohmann::json> read_json(const http_exchange_ptr& exchange) {
  const auto& request = exchange->request();
  if (request.body.empty())
    return nlohmann::json::object();
  if (!is_json(request.content_type)) {
    exchange->respond(problem(415, "The body must be application/json."));
    return std::nullopt;
  }
  config::mistakes found;
  auto document = config::parse_json(request.body, found);
  if (!document) {
    exchange->respond(refuse_body(found, 400));
    return std::nullopt;
  }
  return document;
}

std::optional<nlohmann::json> read_object(const http_exchange_ptr& exchange,
                                          std::initializer_list<std::string_view> keys) {
  auto document = read_json(exchange);
  if (!document)
    return std::nullopt;
  config::mistakes found;
  if (!document->is_object()) {
    exchange->respond(refuse_body({{"", document->type_name(), "an object"}}));
    return std::nullopt;
  }
  for (const auto& [key, value] : document->items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      found.push_back({config::pointer_to("", key), "an unknown key",
                       keys.size() == 0 ? "no key" : fmt::format("{}", fmt::join(keys, ", "))});
  if (!found.empty()) {
    exchange->respond(refuse_body(found));
    return std::nullopt;
  }
  return document;
}

std::string read_text(const nlohmann::json& body, const char* key, const std::string& otherwise,
                      config::mistakes& found) {
  auto value = body.find(key);
  if (value == body.end())
    return otherwise;
  if (value->is_string())
    return value->get<std::string>();
  found.push_back({config::pointer_to("", key), value->type_name(), "a string"});
  return otherwise;
}

std::optional<std::size_t> page_limit(const io::http_target& target) {
  auto given = target.parameter("limit");
  if (!given)
    return max_page;
  std::size_t limit = 0;
  auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), limit);
  if (error != std::errc{} || end != given->data() + given->size() || limit < 1 || limit > max_page)
    return std::nullopt;
  return limit;
}

http_response bad_page_limit() {
  return problem(400, "\"limit\" must be a whole number from 1 to 1000.");
}

} // namespace tutti
