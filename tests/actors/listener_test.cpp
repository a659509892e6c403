// The listener and its peer sessions on a scripted network, with a router and a listening port.
#include "actors/flood_watch.hpp"
#include "actors/knock_limit.hpp"
#include "io/log.hpp"
#include "protocol/session/session_engine.hpp"
#include "tests/support/actor_stage.hpp"
#include "tests/support/scripted_socket.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <new>
#include <random>

using namespace tutti;
using namespace tutti::protocol;
using namespace tutti::test;

namespace {

constexpr std::uint32_t hub_ssrc = 0x0A0A0A0A;

io::endpoint at(std::string_view host, std::uint16_t port) {
  return io::parse_address(host, port).value();
}
invitation_target wanted(const io::endpoint& where) {
  return {to_string(where), {}, {where}};
}
octets bytes_of(const apple_command& command) {
  octets room(max_apple_command);
  byte_writer writer(room);
  encode_apple_command(command, writer);
  room.resize(writer.size());
  return room;
}
/// An RTP packet with one list and no journal.
octets rtp(std::uint32_t ssrc, std::uint16_t sequence, std::string_view list) {
  auto body = hex(list);
  octets room(2000);
  byte_writer writer(room);
  encode_rtp_header({false, sequence, 1, ssrc}, writer);
  encode_section_header(body.size(), false, writer);
  writer.bytes(body);
  room.resize(writer.size());
  return room;
}

/// What a remote participant is and sends; nothing is automatic.
struct participant {
  std::string name;
  std::uint32_t ssrc;
  io::endpoint control;
  io::endpoint data = control.with_port(static_cast<std::uint16_t>(control.port + 1));
  std::uint32_t token = 0x1000 + ssrc;
  std::uint16_t sequence = 100;

  octets invite() const { return bytes_of(invitation{invitation_kind::invite, token, ssrc, name}); }
  octets accept(std::uint32_t their_token) const {
    return bytes_of(invitation{invitation_kind::accept, their_token, ssrc, name});
  }
  octets refuse(std::uint32_t their_token) const {
    return bytes_of(invitation{invitation_kind::refuse, their_token, ssrc, {}});
  }
  octets goodbye() const { return bytes_of(invitation{invitation_kind::goodbye, token, ssrc, {}}); }
  octets play(std::string_view list) { return rtp(ssrc, ++sequence, list); }
};

struct listening_stage : actor_stage {
  using datagrams = std::vector<scripted_socket::datagram>;

  explicit listening_stage(std::size_t max_peers = 100)
      : router(keep(spawn_router(system(), std::make_shared<routing_settings>())))
      , ear(std::make_shared<heard>()) {
    io::set_log_level(io::log_level::off);
    context->identity = {"Hub", hub_ssrc};
    context->control = control;
    context->data = data;
    context->max_peers = max_peers;
    context->seed = 1;
    listener = keep(spawn_listener(system(), context, router));
    tell(router, atom::attach_v, ear_key,
         port_description{port_kind::test, "stage", "ear", true, true}, audience(ear));
    run();
  }
  ~listening_stage() {
    end(listener);
    end(router);
    io::set_log_level(io::log_level::info);
  }

