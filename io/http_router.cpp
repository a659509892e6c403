#include "io/http_router.hpp"

#include <algorithm>
#include <cassert>

namespace tutti::io {

http_router::http_router(std::vector<http_route> routes)
    : routes_(std::move(routes)) {
  for (const auto& route : routes_) {
    pattern parts;
    std::string_view rest = route.path;
    assert(rest.starts_with('/'));
    rest.remove_prefix(1);
    while (!rest.empty()) {
      auto part = rest.substr(0, rest.find('/'));
      auto any = part.starts_with('{') && part.ends_with('}');
      parts.push_back({std::string(part), any});
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    }
    patterns_.push_back(std::move(parts));
  }
}

bool http_router::fits(const pattern& pattern, const http_target& target) {
  return pattern.size() == target.segments.size() &&
         std::equal(pattern.begin(), pattern.end(), target.segments.begin(),
                    [](const pattern_part& part, const std::string& segment) {
                      return part.any || part.text == segment;
                    });
}

bool http_router::more_special(std::size_t a, std::size_t b) const {
  return std::lexicographical_compare(
      patterns_[a].begin(), patterns_[a].end(), patterns_[b].begin(), patterns_[b].end(),
      [](const pattern_part& x, const pattern_part& y) { return x.any < y.any; });
}

http_router::match http_router::find(std::string_view method, const http_target& target) const {
  // Of all patterns that fit the path the most special one counts, whatever its methods.
  auto best = none;
  for (std::size_t i = 0; i < routes_.size(); ++i)
    if (fits(patterns_[i], target) && (best == none || more_special(i, best)))
      best = i;
  match out;
  if (best == none)
    return out;
  auto wanted = method == "HEAD" ? "GET" : method;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (routes_[i].path != routes_[best].path)
      continue;
    auto name = to_string(routes_[i].method);
    out.allow += std::string(name) + (name == "GET" ? ", HEAD, " : ", ");
    if (name != wanted)
      continue;
    out.route = i;
    for (std::size_t k = 0; k < patterns_[i].size(); ++k)
      if (patterns_[i][k].any)
        out.arguments.push_back(target.segments[k]);
  }
  out.allow += "OPTIONS";
  return out;
}

} // namespace tutti::io
