// How peers leave, by themselves or by a failure, and how a whole session does.
#include "tests/actors/listening_stage.hpp"

#include <new>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;
using namespace tutti::test::listeners;

TEST_CASE_METHOD(listening_stage, "a peer that falls silent while holding a note is released",
                 "[actors][listener]") {
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  control->take_sent();
  advance(59s); // it never answered a CK
  CHECK(take_heard().empty());
  advance(2s);
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "[rtp/Hub/Anna]");
  auto goodbyes = invitations(control->take_sent(), anna.control);
  REQUIRE(goodbyes.size() == 1);
  CHECK(goodbyes[0].kind == invitation_kind::goodbye);
}

TEST_CASE_METHOD(listening_stage, "leaving says goodbye to all, closes the ports and ends",
                 "[actors][listener]") {
  join(anna);
  join(bert);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  control->take_sent();
  data->take_sent();
  tell(listener, atom::leave_v);
  run();
  for (const auto& who : {anna, bert}) {
    REQUIRE(invitations(control->sent, who.control).size() == 1);
    CHECK(invitations(control->sent, who.control)[0].kind == invitation_kind::goodbye);
    CHECK(invitations(data->sent, who.data).size() == 1);
  }
  CHECK(control->closed);
  CHECK(data->closed);
  CHECK(take_heard() == std::vector{release_60});
  CHECK_FALSE(ask<session_info>(listener, atom::status_v));
}

TEST_CASE_METHOD(listening_stage, "a listener without peers leaves at once", "[actors][listener]") {
  tell(listener, atom::leave_v);
  run();
  CHECK(control->closed);
  CHECK_FALSE(ask<session_info>(listener, atom::status_v));
}

TEST_CASE_METHOD(listening_stage, "nobody comes in while we leave", "[actors][listener]") {
  join(anna);
  control->take_sent();
  tell(listener, atom::leave_v);
  control->arrive({{bert.control, bert.invite()}}, now().time_since_epoch());
  tell(listener, atom::invite_v, wanted(at("10.0.0.7", 5004)), target_watcher());
  run();
  CHECK(invitations(control->sent, bert.control).empty());
  CHECK(invitations(control->sent, at("10.0.0.7", 5004)).empty());
}

TEST_CASE_METHOD(listening_stage, "a session that ends costs its port only", "[actors][listener]") {
  join(anna);
  join(bert);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  auto before = system().registry().running();
  arrive(*control, {{anna.control, anna.goodbye()}});
  CHECK(system().registry().running() == before - 1);
  CHECK(take_heard() == std::vector{release_60});
  arrive(*data, {{bert.data, bert.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
}

// Its sessions lived on without anybody to tell them anything, and the system waited for them.
TEST_CASE_METHOD(listening_stage, "the sessions of a listener that fails say goodbye and end",
                 "[actors][listener]") {
  join(anna);
  join(bert);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  control->take_sent();
  auto before = system().registry().running();
  end(listener, caf::exit_reason::unhandled_exception);
  CHECK(system().registry().running() == before - 3);
  CHECK(invitations(control->sent, anna.control).size() == 1);
  CHECK(invitations(control->sent, bert.control).size() == 1);
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "[rtp/Hub/Anna], [rtp/Hub/Bert]");
}

// All sessions of a listener share one output; what a failed one left in it went out under the
// next.
TEST_CASE_METHOD(listening_stage, "a session that fails leaves nothing to the others",
                 "[actors][listener]") {
  control->before_send = [first = true]() mutable {
    if (std::exchange(first, false))
      throw std::bad_alloc();
  };
  arrive(*control, {{anna.control, anna.invite()}});
  auto told = invitations(control->take_sent(), anna.control);
  REQUIRE(told.size() == 1);
  CHECK(told[0].kind == invitation_kind::goodbye);
  CHECK(told[0].token == anna.token);
  CHECK(status().peers.empty());
  arrive(*control, {{bert.control, bert.invite()}});
  auto answers = invitations(control->take_sent(), bert.control);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].token == bert.token);
  join(anna); // and it may come again
  CHECK(ports() == "rtp/Hub/Anna");
}