  void arrive(scripted_socket& on, const datagrams& together) {
    on.arrive(together, now().time_since_epoch());
    run();
  }
  /// The whole handshake, from the peer's side.
  void join(const participant& who) {
    arrive(*control, {{who.control, who.invite()}});
    arrive(*data, {{who.data, who.invite()}});
  }
  std::vector<ump> take_heard() {
    std::vector<ump> messages;
    for (const auto& e : ear->events)
      messages.push_back(e.message);
    ear->events.clear();
    return messages;
  }
  session_info status() {
    auto info = ask<session_info>(listener, atom::status_v);
    REQUIRE(info);
    return *info;
  }
  /// The names of ports that are up, and in brackets of those that are away, without our ear's.
  std::string ports() {
    auto infos = ask<std::vector<port_info>>(router, atom::status_v);
    REQUIRE(infos);
    std::vector<std::string> names;
    for (const auto& info : *infos)
      if (info.description.kind == port_kind::rtp)
        names.push_back(info.up ? info.id : "[" + info.id + "]");
    std::ranges::sort(names);
    std::string text;
    for (const auto& name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text;
  }
  /// The AppleMIDI invitations, answers and goodbyes sent on a socket to this address.
  static std::vector<invitation> invitations(const datagrams& sent, const io::endpoint& to) {
    std::vector<invitation> out;
    for (const auto& one : sent) {
      auto command = decode_apple_command(one.bytes);
      if (one.where == to && command && std::holds_alternative<invitation>(*command))
        out.push_back(std::get<invitation>(*command));
    }
    return out;
  }
  static std::vector<octets> rtp_to(const datagrams& sent, const io::endpoint& to) {
    std::vector<octets> out;
    for (const auto& one : sent)
      if (one.where == to && !looks_like_apple_command(one.bytes))
        out.push_back(one.bytes);
    return out;
  }
  std::size_t planned() { return scheduler().clock().schedule().size(); }

  std::shared_ptr<scripted_socket> control = std::make_shared<scripted_socket>(at("::", 5004));
  std::shared_ptr<scripted_socket> data = std::make_shared<scripted_socket>(at("::", 5005));
  session_context_ptr context = std::make_shared<session_context>();
  router_actor router;
  std::shared_ptr<heard> ear;
  port_key ear_key = next_port_key();
  listener_actor listener;
  participant anna{"Anna", 0xA1, at("10.0.0.1", 5004)};
  participant bert{"Bert", 0xB2, at("10.0.0.2", 5004)};
};

const ump note_60 = make_short(0x90, 60, 64);
const ump release_60 = make_short(0x80, 60, 64);

} // namespace

// -- coming in --

TEST_CASE_METHOD(listening_stage, "a peer that invites us becomes a port", "[actors][listener]") {
  arrive(*control, {{anna.control, anna.invite()}});
  auto answers = invitations(control->take_sent(), anna.control);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == invitation{invitation_kind::accept, anna.token, hub_ssrc, "Hub"});
  CHECK(ports().empty());
  arrive(*data, {{anna.data, anna.invite()}});
  answers = invitations(data->take_sent(), anna.data);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].kind == invitation_kind::accept);
  CHECK(ports() == "rtp/Hub/Anna");
  auto info = status();
  CHECK(info.name == "Hub");
  CHECK(info.ssrc == hub_ssrc);
  REQUIRE(info.peers.size() == 1);
  CHECK(info.peers[0].name == "Anna");
  CHECK(info.peers[0].address.control == anna.control);
  CHECK(info.peers[0].address.data == anna.data);
  CHECK_FALSE(info.peers[0].invited_by_us);
  CHECK(info.strangers == 0);
}

TEST_CASE_METHOD(listening_stage, "what a peer plays is heard, what is played it gets",
                 "[actors][listener]") {
  join(anna);
  join(bert);
  data->take_sent();
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
  auto to_bert = rtp_to(data->take_sent(), bert.data);
  REQUIRE(to_bert.size() == 1);
  auto packet = decode_rtp_packet(to_bert[0]);
  REQUIRE(packet);
  CHECK(to_hex(packet->list) == "903c40");
  CHECK(packet->header.ssrc == hub_ssrc);
  CHECK(rtp_to(data->sent, anna.data).empty());
}

TEST_CASE_METHOD(listening_stage, "a block of many senders is sorted, each one's in its order",
                 "[actors][listener]") {
  std::vector<participant> peers;
  for (unsigned i = 0; i < 5; ++i) {
    peers.push_back(
        {"P" + std::to_string(i), 0x100 + i, at("10.0.1." + std::to_string(i + 1), 5004)});
    join(peers.back());
  }
  std::mt19937 random(5);
  datagrams block;
  std::vector<std::vector<ump>> played(peers.size());
  for (int i = 0; i < 300; ++i) {
    auto who = random() % peers.size();
    auto note = static_cast<std::uint8_t>(random() % 128);
    octets list{static_cast<std::uint8_t>(0x90 | who), note, 64};
    block.push_back({peers[who].data, peers[who].play(to_hex(list))});
    played[who].push_back(make_short(list[0], note, 64));
    if (random() % 10 == 0)
      block.push_back({at("10.9.9.9", 1), {}}); // empty, from nobody
  }
  arrive(*data, block);
  std::vector<std::vector<ump>> got(peers.size());
  for (const auto& message : take_heard())
    got[message.channel()].push_back(message);
  CHECK(got == played);
}

// -- who may not --

