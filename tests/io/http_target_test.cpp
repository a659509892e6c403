#include "io/http_target.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tutti::io;

namespace {

std::vector<std::string> segments(std::string_view text) {
  auto target = parse_target(text);
  REQUIRE(target);
  return target->segments;
}

} // namespace

TEST_CASE("segments are decoded one by one, so an escaped slash stays inside of one",
          "[io][http]") {
  CHECK(segments("/").empty());
  CHECK(segments("/api/v1") == std::vector<std::string>{"api", "v1"});
  CHECK(segments("/ports/rtp%2FStudio%2FAnna%27s%20iPad/send") ==
        std::vector<std::string>{"ports", "rtp/Studio/Anna's iPad", "send"});
  CHECK(segments("/%C3%BC%F0%9F%8E%B9") == std::vector<std::string>{"ü🎹"});
  CHECK(segments("/a+b") == std::vector<std::string>{"a+b"}); // a blank in queries only
}

TEST_CASE("a query gives its parameters in order, decoded", "[io][http]") {
  auto target = parse_target("/events?topics=ports,peers&port=rtp%2FA+B&empty=&bare&&topics=x");
  REQUIRE(target);
  CHECK(target->parameter("topics") == "ports,peers");
  CHECK(target->parameter("port") == "rtp/A B");
  CHECK(target->parameter("empty") == "");
  CHECK(target->parameter("bare") == "");
  CHECK_FALSE(target->parameter("absent"));
  CHECK(target->query.size() == 5);
}

TEST_CASE("targets that are no clean path are refused", "[io][http]") {
  for (auto text :
       {"",        "*",       "a",          "http://h/",     "//",       "/a//b",   "/a/",  "/.",
        "/a/../b", "/%2e%2e", "/%",         "/%4",           "/%zz",     "/%00",    "/%1f", "/%7F",
        "/%80",    "/%C0%AF", "/%ED%A0%80", "/%F4%90%80%80", "/a?b=%ff", "/a?%0a=1"})
    CHECK_FALSE(parse_target(text));
}

TEST_CASE("targets are bounded", "[io][http]") {
  CHECK(parse_target("/" + std::string(max_target - 1, 'a')));
  CHECK_FALSE(parse_target("/" + std::string(max_target, 'a')));
  std::string deep, wide = "/?";
  for (std::size_t i = 0; i < max_segments; ++i)
    deep += "/a";
  CHECK(parse_target(deep));
  CHECK_FALSE(parse_target(deep + "/a"));
  for (std::size_t i = 0; i < max_parameters; ++i)
    wide += "a=1&";
  CHECK(parse_target(wide));
  CHECK_FALSE(parse_target(wide + "b=1"));
}

TEST_CASE("whatever is encoded decodes to the same octets", "[io][http]") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 20, ' ');
    for (auto& c : text)
      c = static_cast<char>(random());
    CHECK(percent_decode(percent_encode(text)) == text);
  }
}

TEST_CASE("any target at all is read without harm", "[io][http]") {
  std::mt19937 random(2);
  constexpr std::string_view alphabet = "/%?&=+.ab0F\xC3\xBC\x80";
  int good = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = "/";
    for (auto left = random() % 12; left > 0; --left)
      text += alphabet[random() % alphabet.size()];
    if (auto target = parse_target(text)) {
      ++good;
      for (const auto& one : target->segments)
        CHECK((is_utf8(one) && !one.empty()));
    }
  }
  CHECK(good > 1000);
}
