#include "io/http_router.hpp"

#include <catch2/catch.hpp>

using namespace tutti::io;

namespace {

const http_router table({{http_method::get, "/"},
                         {http_method::get, "/rules"},
                         {http_method::post, "/rules"},
                         {http_method::get, "/rules/{name}"},
                         {http_method::erase, "/rules/{name}"},
                         {http_method::put, "/rules/order"},
                         {http_method::post, "/ports/{id}/send"},
                         {http_method::get, "/a/{x}/b/{y}"}});

http_router::match find(std::string_view method, std::string_view path) {
  return table.find(method, *parse_target(path));
}

} // namespace

TEST_CASE("a route is found by method and path, with its arguments", "[io][http]") {
  CHECK(find("GET", "/").route == 0);
  CHECK(find("POST", "/rules").route == 2);
  auto one = find("DELETE", "/rules/a%2Fb");
  CHECK(one.route == 4);
  CHECK(one.arguments == std::vector<std::string>{"a/b"});
  CHECK(find("GET", "/a/1/b/2").arguments == std::vector<std::string>{"1", "2"});
  CHECK(find("HEAD", "/rules").route == 1);
}

TEST_CASE("a path that nobody has is told from a method that a path lacks", "[io][http]") {
  CHECK(find("GET", "/rules/a/b").allow.empty());
  CHECK(find("GET", "/nothing").allow.empty());
  auto wrong = find("PATCH", "/rules");
  CHECK(wrong.route == http_router::none);
  CHECK(wrong.allow == "GET, HEAD, POST, OPTIONS");
  CHECK(find("BREW", "/ports/x/send").allow == "POST, OPTIONS");
}

TEST_CASE("a literal part wins over one in braces, for all methods", "[io][http]") {
  CHECK(find("PUT", "/rules/order").route == 5);
  CHECK(find("GET", "/rules/order").route == http_router::none);
  CHECK(find("GET", "/rules/other").route == 3);
}
