// A listener and its peer sessions on a scripted network, with a router and a listening port.
#pragma once

#include "io/log.hpp"
#include "protocol/session/session_engine.hpp"
#include "tests/support/actor_stage.hpp"
#include "tests/support/scripted_socket.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::test::listeners {

using namespace protocol;

inline constexpr std::uint32_t hub_ssrc = 0x0A0A0A0A;

inline io::endpoint at(std::string_view host, std::uint16_t port) {
  return io::parse_address(host, port).value();
}
inline invitation_target wanted(const io::endpoint& where) {
  return {to_string(where), {}, {where}};
}
inline octets bytes_of(const apple_command& command) {
  octets room(max_apple_command);
  byte_writer writer(room);
  encode_apple_command(command, writer);
  room.resize(writer.size());
  return room;
}
/// An RTP packet with one list and no journal.
inline octets rtp(std::uint32_t ssrc, std::uint16_t sequence, std::string_view list) {
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

inline const ump note_60 = make_short(0x90, 60, 64);
inline const ump release_60 = make_short(0x80, 60, 64);

} // namespace tutti::test::listeners
