#include "io/http_access.hpp"

#include <catch2/catch.hpp>

using namespace tutti::io;

namespace {

http_access_options with_tokens() {
  http_access_options options;
  options.tokens = {{"wall", http_role::read, "r3ad"}, {"desk", http_role::control, "c0ntrol/+"}};
  options.hosts = {"Hub.example"};
  options.own_names = {"studio", "studio.local"};
  options.origins = {"https://stage.example"};
  return options;
}

http_access::verdict judge(const http_access& access, std::string_view host,
                           std::string_view origin = {}, std::string_view authorization = {},
                           std::string_view subprotocols = {}, bool secure = false) {
  return access.judge({host, origin, authorization, subprotocols, secure});
}

unsigned refusal(const http_access::verdict& verdict) {
  return verdict.refusal ? verdict.refusal->status : 0;
}

} // namespace

TEST_CASE("without tokens everybody who may ask may control", "[io][http][security]") {
  http_access access({});
  CHECK(judge(access, "localhost:8504").role == http_role::control);
  CHECK(judge(access, "127.0.0.1:8504", "http://127.0.0.1:8504").role == http_role::control);
}

TEST_CASE("the token decides the role", "[io][http][security]") {
  http_access access(with_tokens());
  CHECK(judge(access, "127.0.0.1").role == http_role::none);
  CHECK(refusal(judge(access, "127.0.0.1")) == 0); // some things need no role
  CHECK(judge(access, "127.0.0.1", {}, "Bearer r3ad").role == http_role::read);
  CHECK(judge(access, "127.0.0.1", {}, "bearer  c0ntrol/+ ").role == http_role::control);
  for (auto wrong : {"Bearer r3ad2", "Bearer r3a", "Bearer R3AD", "Bearer x"}) {
    CHECK(refusal(judge(access, "127.0.0.1", {}, wrong)) == 401);
    CHECK(judge(access, "127.0.0.1", {}, wrong).role == http_role::none);
  }
  for (auto none : {"Basic r3ad", "r3ad", "Bearer", "Bearer "})
    CHECK(judge(access, "127.0.0.1", {}, none).role == http_role::none);
}

TEST_CASE("browsers bring the token of a WebSocket as a subprotocol", "[io][http][security]") {
  http_access access(with_tokens());
  CHECK(judge(access, "[::1]:1", {}, {}, "tutti.v1, bearer.r3ad").role == http_role::read);
  CHECK(judge(access, "[::1]:1", {}, {}, "bearer.c0ntrol%2F%2B,tutti.v1").role ==
        http_role::control);
  CHECK(refusal(judge(access, "[::1]:1", {}, {}, "bearer.no")) == 401);
  CHECK(judge(access, "[::1]:1", {}, {}, "tutti.v1").role == http_role::none);
}

TEST_CASE("a page that rebound its own name is sent away by its Host", "[io][http][security]") {
  http_access access(with_tokens());
  for (auto good : {"localhost", "LOCALHOST:8504", "127.0.0.1", "10.0.0.7:8504", "[::1]",
                    "[fe80::1]:8504", "hub.EXAMPLE:80", "studio", "studio.local.", "localhost."})
    CHECK(refusal(judge(access, good)) == 0);
  for (auto bad : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]",
                   "studio2", "hub.example.evil", "evil.example:127.0.0.1"})
    CHECK(refusal(judge(access, bad, {}, "Bearer c0ntrol/+")) == 421);
}

TEST_CASE("pages of foreign origins are refused unless they are listed", "[io][http][security]") {
  http_access access(with_tokens());
  CHECK(refusal(judge(access, "localhost:8504", "http://localhost:8504")) == 0);
  CHECK(refusal(judge(access, "localhost:8504", "https://localhost:8504", {}, {}, true)) == 0);
  for (auto bad : {"null", "http://localhost", "http://localhost:8505", "https://localhost:8504",
                   "http://evil.example", "https://stage.example:444", "http://stage.example"})
    CHECK(refusal(judge(access, "localhost:8504", bad, "Bearer c0ntrol/+")) == 403);
  auto listed = judge(access, "localhost:8504", "https://Stage.example", "Bearer r3ad");
  CHECK(refusal(listed) == 0);
  CHECK(listed.foreign_origin);
  CHECK(listed.role == http_role::read);
}
