// What the API's answers are made of: JSON, pages of lists, and problems with every mistake.
// Decides: status and form. Leaves: content (control, api_json). Thread: pure functions.
#pragma once

#include "actors/api_json.hpp"
#include "config/mistake.hpp"
#include "io/http_message.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace tutti {

/// Most items of one page.
inline constexpr std::size_t max_page = 1000;

io::http_response json_response(const api_json& content, unsigned status = 200);
io::http_response no_content();
io::http_response busy();
/// A problem with every mistake.
io::http_response refuse_body(const config::mistakes& found, unsigned status = 422);

/// "application/json", or another type whose content is JSON.
bool is_json(std::string_view type);

/// The body as JSON, or the client has been told. An empty one is an empty object.
std::optional<nlohmann::json> read_json(const io::http_exchange_ptr& exchange);

/// The body, an object with no other keys than these; or the client has been told. An empty body is
/// an empty object.
std::optional<nlohmann::json> read_object(const io::http_exchange_ptr& exchange,
                                          std::initializer_list<std::string_view> keys);

/// The text under the key, or `otherwise`; anything but text is a mistake.
std::string read_text(const nlohmann::json& body, const char* key, const std::string& otherwise,
                      config::mistakes& found);

/// `?limit=` from 1 to max_page, which it is if it is not given; nothing: it is no such number.
std::optional<std::size_t> page_limit(const io::http_target& target);
io::http_response bad_page_limit();

/// A page of a list by `?limit=` and `?after=` (the id of the last item of the page before).
/// `id_of(item)` names an item, `show(item)` describes it.
template <class Items, class Id, class Show>
io::http_response page(const io::http_exchange_ptr& exchange, const Items& items, Id id_of,
                       Show show) {
  const auto& target = exchange->request().target;
  auto limit = page_limit(target);
  if (!limit)
    return bad_page_limit();
  auto first = items.begin();
  if (auto after = target.parameter("after")) {
    first = std::find_if(first, items.end(), [&](const auto& one) { return id_of(one) == *after; });
    if (first == items.end())
      return io::problem(400, "\"after\" names nothing that is in the list now.");
    ++first;
  }
  api_json out{{"items", api_json::array()}, {"total", items.size()}};
  auto last = first;
  for (; last != items.end() && out["items"].size() < *limit; ++last)
    out["items"].push_back(show(*last));
  if (last != items.end())
    out["next"] = "?limit=" + std::to_string(*limit) +
                  "&after=" + io::percent_encode(id_of(*std::prev(last)));
  return json_response(out);
}

} // namespace tutti
