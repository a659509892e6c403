#include "io/responder_outbox.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>

using namespace tutti::io;

namespace {

notice say(const char* text) {
  return {severity::info, text};
}

} // namespace

TEST_CASE("events come in order and never from inside a call", "[io][responder_outbox]") {
  boost::asio::io_context loop;
  std::string heard;
  responder_outbox out(loop, [&](responder_event event) { heard += std::get<notice>(event).text; });
  out.push(say("a"));
  out.push(say("b"));
  CHECK(heard.empty());
  loop.poll();
  CHECK(heard == "ab");
}

TEST_CASE("an event that is pushed while events are taken comes on the next turn",
          "[io][responder_outbox]") {
  boost::asio::io_context loop;
  std::string heard;
  std::unique_ptr<responder_outbox> out;
  out = std::make_unique<responder_outbox>(loop, [&](responder_event event) {
    heard += std::get<notice>(event).text;
    if (heard == "a")
      out->push(say("c"));
  });
  out->push(say("a"));
  out->push(say("b"));
  loop.poll_one();
  CHECK(heard == "ab");
  loop.poll();
  CHECK(heard == "abc");
}

TEST_CASE("an event may end its own outbox: nothing comes after it", "[io][responder_outbox]") {
  boost::asio::io_context loop;
  std::string heard;
  std::unique_ptr<responder_outbox> out;
  out = std::make_unique<responder_outbox>(loop, [&](responder_event event) {
    heard += std::get<notice>(event).text;
    out.reset();
  });
  out->push(say("a"));
  out->push(say("b"));
  loop.poll();
  CHECK(heard == "a");
}

TEST_CASE("an outbox that is gone delivers nothing", "[io][responder_outbox]") {
  boost::asio::io_context loop;
  int heard = 0;
  {
    responder_outbox out(loop, [&](const responder_event&) { ++heard; });
    out.push(say("a"));
  }
  loop.poll();
  CHECK(heard == 0);
}
