// The table of paths and methods that a server answers.
// Decides: which route a request takes; 404, 405 and OPTIONS.
// Leaves: what the routes do. Spec: RFC 9110 sections 9.1, 9.3.7 and 15.5.6. Thread: values.
#pragma once

#include "io/http_message.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::io {

struct http_route {
  http_method method = http_method::get;
  /// "/a/{name}/c": a part in braces takes any one segment.
  std::string path;
  http_role role = http_role::read; ///< the least that a client must be
  std::size_t max_body = 0;         ///< octets; 0: takes no body
  bool streams = false;             ///< may be answered with http_exchange::stream()
};

class http_router {
public:
  explicit http_router(std::vector<http_route> routes);

  struct match {
    std::size_t route = none;
    std::vector<std::string> arguments; ///< of the braces, in order
    std::string allow; ///< for 405 and OPTIONS: methods of this path; empty: there is no such path
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// `method` as it stands in the request; HEAD goes where GET goes.
  match find(std::string_view method, const http_target& target) const;

  const http_route& operator[](std::size_t route) const noexcept { return routes_[route]; }
  std::span<const http_route> routes() const noexcept { return routes_; }

private:
  struct pattern_part {
    std::string text;
    bool any;
  };
  using pattern = std::vector<pattern_part>;

  static bool fits(const pattern& pattern, const http_target& target);
  /// Literal parts win over braces: /rules/order before /rules/{name}.
  bool more_special(std::size_t a, std::size_t b) const;

  std::vector<http_route> routes_;
  std::vector<pattern> patterns_;
};

} // namespace tutti::io