TEST_CASE_METHOD(listening_stage, "strangers and those without a handshake are counted, not heard",
                 "[actors][listener]") {
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});       // nobody we know
  arrive(*control, {{anna.control, octets{1, 2, 3}}});       // nothing
  arrive(*data, {{anna.data, anna.invite()}});               // no control IN before
  arrive(*control, {{anna.control, anna.goodbye()}});        // of nobody
  arrive(*control, {{anna.control, hex("ffff 'IN' 0000")}}); // broken
  CHECK(status().strangers == 5);
  CHECK(take_heard().empty());
  CHECK(control->take_sent().empty());
  CHECK(data->take_sent().empty());
  join(anna);
  arrive(*control, {{anna.control, anna.play("90 3c 40")}}); // RTP belongs on the data port
  arrive(*data, {{anna.control, anna.play("90 3c 40")}});    // and comes from the data address
  arrive(*data, {{anna.data.with_port(9), anna.play("90 3c 40")}});
  CHECK(take_heard().empty());
  CHECK(status().strangers == 8);
}

TEST_CASE_METHOD(listening_stage, "the system drops a peer's flood of foreign SSRCs",
                 "[actors][listener][flood]") {
  join(anna);
  auto stranger = anna;
  stranger.ssrc = 0x5050;
  auto flood = datagrams(flood_watch::limit, {anna.data, stranger.play("90 3c 40")});
  arrive(*data, {{anna.data, anna.play("90 3c 40")}}); // is no flood
  arrive(*data, flood);
  CHECK(data->dropping.empty());
  arrive(*data, flood);
  CHECK(data->dropping ==
        std::vector<scripted_socket::foreign_drop>{{anna.data, anna.ssrc, flood_watch::rest}});
  CHECK(status().peers.at(0).status.foreign_ssrc == 2 * flood_watch::limit);
  arrive(*data, flood); // until the filter stands
  CHECK(data->dropping.size() == 1);
  CHECK(take_heard().size() == 1);

  // A participant that starts anew has another SSRC, and is heard under it.
  anna.ssrc = stranger.ssrc;
  anna.token += 1;
  join(anna);
  REQUIRE(data->dropping.size() == 2);
  CHECK(data->dropping.back().from == anna.data);
  CHECK(data->dropping.back().time.count() == 0);
}

TEST_CASE("a full session answers NO", "[actors][listener]") {
  listening_stage t(1);
  t.join(t.anna);
  t.control->take_sent();
  t.arrive(*t.control, {{t.bert.control, t.bert.invite()}});
  auto answers = listening_stage::invitations(t.control->take_sent(), t.bert.control);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == invitation{invitation_kind::refuse, t.bert.token, hub_ssrc, {}});
  CHECK(t.status().refused == 1);
  CHECK(t.status().peers.size() == 1);
  t.arrive(*t.control, {{t.anna.control, t.anna.invite()}}); // who is in may repeat
  CHECK(listening_stage::invitations(t.control->take_sent(), t.anna.control)[0].kind ==
        invitation_kind::accept);
}

// -- coming back --

TEST_CASE_METHOD(listening_stage, "a peer that comes back on another port is the same port again",
                 "[actors][listener]") {
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  auto moved = anna;
  moved.control = at("10.0.0.1", 6004);
  moved.data = at("10.0.0.1", 6005);
  moved.token = 0x7777;
  join(moved);
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*data, {{moved.data, moved.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
  arrive(*data, {{anna.data, anna.play("90 3d 40")}}); // from where it was
  CHECK(take_heard().empty());
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].address.control == moved.control);
}

// The goodbye waited for the end of the block, the invitation behind it did not, so that it was the
// new session that ended.
TEST_CASE_METHOD(listening_stage, "a goodbye and a new invitation in one block keep their order",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  auto token = invitations(control->take_sent(), anna.control)[0].token;
  arrive(*control, {{anna.control, anna.accept(token)}});
  arrive(*data, {{anna.data, anna.accept(token)}});
  REQUIRE(ports() == "rtp/Hub/Anna");
  arrive(*control, {{anna.control, anna.goodbye()}, {anna.control, anna.invite()}});
  arrive(*data, {{anna.data, anna.invite()}});
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].status.state == handshake_state::connected);
  CHECK(ports() == "rtp/Hub/Anna");
}

TEST_CASE_METHOD(listening_stage, "what comes behind an invitation in a block is done after it",
                 "[actors][listener]") {
  participant ann{"Ann", 0x11, at("10.0.0.1", 5004)};
  auto stranger = at("10.0.0.9", 7);
  join(ann);
  // Were the goodbye done first, the invitation would find nobody and start a new session.
  arrive(
      *control,
      {{ann.control, ann.invite()}, {stranger, hex("FF FF 42 59")}, {ann.control, ann.goodbye()}});
  CHECK(ports() == "[rtp/Hub/Ann]");
  CHECK(status().peers.empty());
  CHECK(status().strangers == 1);
}

