#include "actors/admission.hpp"

#include <catch2/catch.hpp>

using namespace tutti;
using namespace std::chrono_literals;
using config::invitation_policy;
using protocol::hub_time;

namespace {

const hub_time start{1h};

config::invitations policy(invitation_policy kind) {
  std::string why;
  config::invitations out;
  out.policy = kind;
  out.addresses = {*config::parse_address_range("10.1.0.0/16"),
                   *config::parse_address_range("fe80::/10")};
  out.names = {*config::name_pattern::parse("Anna*", why)};
  return out;
}

admission_verdict judge(admission& who, const char* address, const char* name,
                        hub_time now = start) {
  bool news = false;
  return who.judge(*io::parse_address(address, 5004),
                   {protocol::invitation_kind::invite, 1, 2, name}, now, news);
}

} // namespace

TEST_CASE("open admits everyone, closed nobody, list whom it names", "[actors][admission]") {
  admission open("S", policy(invitation_policy::open));
  admission closed("S", policy(invitation_policy::closed));
  admission list("S", policy(invitation_policy::list));
  CHECK(judge(open, "10.9.0.1", "Zoe") == admission_verdict::admit);
  CHECK(judge(closed, "10.1.0.1", "Anna") == admission_verdict::refuse);
  CHECK(judge(list, "10.1.7.7", "Zoe") == admission_verdict::admit);
  CHECK(judge(list, "fe80::1%1", "Zoe") == admission_verdict::admit);
  CHECK(judge(list, "10.9.0.1", "Anna's iPad") == admission_verdict::admit);
  CHECK(judge(list, "10.9.0.1", "Zoe") == admission_verdict::refuse);
  CHECK(list.pending().empty());
}

TEST_CASE("under ask a stranger waits, once, however often it knocks", "[actors][admission]") {
  admission ask("S", policy(invitation_policy::ask));
  CHECK(judge(ask, "10.1.0.1", "Zoe") == admission_verdict::admit); // listed
  bool news = false;
  auto from = *io::parse_address("10.9.0.1", 5004);
  for (auto token : {1u, 2u, 3u}) {
    news = false;
    CHECK(ask.judge(from, {protocol::invitation_kind::invite, token, 9, "Zoe"},
                    start + std::chrono::seconds(token), news) == admission_verdict::wait);
    CHECK(news == (token == 1));
  }
  REQUIRE(ask.pending().size() == 1);
  CHECK(ask.pending()[0].last.token == 3);
  CHECK(ask.pending()[0].since == start + 1s);
  CHECK(ask.expire(start + 62s).empty());
  CHECK(ask.expire(start + 63s).size() == 1);
  CHECK(ask.pending().empty());
}

TEST_CASE("an approval holds for as long as it says", "[actors][admission]") {
  admission ask("S", policy(invitation_policy::ask));
  auto approve = [&](const char* name, decision_term term, hub_time now) {
    judge(ask, "10.9.0.1", name);
    return ask.decide(ask.pending().back().id, true, term, now);
  };
  // In time: the caller answers the invitation, nothing is kept.
  auto decided = approve("now", decision_term::once, start + 1s);
  REQUIRE(decided);
  CHECK(admission::is_answerable(*decided, start + 1s));
  CHECK(ask.decisions().empty());
  CHECK(judge(ask, "10.9.0.1", "now") == admission_verdict::wait);
  // Too late for that invitation: good for the next one, once.
  approve("late", decision_term::once, start + 30s);
  CHECK(judge(ask, "10.9.0.1", "late") == admission_verdict::admit);
  CHECK(judge(ask, "10.9.0.1", "late") == admission_verdict::wait);
  approve("kept", decision_term::restart, start + 1s);
  for (int i = 0; i < 3; ++i)
    CHECK(judge(ask, "10.9.0.1", "kept") == admission_verdict::admit);
  CHECK(judge(ask, "10.9.0.2", "kept") == admission_verdict::wait); // another host
  CHECK(ask.forget("10.9.0.1", "kept"));
  CHECK(judge(ask, "10.9.0.1", "kept") == admission_verdict::wait);
  CHECK_FALSE(ask.decide(12345678, true, decision_term::once, start));
}

TEST_CASE("a refusal for once is told once, one for longer every time", "[actors][admission]") {
  admission ask("S", policy(invitation_policy::ask));
  judge(ask, "10.9.0.1", "Zoe");
  ask.decide(ask.pending().back().id, false, decision_term::once, start);
  CHECK(judge(ask, "10.9.0.1", "Zoe") == admission_verdict::wait);
  ask.decide(ask.pending().back().id, false, decision_term::always, start);
  CHECK(judge(ask, "10.9.0.1", "Zoe") == admission_verdict::refuse);
  REQUIRE(ask.decisions().size() == 1);
  CHECK(ask.decisions()[0] == admission_decision{"10.9.0.1", "Zoe", false, decision_term::always});
}

TEST_CASE("those who wait and what is remembered are bounded", "[actors][admission]") {
  admission ask("S", policy(invitation_policy::ask));
  for (std::size_t i = 0; i < admission::max_pending + 10; ++i)
    judge(ask, "10.9.0.1", std::to_string(i).c_str(), start + std::chrono::milliseconds(i));
  CHECK(ask.pending().size() == admission::max_pending);
  CHECK(ask.pending().front().name == "10");
  for (std::size_t i = 0; i < admission::max_decisions + 10; ++i)
    ask.remember({"10.9.0.1", std::to_string(i), true, decision_term::restart});
  CHECK(ask.decisions().size() == admission::max_decisions);
}