TEST_CASE_METHOD(listening_stage, "a goodbye from another port of the host ends the session",
                 "[actors][listener]") {
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  take_heard();
  arrive(*control, {{at("10.0.0.9", 5004), anna.goodbye()}}); // another host
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*control, {{at("10.0.0.1", 9999), anna.goodbye()}});
  CHECK(take_heard() == std::vector{release_60});
  CHECK(ports() == "[rtp/Hub/Anna]");
  CHECK(status().peers.empty());
}

TEST_CASE_METHOD(listening_stage, "a peer that ended and invites again gets its port id again",
                 "[actors][listener]") {
  for (int i = 0; i < 3; ++i) {
    join(anna);
    CHECK(ports() == "rtp/Hub/Anna");
    arrive(*control, {{anna.control, anna.goodbye()}});
    CHECK(ports() == "[rtp/Hub/Anna]");
  }
}

TEST_CASE_METHOD(listening_stage, "twins with one SSRC and token on two hosts both come in",
                 "[actors][listener]") {
  auto twin = anna;
  twin.control = at("10.0.0.2", 5004);
  twin.data = at("10.0.0.2", 5005);
  arrive(*control, {{anna.control, anna.invite()}, {twin.control, twin.invite()}});
  arrive(*data, {{anna.data, anna.invite()}, {twin.data, twin.invite()}});
  CHECK(ports() == "rtp/Hub/Anna, rtp/Hub/Anna (2)");
  arrive(*data, {{anna.data, anna.play("90 3c 40")}, {twin.data, twin.play("91 3c 40")}});
  CHECK(take_heard().size() == 2);
}

TEST_CASE_METHOD(listening_stage, "a namesake on another host comes in once the first has answered",
                 "[actors][listener]") {
  join(anna);
  auto namesake = anna;
  namesake.ssrc = 0xA2;
  namesake.token = 0xA3;
  namesake.control = at("10.0.0.2", 5004);
  namesake.data = at("10.0.0.2", 5005);
  arrive(*control, {{namesake.control, namesake.invite()}});
  CHECK(ports() == "rtp/Hub/Anna");
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  advance(1s);
  arrive(*control, {{namesake.control, namesake.invite()}});
  arrive(*data, {{namesake.data, namesake.invite()}});
  CHECK(ports() == "rtp/Hub/Anna, rtp/Hub/Anna (2)");
}

// -- going --

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

struct large_stage : listening_stage {
  large_stage()
      : listening_stage(2 * knock_limit::burst) {}
};

// Nobody is told NO for it: who is, does not try again.
TEST_CASE_METHOD(large_stage, "a host that floods with invitations is looked at now and then",
                 "[actors][listener]") {
  std::size_t answers = 0;
  constexpr std::uint32_t knocks = knock_limit::burst + 100;
  for (std::uint32_t i = 0; i < knocks; ++i) {
    participant stranger{"Stranger", 0x5000 + i,
                         anna.control.with_port(static_cast<std::uint16_t>(20000 + 2 * i))};
    arrive(*control, {{stranger.control, stranger.invite()}});
    answers += control->take_sent().size();
  }
  CHECK(answers == knock_limit::burst);
  CHECK(status().strangers == knocks - knock_limit::burst);
  join(bert);
  CHECK(ports() == "rtp/Hub/Bert");
}

// -- inviting --

TEST_CASE_METHOD(listening_stage, "a participant that we invite becomes a port",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  auto sent = invitations(control->take_sent(), anna.control);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].kind == invitation_kind::invite);
  CHECK(sent[0].name == "Hub");
  CHECK(sent[0].ssrc == hub_ssrc);
  arrive(*control, {{anna.control, anna.accept(sent[0].token)}});
  auto on_data = invitations(data->take_sent(), anna.data);
  REQUIRE(on_data.size() == 1);
  CHECK(on_data[0] == sent[0]);
  arrive(*data, {{anna.data, anna.accept(sent[0].token)}});
  CHECK(ports() == "rtp/Hub/Anna");
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].invited_by_us);
  CHECK(status().peers[0].status.initiator);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
}

TEST_CASE_METHOD(listening_stage,
                 "an invitation that nobody answers goes on, and a NO is respected",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  tell(listener, atom::invite_v, wanted(bert.control), target_watcher());
  run();
  auto token = invitations(control->take_sent(), bert.control)[0].token;
  arrive(*control, {{bert.control, bert.refuse(token)}});
  advance(29s);
  auto sent = control->take_sent();
  CHECK(invitations(sent, anna.control).size() > 20);
  CHECK(invitations(sent, bert.control).empty());
  advance(2s);
  CHECK_FALSE(invitations(control->take_sent(), bert.control).empty());
}

TEST_CASE_METHOD(listening_stage, "an unreachable address is reported to the session that uses it",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  control->take_sent();
  control->report_unreachable(bert.control); // nobody's
  control->report_unreachable(anna.control);
  run();
  REQUIRE(status().peers.size() == 1);
  CHECK(status().peers[0].status.state == handshake_state::waiting);
  advance(1250ms);
  CHECK(invitations(control->take_sent(), anna.control).size() == 1);
}

TEST_CASE_METHOD(listening_stage, "one that we invite and that invites us is one peer",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(anna.control), target_watcher());
  run();
  join(anna);
  CHECK(ports() == "rtp/Hub/Anna");
  CHECK(status().peers.size() == 1);
}

TEST_CASE_METHOD(listening_stage, "the last port has no data port, and that harms nobody",
                 "[actors][listener]") {
  tell(listener, atom::invite_v, wanted(at("10.0.0.7", 65535)), target_watcher());
  advance(3s);
  CHECK(status().peers.size() == 1);
  CHECK(invitations(control->take_sent(), at("10.0.0.7", 65535)).size() == 4);
}

// -- over time --

// Each heartbeat that fired planned the next, also those that an earlier one had made needless: one
// more for ever with every burst of notes.
TEST_CASE_METHOD(listening_stage, "the heartbeats of a session do not multiply",
                 "[actors][listener]") {
  join(anna);
  auto keep_alive = [&] {
    arrive(*data, {{anna.data, bytes_of(clock_exchange{anna.ssrc, 0, {1, 0, 0}})}});
  };
  std::size_t early = 0;
  for (int i = 0; i < 600; ++i) {
    tell(router, atom::midi_v, ear_key,
         make_batch(std::vector<event>{{note_60, now(), true}, {release_60, now(), true}}));
    arrive(*data, {{anna.data, anna.play("90 3c 40 00 80 3c 40")}});
    keep_alive();
    advance(500ms);
    if (i == 60)
      early = planned();
  }
  CHECK(planned() <= early + 5);
  CHECK(planned() < 60);
  CHECK(ports() == "rtp/Hub/Anna");
}

TEST_CASE_METHOD(listening_stage, "an idle session costs a few heartbeats a minute",
                 "[actors][listener]") {
  join(anna);
  advance(5s);
  control->take_sent();
  data->take_sent();
  auto turns = loop().counters().turns;
  for (int i = 0; i < 6; ++i) {
    arrive(*data, {{anna.data, bytes_of(clock_exchange{anna.ssrc, 0, {1, 0, 0}})}});
    advance(10s);
  }
  CHECK(loop().counters().turns - turns < 600);
  CHECK(data->take_sent().size() < 150);
}

TEST_CASE_METHOD(listening_stage, "the garbage of a whole network ends nothing",
                 "[actors][listener]") {
  join(anna);
  std::mt19937 random(99);
  std::vector<octets> seeds{anna.invite(),
                            anna.goodbye(),
                            anna.play("90 3c 40"),
                            bytes_of(clock_exchange{anna.ssrc, 1, {1, 2, 3}}),
                            bytes_of(receiver_feedback{anna.ssrc, 1}),
                            bytes_of(bitrate_limit{anna.ssrc, 1000})};
  for (int i = 0; i < 200; ++i) {
    datagrams block;
    for (int j = 0; j < 32; ++j) {
      auto bytes = seeds[random() % seeds.size()];
      for (auto flips = random() % 4; flips > 0; --flips)
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      if (random() % 8 == 0)
        bytes.resize(random() % (bytes.size() + 1));
      auto host = "10.0.0." + std::to_string(random() % 8);
      block.push_back({at(host, static_cast<std::uint16_t>(5004 + random() % 2)), bytes});
    }
    arrive(random() % 2 ? *control : *data, block);
    control->take_sent();
    data->take_sent();
    advance(random() % 5 ? 10ms : 2s);
  }
  advance(2min);
  take_heard();
  join(anna);
  arrive(*data, {{anna.data, anna.play("90 3c 40")}});
  CHECK(take_heard() == std::vector{note_60});
}
